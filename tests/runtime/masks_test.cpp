// Rectifiers that leave a byte for each element behind in place of their value.

#include <algorithm>
#include <limits>

#include "runtime/small_network.h"

namespace limn {
namespace {

std::size_t masks_in(const Graph& graph, const CompileOptions& options = {}) {
  return static_cast<std::size_t>(std::ranges::count_if(kernels_of(graph, options), [](const std::string& kernel) {
    return kernel == "limn:mask" || kernel == "limn:chain and mask";
  }));
}

/// Two convolutions with Relu, one with Clip, and a pool.
Value layers(SmallNetwork& n, Value x) {
  const Ints pads{1, 1, 1, 1};
  Value y = relu(n.conv(x, 16, {3, 3}, {{"pads", pads}}));
  y = n.max_pool(relu(n.conv(y, 24, {3, 3}, {{"pads", pads}})),
                 {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  return n.clip(n.conv(y, 20, {3, 3}, {{"pads", pads}}), 0.0F, 6.0F);
}

TEST(Masks, EveryRectifierOfABackwardPassLeavesOne) {
  SmallNetwork n(41);
  const Value x = n.input(3, 12, 10);
  const InputGradient g = input_gradient(n, x, layers(n, x), {2, 3, 12, 10});
  const CompileOptions options{{{"N", 2}}, 1};
  EXPECT_EQ(masks_in(g.graph, options), 3U);
  expect_like_reference(g.graph, g.feeds, options);
}

TEST(Masks, AForwardPassLeavesNone) {
  SmallNetwork n(41);
  const Value y = layers(n, n.input(3, 12, 10));
  EXPECT_EQ(masks_in(n.finish({{"y", y}})), 0U);
}

// An output is kept as it is; so is what the backward pass asks for more than where it is positive.
TEST(Masks, WhatIsReadLaterKeepsItsValue) {
  SmallNetwork n(42);
  const Value x = n.input(3, 8, 8), y = relu(n.conv(x, 16, {3, 3}, {}));
  const Value dy = n.graph().input("dy", y.type()), wrt[] = {x};
  const Value dx = pull_back(y, dy, wrt).front();
  const Graph with_output = n.finish({{"dx", dx}, {"y", y}});
  EXPECT_EQ(masks_in(with_output), 0U);

  SmallNetwork m(42);
  const Value u = m.input(3, 8, 8), v = relu(m.conv(u, 16, {3, 3}, {}));
  const Value dv = m.graph().input("dy", v.type()), of[] = {u};
  const Value du = pull_back(v, dv, of).front(), later = dv * v;
  const Graph read_later = m.finish({{"dx", du}, {"later", later}});
  const Feeds feeds{{"x", m.normal({1, 3, 8, 8}, 1)}, {"dy", m.normal({1, 16, 6, 6}, 1)}};
  EXPECT_EQ(masks_in(read_later), 0U);
  expect_like_reference(read_later, feeds, {});
}

TEST(Masks, TheBackwardPassNeedsMemoryForBytes) {
  SmallNetwork n(43);
  const Value x = n.input(3, 64, 64);
  Value y = x;
  for (int i = 0; i < 16; ++i) y = relu(n.conv(y, 32, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}));
  const InputGradient g = input_gradient(n, x, y, {1, 3, 64, 64});
  const std::size_t value = sizeof(float) * 32 * 64 * 64;
  // Four values as bytes, what is being computed, and what oneDNN works in, which differs between processors; with
  // sixteen values kept there would be eighteen and more.
  EXPECT_LE(Program::compile(g.graph).arena_bytes(), 13 * value);
}

// Kinks, infinities and what is no number: open is y > 0, whatever y is, and nothing passes where it is closed.
TEST(Masks, AreThoseOfTheDerivatives) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(),
                  kNaN = std::numeric_limits<float>::quiet_NaN();
  const float values[] = {-1.0F, 0.0F, -0.0F, 2.0F, 6.0F, 7.0F, kInfinity, 1e-40F};
  const float cotangents[] = {3.0F, kNaN, kInfinity, -4.0F, 5.0F, 6.0F, 7.0F, 8.0F};
  const float of_relu[] = {0.0F, 0.0F, 0.0F, -4.0F, 5.0F, 6.0F, 7.0F, 8.0F};
  const float of_clip[] = {0.0F, 0.0F, 0.0F, -4.0F, 0.0F, 0.0F, 0.0F, 8.0F};
  for (const bool clips : {false, true}) {
    SmallNetwork n(44);
    const Value x = n.input(16, 4, 6), y = clips ? n.clip(x, 0.0F, 6.0F) : relu(x);
    const Value dy = n.graph().input("dy", y.type()), wrt[] = {x};
    const Graph graph = n.finish({{"dx", pull_back(y, dy, wrt).front()}});
    ASSERT_EQ(masks_in(graph), 1U);
    Session session(Program::compile(graph));
    const auto spread = [](std::span<float> to, std::span<const float> from) {
      for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[i % from.size()];
    };
    spread(session.input("x"), values);
    spread(session.input("dy"), cotangents);
    session.run();
    const auto dx = session.output("dx");
    const float* const wanted = clips ? of_clip : of_relu;
    for (std::size_t i = 0; i < dx.size(); ++i) ASSERT_EQ(dx[i], wanted[i % 8]) << i;
  }
}

TEST(Masks, OfGuidedBackpropagationLetNothingNegativePass) {
  SmallNetwork n(45);
  const Value x = n.input(16, 5, 5), y = relu(x);
  const Value dy = n.graph().input("dy", y.type()), wrt[] = {x};
  const Graph graph = n.finish({{"dx", pull_back(y, dy, wrt, guided_backprop()).front()}});
  ASSERT_EQ(masks_in(graph), 1U);
  expect_like_reference(graph, {{"x", n.normal({1, 16, 5, 5}, 1)}, {"dy", n.normal({1, 16, 5, 5}, 1)}}, {});
}

}  // namespace
}  // namespace limn
