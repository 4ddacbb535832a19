// Which operators keep places apart, and how far a change reaches through them.

#include "limn/passes/window_reach.h"

#include <gtest/gtest.h>

#include <limits>

#include "limn/ops/table.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

/// What is found for one node over x [1, 4, 9, 8].
class WindowReachOf : public ::testing::Test {
 protected:
  std::optional<WindowReach> reach(std::string_view op, const std::vector<Value>& in, Attrs attrs = {}) {
    const Value y = g_.add(op, in, std::move(attrs));
    const std::size_t k = g_.node_count() - 1;
    const Graph graph = std::move(g_).finish({{"y", y}});
    return window_reach(graph, graph.nodes()[k]);
  }
  Value constant(Dims dims) {
    const std::vector<float> ones(static_cast<std::size_t>(element_count(dims)), 1.0F);
    return g_.constant(Tensor::of<float>(std::move(dims), ones));
  }

  GraphBuilder g_{operators()};
  Value x_ = g_.input("x", {DType::f32, Shape{1, 4, 9, 8}});
};

TEST_F(WindowReachOf, AConvolutionGrowsByItsKernel) {
  const auto found = reach("Conv", {x_, constant({2, 4, 3, 3})}, {{"pads", Ints{1, 1, 1, 1}}});
  EXPECT_EQ(found->through(0, {4, 5}), (Span{3, 6}));
  EXPECT_EQ(found->through(1, {0, 2}), (Span{0, 3}));  // cut at the border
  EXPECT_EQ(found->through(1, {7, 8}), (Span{6, 8}));
  EXPECT_TRUE(found->through(0, {4, 4}).empty());
  EXPECT_EQ(found->padding, 0);
}

TEST_F(WindowReachOf, StridesAndDilations) {
  const auto found =
      reach("Conv", {x_, constant({2, 4, 3, 1})}, {{"strides", Ints{2, 3}}, {"dilations", Ints{2, 1}}});
  EXPECT_EQ(found->through(0, {4, 5}), (Span{0, 3}));  // windows at 0, 2 and 4 over five rows
  EXPECT_EQ(found->through(1, {3, 4}), (Span{1, 2}));
  EXPECT_TRUE(found->through(1, {4, 6}).empty());  // no window looks there
}

TEST_F(WindowReachOf, PoolingPadsByItsKind) {
  const auto found =
      reach("MaxPool", {x_}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}});
  EXPECT_EQ(found->padding, std::numeric_limits<float>::lowest());
  EXPECT_EQ(found->through(0, {3, 4}), (Span{1, 3}));
}

TEST_F(WindowReachOf, AveragesWhoseDivisorDependsOnThePlaceAreLeftOut) {
  EXPECT_FALSE(reach("AveragePool", {x_}, {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}}));
}

TEST_F(WindowReachOf, AveragesThatCountTheirPaddingAreNot) {
  EXPECT_TRUE(
      reach("AveragePool", {x_},
            {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"count_include_pad", std::int64_t{1}}}));
}

TEST_F(WindowReachOf, ElementsOfChannelsAreKept) {
  const auto found = reach("Mul", {x_, constant({4, 1, 1})});
  EXPECT_EQ(found->through(0, {2, 5}), (Span{2, 5}));
}

TEST_F(WindowReachOf, NumbersThatDifferFromPlaceToPlaceAreLeftOut) {
  EXPECT_FALSE(reach("Add", {x_, constant({1, 1, 9, 8})}));
}

TEST_F(WindowReachOf, ChannelsJoined) { EXPECT_TRUE(reach("Concat", {x_, x_}, {{"axis", std::int64_t{1}}})); }

TEST_F(WindowReachOf, ChannelsJoinedWithAConstantAreLeftOut) {
  EXPECT_FALSE(reach("Concat", {x_, constant({1, 1, 9, 8})}, {{"axis", std::int64_t{1}}}));
}

TEST_F(WindowReachOf, RowsJoinedAreLeftOut) {
  EXPECT_FALSE(reach("Concat", {x_, x_}, {{"axis", std::int64_t{2}}}));
}

TEST_F(WindowReachOf, WhatMixesAllPlacesIsLeftOut) { EXPECT_FALSE(reach("GlobalAveragePool", {x_})); }

TEST_F(WindowReachOf, WhatIsNotKnownIsLeftOut) {
  EXPECT_FALSE(reach("Transpose", {x_}, {{"perm", Ints{0, 1, 3, 2}}}));
}

TEST(Spans, Join) {
  EXPECT_EQ((Span{1, 3}).joined({2, 7}), (Span{1, 7}));
  EXPECT_EQ((Span{5, 5}).joined({2, 3}), (Span{2, 3}));
  EXPECT_EQ((Span{2, 3}).joined({9, 9}), (Span{2, 3}));
}

}  // namespace
}  // namespace limn
