#include "limn/passes/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/ops/table.h"

namespace limn {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using Ints = std::vector<std::int64_t>;

Tensor zeros(Dims dims) { return Tensor(DType::f32, std::move(dims)); }

/// Conv 2 groups 4 -> 6 maps of 3x3 on 8x8 (with border), a mean over space, dense 6 -> 5, matrix product 5 -> 2.
Graph network(const Dim& side) {
  GraphBuilder g(operators());
  const Value x = g.input("image", {DType::f32, Shape{Dim("N"), 4, side, side}});
  const Value w = g.constant(zeros({6, 2, 3, 3}));
  const Value y = g.add("Conv", {x, w, g.constant(zeros({6}))},
                        {{"group", std::int64_t{2}}, {"pads", Ints{1, 1, 1, 1}}, {"kernel_shape", Ints{3, 3}}});
  const Value clipped = g.add("Clip", {y, g.constant(Tensor::scalar(0.0F)), g.constant(Tensor::scalar(6.0F))});
  const Value flat = g.add("Flatten", {g.add("GlobalAveragePool", {clipped})}, {{"axis", std::int64_t{1}}});
  const Value dense = g.add("Gemm", {flat, g.constant(zeros({6, 5}))});
  g.constant(zeros({1000}), "nobody reads this");
  return std::move(g).finish({{"y", g.add("MatMul", {dense, g.constant(zeros({5, 2}))})}});
}

TEST(Summary, CountsWhatIsRead) {
  const Summary s = summarize(network(8));
  EXPECT_EQ(s.parameters, 6 * 2 * 9 + 6 + 6 * 5 + 5 * 2);
  EXPECT_EQ(s.multiply_adds, 6 * 8 * 8 * 2 * 9 + 6 * 5 + 5 * 2);
  EXPECT_THAT(s.operators, ElementsAre(Pair("Clip", 1), Pair("Conv", 1), Pair("Flatten", 1), Pair("Gemm", 1),
                                       Pair("GlobalAveragePool", 1), Pair("MatMul", 1)));
}

TEST(Summary, DoesNotGuessAnOpenSize) { EXPECT_EQ(summarize(network(Dim("H"))).multiply_adds, std::nullopt); }

TEST(Summary, CountsTransposedConvolutionsByTheirInput) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{1, 3, 5, 5}});
  const Value y = g.add("ConvTranspose", {x, g.constant(zeros({3, 2, 2, 2}))},
                        {{"strides", Ints{2, 2}}, {"kernel_shape", Ints{2, 2}}});
  EXPECT_EQ(summarize(std::move(g).finish({{"y", y}})).multiply_adds, 3 * 5 * 5 * 2 * 4);
}

}  // namespace
}  // namespace limn
