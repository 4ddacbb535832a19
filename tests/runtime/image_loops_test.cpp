// Layers that run image by image. Random networks and phases do so too, in their own files.

#include <algorithm>

#include "runtime/heap_count.h"
#include "runtime/small_network.h"

namespace limn {
namespace {

/// Labels of the steps that run image by image.
std::vector<std::string> steps_by_image(const Program& program) {
  std::vector<std::string> labels;
  for (const StepInfo& s : program.steps())
    if (s.by_image) labels.push_back(s.label);
  return labels;
}

CompileOptions options_for(std::int64_t images, int threads, std::optional<bool> by_image = {}) {
  CompileOptions options{{{"N", images}}, threads};
  options.by_image = by_image;
  return options;
}

/// Two convolutions of large images, and two of small ones with many weights.
Graph wide_then_deep(SmallNetwork& n, std::int64_t size) {
  const Value x = n.input(3, size, size);
  const Ints pads{1, 1, 1, 1};
  Value y = relu(n.conv(x, 32, {3, 3}, {{"pads", pads}}));
  y = n.max_pool(relu(n.conv(y, 32, {3, 3}, {{"pads", pads}})),
                 {{"kernel_shape", Ints{8, 8}}, {"strides", Ints{8, 8}}});
  y = relu(n.conv(y, 512, {3, 3}, {{"pads", pads}, {"strides", Ints{2, 2}}}));
  y = relu(n.conv(y, 512, {3, 3}, {{"pads", pads}, {"strides", Ints{2, 2}}}));
  return n.finish({{"logits", n.dense(n.flatten(n.global_average(y)), 10)}});
}

TEST(ImageLoops, LayersOfLargeImagesRunImageByImageAndThoseOfManyWeightsDoNot) {
  SmallNetwork n(31);
  const Graph graph = wide_then_deep(n, 128);
  const auto loop = steps_by_image(Program::compile(graph, options_for(8, 1)));
  EXPECT_EQ(loop.size(), 3) << ::testing::PrintToString(loop);  // two convolutions and the pooling
  EXPECT_TRUE(steps_by_image(Program::compile(graph, options_for(1, 1))).empty());
  EXPECT_TRUE(steps_by_image(Program::compile(graph, options_for(8, 1, false))).empty());
  SmallNetwork small(31);
  EXPECT_TRUE(steps_by_image(Program::compile(wide_then_deep(small, 32), options_for(8, 1))).empty());
}

TEST(ImageLoops, ThreadsThatWouldWaitForEachOtherComputeEveryImageTogether) {
  SmallNetwork n(31);
  const Graph graph = wide_then_deep(n, 128);
  EXPECT_FALSE(steps_by_image(Program::compile(graph, options_for(8, 2))).empty());
  EXPECT_TRUE(steps_by_image(Program::compile(graph, options_for(9, 2))).empty());
  EXPECT_TRUE(steps_by_image(Program::compile(graph, options_for(8, 3))).empty());
}

TEST(ImageLoops, WhatStaysInALoopNeedsMemoryForAnImageOfEachThread) {
  SmallNetwork n(32);
  const Graph graph = wide_then_deep(n, 128);
  const std::size_t image = sizeof(float) * 32 * 128 * 128;
  const auto bytes = [&](int threads, bool by_image) {
    return Program::compile(graph, options_for(16, threads, by_image)).arena_bytes();
  };
  EXPECT_GE(bytes(1, false), 2 * 16 * image);
  EXPECT_LE(bytes(1, true), 6 * image);  // 1.5 of them the images themselves
  EXPECT_LE(bytes(4, true), 12 * image);
}

struct Case {
  std::int64_t images;
  int threads;
};
class ImageLoopsOf : public ::testing::TestWithParam<Case> {};

/// Branches, parts of concatenations that are read elsewhere too, factors of channels, residuals, pooling.
InputGradient branched(std::int64_t images) {
  SmallNetwork n(33);
  const Value x = n.input(3, 19, 17);
  const Ints pads{1, 1, 1, 1};
  Value y = relu(n.conv(x, 32, {3, 3}, {{"pads", pads}}));
  const Value left = relu(n.conv(y, 16, {1, 1}, {})), right = relu(n.conv(left, 32, {3, 3}, {{"pads", pads}}));
  y = n.concat({left, right});
  y = n.concat({y, relu(n.conv(left + n.conv(y, 16, {1, 1}, {}), 32, {3, 3}, {{"pads", pads}}))});
  y = y * n.graph().add("Sigmoid", {n.conv(n.global_average(y), 80, {1, 1}, {})});
  y = n.max_pool(n.conv(y, 48, {1, 1}, {}), {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}});
  y = relu(y + n.conv(y, 48, {3, 3}, {{"pads", pads}, {"group", std::int64_t{48}}}));
  return input_gradient(n, x, n.dense(n.flatten(n.global_average(y)), 20), {images, 3, 19, 17});
}

TEST_P(ImageLoopsOf, GradientsAreThoseOfTheReference) {
  const auto [images, threads] = GetParam();
  const InputGradient g = branched(images);
  const CompileOptions options = options_for(images, threads, true);
  EXPECT_GT(steps_by_image(Program::compile(g.graph, options)).size(), 20U);
  expect_like_reference(g.graph, g.feeds, options);
}

// Memory of a loop is written over by every image: nothing of the first may be left in the last.
TEST_P(ImageLoopsOf, EveryImageGetsWhatItGetsAlone) {
  const auto [images, threads] = GetParam();
  const InputGradient g = branched(images);
  Session all(Program::compile(g.graph, options_for(images, threads, true)));
  fill(all, g.feeds, {"x", "dy"});
  all.run();
  const auto dx = all.output("dx");
  Session one(Program::compile(g.graph, options_for(1, 1)));
  const std::size_t size = dx.size() / static_cast<std::size_t>(images);
  for (std::size_t i = 0; i < static_cast<std::size_t>(images); ++i) {
    for (const char* name : {"x", "dy"}) {
      const auto to = one.input(name);
      std::ranges::copy(g.feeds.at(name).as<float>().subspan(i * to.size(), to.size()), to.begin());
    }
    one.run();
    const auto want = one.output("dx");
    for (std::size_t k = 0; k < size; ++k) ASSERT_NEAR(dx[i * size + k], want[k], 1e-5) << "image " << i;
  }
}

TEST_P(ImageLoopsOf, RunsWithoutAllocating) {
  if (!HeapCount::works()) GTEST_SKIP() << "sanitizers have an allocator of their own";
  const auto [images, threads] = GetParam();
  const InputGradient g = branched(images);
  Session session(Program::compile(g.graph, options_for(images, threads, true)));
  fill(session, g.feeds, {"x", "dy"});
  session.run();
  fill(session, g.feeds, {"x", "dy"});
  const HeapCount count;
  session.run();
  EXPECT_EQ(count.outside_libraries(), 0);
}

INSTANTIATE_TEST_SUITE_P(Batches, ImageLoopsOf,
                         ::testing::Values(Case{2, 1}, Case{4, 1}, Case{2, 2}, Case{5, 2}, Case{4, 3}, Case{2, 4}),
                         [](const auto& info) {
                           return std::to_string(info.param.images) + "Images" +
                                  std::to_string(info.param.threads) + "Threads";
                         });

}  // namespace
}  // namespace limn
