// Concatenations without copies, runs without allocations, sessions side by side.

#include <algorithm>
#include <thread>

#include "runtime/heap_count.h"
#include "runtime/small_network.h"

namespace limn {
namespace {

Value fire(SmallNetwork& n, Value x, std::int64_t squeeze, std::int64_t expand) {
  const Value s = relu(n.conv(x, squeeze, {1, 1}, {}));
  return n.concat(
      {relu(n.conv(s, expand, {1, 1}, {})), relu(n.conv(s, expand, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}))});
}

long copies_in(const Program& program) {
  return std::ranges::count(program.steps(), std::string("limn:channels"), &StepInfo::kernel);
}

TEST(Memory, ConcatenationsOfWholeBlocksCopyNothing) {
  for (const std::int64_t batch : {1, 3}) {
    SmallNetwork n(3);
    const Value x = n.input(3, 12, 12);
    const Value y = fire(n, fire(n, relu(n.conv(x, 32, {3, 3}, {})), 16, 32), 16, 64);
    const Value logits = n.flatten(n.global_average(y));
    const Graph graph = n.finish({{"logits", logits}});
    const CompileOptions options{{{"N", batch}}, 1};
    EXPECT_EQ(copies_in(Program::compile(graph, options)), 0);
    expect_like_reference(graph, {{"x", n.normal({batch, 3, 12, 12}, 1.0F)}}, options);
  }
}

// As DenseNets are exported: every layer concatenates all maps before it anew.
TEST(Memory, ConcatenationsThatGrowShareOneBuffer) {
  for (const std::int64_t batch : {1, 2}) {
    SmallNetwork n(4);
    const Value x = n.input(3, 9, 9);
    std::vector<Value> maps{relu(n.conv(x, 32, {3, 3}, {}))};
    for (int i = 0; i < 4; ++i) {
      const Value all = maps.size() == 1 ? maps[0] : n.concat(maps);
      maps.push_back(n.conv(relu(n.batch_norm(all)), 16, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}));
    }
    const Value y = relu(n.batch_norm(n.concat(maps)));
    const Value logits = n.flatten(n.global_average(y));
    const Value target = n.graph().input("target", logits.type());
    const Value d = pull_back(logits, target, std::span(&x, 1)).front();
    const Graph graph = n.finish({{"logits", logits}, {"dx", d}});
    const CompileOptions options{{{"N", batch}}, 1};
    EXPECT_EQ(copies_in(Program::compile(graph, options)), 0);
    expect_like_reference(graph, {{"x", n.normal({batch, 3, 9, 9}, 1.0F)}, {"target", n.normal({batch, 96}, 1.0F)}},
                          options);
  }
}

TEST(Memory, AConcatenationInsideAnotherIsWrittenInPlace) {
  SmallNetwork n(5);
  const Value x = n.input(3, 9, 9);
  const Value a = relu(n.conv(x, 16, {3, 3}, {})), b = relu(n.conv(x, 32, {3, 3}, {}));
  const Value inner = n.concat({a, b}), outer = n.concat({inner, relu(n.conv(x, 16, {3, 3}, {})), a});
  const Graph graph = n.finish({{"y", outer + 1.0F}, {"inner", inner}});
  expect_like_reference(graph, {{"x", n.normal({2, 3, 9, 9}, 1.0F)}}, {{{"N", 2}}, 1});
}

/// Grad-CAM of a small network.
Graph grad_cam_graph() {
  SmallNetwork n(6);
  const Value x = n.input(3, 24, 24);
  const Value a = fire(n, relu(n.conv(x, 32, {7, 7}, {{"strides", Ints{2, 2}}})), 16, 32);
  const Value logits = n.flatten(n.global_average(relu(n.conv(a, 40, {1, 1}, {{"pads", Ints{1, 1, 1, 1}}}))));
  const Value target = n.graph().input("target", logits.type());
  const Value d = pull_back(logits, target, std::span(&a, 1)).front();
  const Value map = relu(reduce_sum(reduce_mean(d, {2, 3}) * a, {1}));
  return n.finish({{"logits", logits}, {"map", map}});
}

// oneDNN keeps a table of arguments during each call, and OpenMP a record of each team; nothing else comes from the
// heap.
TEST(Memory, ARunAllocatesNothing) {
  if (!HeapCount::works()) GTEST_SKIP() << "sanitizers have an allocator of their own";
  const Program program = Program::compile(grad_cam_graph(), {{}, 2});
  Session session(program);
  const auto run = [&] {
    session.input("x")[0] = 1.0F;
    session.input("target")[3] = 1.0F;
    session.run();
  };
  run();
  const HeapCount count;
  for (int i = 0; i < 3; ++i) run();
  EXPECT_EQ(count.outside_libraries(), 0);
  // The counter sees what it is to see.
  std::vector<int> seen(10);
  EXPECT_EQ(count.outside_libraries(), 1) << seen.size();
}

TEST(Memory, GradCamLikeReference) {
  SmallNetwork n(8);
  Tensor target(DType::f32, {1, 40});
  std::ranges::fill(target.mutable_view().as<float>(), 0.0F);
  target.mutable_view().as<float>()[11] = 1.0F;
  expect_like_reference(grad_cam_graph(), {{"x", n.normal({1, 3, 24, 24}, 1.0F)}, {"target", target}}, {{}, 2});
}

TEST(Memory, SessionsOfOneProgramRunSideBySide) {
  const Program program = Program::compile(grad_cam_graph(), {});
  SmallNetwork n(9);
  const Tensor x = n.normal({1, 3, 24, 24}, 1.0F);
  const auto map_of = [&](std::size_t target) {
    Session session(program);
    std::ranges::copy(x.as<float>(), session.input("x").begin());
    session.input("target")[target] = 1.0F;
    session.run();
    const auto map = session.output("map");
    return std::vector<float>(map.begin(), map.end());
  };
  std::vector<std::vector<float>> alone, together(4);
  for (std::size_t i = 0; i < 4; ++i) alone.push_back(map_of(i));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) together[i] = map_of(i);
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(together, alone);
}

}  // namespace
}  // namespace limn
