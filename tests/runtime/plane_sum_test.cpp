// Chains whose planes are added up, which write nothing else: against the reference, in blocks and row by row, with
// padding that a chain would make something of.

#include <gmock/gmock.h>

#include "runtime/small_network.h"

namespace limn {
namespace {

using ::testing::Contains;
using ::testing::Not;

class PlaneSum : public ::testing::TestWithParam<std::tuple<std::int64_t, std::int64_t, int>> {};

TEST_P(PlaneSum, EqualsTheReference) {
  const auto [channels, images, threads] = GetParam();
  SmallNetwork n(1);
  GraphBuilder& g = n.graph();
  const Value x = n.input(3, 37, 41);
  const Value a = n.conv(x, channels, {3, 3}, {}), b = n.conv(x, channels, {3, 3}, {});
  const Value planes = g.constant(Tensor::of<std::int64_t>({2}, {2, 3}));
  const Value factor = n.weight(n.normal({1, channels, 1, 1}, 1));
  const Value product = g.add("ReduceSum", {g.add("Mul", {a, b}), planes});
  const Value mean = g.add("ReduceMean", {g.add("Mul", {g.add("Sigmoid", {b}), factor}), planes});
  const Value pooled = g.add("GlobalAveragePool", {g.add("Relu", {g.add("Sub", {a, b})})});
  const Value plain = g.add("ReduceSum", {g.add("Exp", {x}), planes});
  const Graph graph = n.finish({{"product", product}, {"mean", mean}, {"pooled", pooled}, {"plain", plain}});
  const CompileOptions options{{{"N", images}}, threads};
  EXPECT_THAT(kernels_of(graph, options), Contains("limn:chain sum").Times(4));
  EXPECT_THAT(kernels_of(graph, options), Not(Contains("limn:chain")));

  expect_elements_like_reference(graph, {{"x", n.normal({images, 3, 37, 41}, 1)}}, options, 1e-4, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Sizes, PlaneSum,
                         ::testing::Combine(::testing::Values(16, 24, 5), ::testing::Values(1, 3),
                                            ::testing::Values(1, 2)));

/// What somebody else reads has to be written.
TEST(PlaneSums, LeaveAloneWhatIsReadElsewhere) {
  SmallNetwork n(1);
  GraphBuilder& g = n.graph();
  const Value a = n.conv(n.input(3, 9, 9), 16, {3, 3}, {});
  const Value y = g.add("Exp", {a});
  const Graph graph = n.finish({{"y", y}, {"mean", g.add("GlobalAveragePool", {y})}});
  EXPECT_THAT(kernels_of(graph), Contains("limn:planes"));
  EXPECT_THAT(kernels_of(graph), Not(Contains("limn:chain sum")));
}

}  // namespace
}  // namespace limn
