// A mean over the pixels that is taken first is the same mean.
#include "limn/passes/mean_first.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "limn/runtime/weight_means.h"
#include "support/pass_test.h"

namespace limn {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using Ints = std::vector<std::int64_t>;

class MeanFirst : public test::PassTest {
 protected:
  /// dx [N, 3, h, w] of a maximum pooling.
  Value max_pool_grad(const Shape& dy, std::int64_t h, std::int64_t w, Attrs window) {
    return emit("limn::MaxPoolGrad", {input("dy", dy), input("x", {dy[0], 3, h, w})}, std::move(window));
  }
  /// dx [N, 4, 3, 2] of a dense layer of 5 outputs that reads the flattened map.
  Value dense_grad(std::string_view op = "Gemm", Attrs attrs = {}) {
    const Value dy = input("dy", {Dim("N"), 5}), w = constant({5, 24});
    return reshape(emit(op, {dy, w}, std::move(attrs)), {-1, 4, 3, 2});
  }

  std::vector<std::string> after(Value y, ChannelMeans means = channel_means_as_nodes) {
    return operators_of(PassTest::after([&](const Graph& g) { return mean_first(g, means); }, {{"y", y}}));
  }
};

TEST_F(MeanFirst, SkipsMaximumPools) {
  const Value dx =
      max_pool_grad({Dim("N"), 3, 3, 4}, 7, 9, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}});
  EXPECT_THAT(after(reduce_mean(dx, {2, 3})), ElementsAre("ReduceMean", "Mul"));
}

TEST_F(MeanFirst, SkipsPoolsWithPads) {
  const Attrs window{{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}};
  EXPECT_THAT(after(reduce_mean(max_pool_grad({2, 3, 4, 5}, 7, 9, window), {-1, -2})),
              ElementsAre("ReduceMean", "Mul"));
}

TEST_F(MeanFirst, SkipsEvenAverages) {
  const Value dx = emit("limn::AveragePoolGrad", {input("dy", {2, 3, 3, 4}), int64_constant(g_, {2, 3, 6, 9})},
                        {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  EXPECT_THAT(after(reduce_mean(dx, {2, 3})), ElementsAre("ReduceMean", "Mul"));
}

TEST_F(MeanFirst, KeepsPoolsWithGaps) {
  const Attrs gaps{{"kernel_shape", Ints{2, 2}}, {"dilations", Ints{2, 2}}};
  EXPECT_THAT(after(reduce_mean(max_pool_grad({2, 3, 3, 3}, 5, 5, gaps), {2, 3})), Contains("limn::MaxPoolGrad"));
}

TEST_F(MeanFirst, KeepsUnevenAverages) {
  const Value dx = emit("limn::AveragePoolGrad", {input("dy", {2, 3, 3, 3}), int64_constant(g_, {2, 3, 4, 4})},
                        {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}});
  EXPECT_THAT(after(reduce_mean(dx, {2, 3})), Contains("limn::AveragePoolGrad"));
}

TEST_F(MeanFirst, KeepsSumsAndMeansOfOneAxis) {
  const Value dx = max_pool_grad({2, 3, 3, 4}, 7, 9, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}});
  const Value y =
      reduce_mean(dx, {2}) + reduce_sum(dx, {2, 3}) + reshape(reduce_mean(dx, {2, 3}, false), {2, 3, 1, 1});
  EXPECT_THAT(after(y), Contains("limn::MaxPoolGrad"));
}

TEST_F(MeanFirst, ReadsTheMeansOfDenseWeights) {
  EXPECT_THAT(after(reduce_mean(dense_grad(), {2, 3})), ElementsAre("Reshape", "ReduceMean", "Gemm", "Reshape"));
}

TEST_F(MeanFirst, ReadsMeansThatAProgramComputedBefore) {
  EXPECT_THAT(after(reduce_mean(dense_grad("MatMul"), {2, 3}), channel_means_now), ElementsAre("Gemm", "Reshape"));
}

TEST_F(MeanFirst, PassesAPoolOnTheWayToADenseLayer) {
  const Attrs window{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
  const Value dx = emit("limn::MaxPoolGrad", {dense_grad(), input("x", {Dim("N"), 4, 6, 5})}, window);
  EXPECT_THAT(after(reduce_mean(dx, {2, 3}), channel_means_now), ElementsAre("Gemm", "Reshape", "Mul"));
}

TEST_F(MeanFirst, TakesTheMeansOfWeightsOnce) {
  const Value w = constant({5, 24});
  Value y;
  for (const char* name : {"a", "b"}) {
    const Value dx = reshape(emit("Gemm", {input(name, {2, 5}), w}), {2, 4, 3, 2});
    y = y ? y + reduce_mean(dx, {2, 3}) : reduce_mean(dx, {2, 3});
  }
  const auto ops = after(y);
  EXPECT_EQ(std::ranges::count(ops, "ReduceMean"), 1);
  EXPECT_EQ(std::ranges::count(ops, "Gemm"), 2);
}

/// dx [2, 4, h, w] of a convolution of 1 x 1 with 5 outputs.
TEST_F(MeanFirst, PassesPointwiseConvolutions) {
  const Value dx = emit("limn::ConvGrad",
                        {input("dy", {2, 5, 3, 4}), constant({5, 4, 1, 1}), int64_constant(g_, {2, 4, 3, 4})}, {});
  EXPECT_THAT(after(reduce_mean(dx, {2, 3}), channel_means_now),
              ElementsAre("ReduceMean", "Reshape", "Gemm", "Reshape"));
}

TEST_F(MeanFirst, PassesPointwiseConvolutionsBetweenPools) {
  const Attrs window{{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}};
  const auto mixed = [&](Value dy, std::int64_t from, std::int64_t to) {
    return emit("limn::ConvGrad", {dy, constant({from, to, 1, 1}), int64_constant(g_, {2, to, 7, 9})}, {});
  };
  const Value dx = mixed(mixed(max_pool_grad({2, 3, 3, 4}, 7, 9, window), 3, 4), 4, 2);
  const auto ops = after(reduce_mean(emit("limn::MaxPoolGrad", {dx, input("z", {2, 2, 15, 19})}, window), {2, 3}));
  EXPECT_EQ(std::ranges::count(ops, "Gemm"), 2);
  EXPECT_EQ(std::ranges::count(ops, "ReduceMean"), 1);
  EXPECT_EQ(std::ranges::count(ops, "limn::ConvGrad") + std::ranges::count(ops, "limn::MaxPoolGrad"), 0);
}

TEST_F(MeanFirst, KeepsConvolutionsThatMixPixelsOrGroups) {
  const auto grad = [&](const char* name, Dims weights, Attrs attrs, Dims x) {
    return reduce_mean(
        emit("limn::ConvGrad", {input(name, {2, 4, 3, 4}), constant(std::move(weights)), int64_constant(g_, x)},
             std::move(attrs)),
        {2, 3});
  };
  const Value y = grad("a", {4, 6, 1, 3}, {}, {2, 6, 3, 6}) +
                  grad("b", {4, 3, 1, 1}, {{"group", std::int64_t{2}}}, {2, 6, 3, 4}) +
                  grad("c", {4, 6, 1, 1}, {{"strides", Ints{2, 2}}}, {2, 6, 5, 7}) +
                  grad("d", {4, 6, 1, 1}, {{"pads", Ints{1, 0, 0, 0}}}, {2, 6, 2, 4});
  EXPECT_EQ(std::ranges::count(after(y), "limn::ConvGrad"), 4);
}

TEST_F(MeanFirst, KeepsScaledAndBiasedProducts) {
  EXPECT_THAT(after(reduce_mean(dense_grad("Gemm", {{"alpha", 2.0}}), {2, 3})),
              ElementsAre("Gemm", "Reshape", "ReduceMean"));
}

TEST_F(MeanFirst, KeepsAReshapeThatMixesImages) {
  const Value product = emit("Gemm", {input("dy", {2, 5}), constant({5, 24})});
  EXPECT_THAT(after(reduce_mean(reshape(product, {4, 4, 3, 1}), {2, 3})),
              ElementsAre("Gemm", "Reshape", "ReduceMean"));
}

}  // namespace
}  // namespace limn
