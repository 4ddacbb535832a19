// Each pass: what it does to a small graph, and that the graph computes the same afterwards.

#include <gmock/gmock.h>

#include "limn/passes/bind.h"
#include "limn/passes/fold_batch_norm.h"
#include "limn/passes/merge.h"
#include "limn/passes/prune.h"
#include "limn/passes/simplify.h"
#include "runtime/small_network.h"

namespace limn {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> operators_of(const Graph& g) {
  std::vector<std::string> ops;
  for (const Node& n : g.nodes()) ops.push_back(n.op);
  return ops;
}

void expect_same_values(const Graph& before, const Graph& after, const Feeds& feeds, double tolerance = 1e-12) {
  const auto want = evaluate(before, feeds), got = evaluate(after, feeds);
  ASSERT_EQ(want.size(), got.size());
  for (const auto& [name, value] : want) {
    ASSERT_EQ(value.dims(), got.at(name).dims()) << name;
    const auto a = value.as<double>(), b = got.at(name).as<double>();
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance * (1.0 + std::abs(a[i]))) << name;
  }
}

TEST(Prune, DropsWhatNoOutputReadsAndKeepsInputs) {
  SmallNetwork n(1);
  const Value x = n.graph().input("x", {DType::f32, Shape{4}});
  n.graph().input("unused", {DType::f32, Shape{4}});
  const Value y = relu(x);
  n.weight(n.normal({8}, 1.0F));
  exp(y);
  const Graph g = prune(n.finish({{"y", y}}));
  EXPECT_THAT(operators_of(g), ElementsAre("Relu"));
  EXPECT_EQ(g.inputs().size(), 2U);
  EXPECT_EQ(g.value_count(), 3U);
}

TEST(Bind, ShapesBecomeConstantsAndShapeArithmeticFolds) {
  SmallNetwork n(1);
  const Value x = n.input(6, 4, 4);
  GraphBuilder& g = n.graph();
  const Value first =
      g.add("Gather", {shape_of(x), g.constant(Tensor::scalar<std::int64_t>(0))}, {{"axis", std::int64_t{0}}});
  const Value rows = g.add("Concat", {g.add("Unsqueeze", {first, int64_constant(g, {0})}), int64_constant(g, {-1})},
                           {{"axis", std::int64_t{0}}});
  const Graph before = n.finish({{"y", relu(reshape(x, rows))}});
  const Graph after = prune(limn::bind(before, {{"N", 3}}));
  EXPECT_THAT(operators_of(after), ElementsAre("Reshape", "Relu"));
  EXPECT_EQ(known_dims(after.shape(after.outputs()[0].value)), (Dims{3, 96}));
  expect_same_values(before, after, {{"x", n.normal({3, 6, 4, 4}, 1.0F)}});
}

TEST(Bind, ConstantsAreComputedNowUnlessThatMakesThemLarge) {
  SmallNetwork n(1);
  GraphBuilder& g = n.graph();
  const Value x = g.input("x", {DType::f32, Shape{4}});
  const Value small = exp(n.weight(n.normal({4}, 1.0F)));
  const Value large = expand(float_constant(g, 1.0F), int64_constant(g, {1024, 1024, 4}));
  const Graph after = prune(limn::bind(n.finish({{"y", x * small}, {"z", x * large}}), {}));
  EXPECT_THAT(operators_of(after), ElementsAre("Expand", "Mul", "Mul"));
}

TEST(Bind, ANamelessOrUnnamedSizeIsOneAndASizeMustBePositive) {
  SmallNetwork n(1);
  const Value x = n.input(2, 3, 3);
  const Graph g = n.finish({{"y", relu(x)}});
  EXPECT_EQ(known_dims(limn::bind(g, {}).shape(limn::bind(g, {}).at("x"))), (Dims{1, 2, 3, 3}));
  EXPECT_THROW(limn::bind(g, {{"N", 0}}), Error);
}

TEST(FoldBatchNorm, DisappearsIntoTheConvolutionBeforeIt) {
  for (const bool bias : {false, true}) {
    SmallNetwork n(2);
    const Value x = n.input(3, 6, 6);
    const Value y = relu(n.batch_norm(n.conv(x, 4, {3, 3}, {}, bias)));
    const Graph before = n.finish({{"y", y}});
    const Graph after = fold_batch_norm(before);
    EXPECT_THAT(operators_of(after), ElementsAre("Conv", "Relu"));
    EXPECT_TRUE(after.find(before.value(before.nodes()[1].out[0]).name)) << "the normalised value keeps its name";
    expect_same_values(before, after, {{"x", n.normal({2, 3, 6, 6}, 1.0F)}}, 1e-6);
  }
}

TEST(FoldBatchNorm, StaysWhereTheConvolutionIsAskedForOrReadTwice) {
  SmallNetwork n(2);
  const Value x = n.input(3, 6, 6);
  const Value a = n.conv(x, 4, {3, 3}, {}), b = n.conv(x, 4, {3, 3}, {});
  const std::string asked = n.graph().info(a.id).name;
  const Value y = n.batch_norm(a) + n.batch_norm(b) + b + n.batch_norm(n.weight(n.normal({1, 4, 1, 1}, 1.0F)));
  const Graph g = n.finish({{"y", y}});
  const std::vector<std::string> keep{asked};
  EXPECT_EQ(operators_of(fold_batch_norm(g, keep)), operators_of(g));
}

TEST(Merge, EqualNodesAndConstantsBecomeOne) {
  SmallNetwork n(3);
  GraphBuilder& g = n.graph();
  const Value x = n.input(3, 6, 6);
  const Tensor w = n.normal({4, 3, 1, 1}, 1.0F);
  const Attrs same{{"strides", Ints{1, 1}}}, other{{"strides", Ints{2, 2}}};
  const Value a = g.add("Conv", {x, g.constant(w)}, same), b = g.add("Conv", {x, g.constant(w)}, same);
  const Value c = g.add("Conv", {x, g.constant(w)}, other),
              d = g.add("Conv", {x, n.weight(n.normal({4, 3, 1, 1}, 1.0F))}, same);
  const Graph before = n.finish({{"y", relu(a) + relu(b)}, {"c", c}, {"d", d}});
  const Graph after = merge_equal(before);
  EXPECT_THAT(operators_of(after), ElementsAre("Conv", "Conv", "Conv", "Relu", "Add"));
  expect_same_values(before, after, {{"x", n.normal({1, 3, 6, 6}, 1.0F)}});
}

TEST(Simplify, NodesThatChangeNothingDisappear) {
  SmallNetwork n(4);
  GraphBuilder& g = n.graph();
  const Value x = g.input("x", {DType::f32, Shape{2, 3, 4, 4}});
  Value y = g.add("Identity", {g.add("Dropout", {x})});
  y = reshape(y, Ints{2, 3, 4, 4}) + 0.0F;
  y = transpose(y, {0, 1, 2, 3}) * 1.0F;
  y = g.add("Concat", {g.add("Pad", {y, int64_constant(g, Ints(8, 0))})}, {{"axis", std::int64_t{1}}});
  y = g.add("Slice", {y, int64_constant(g, {0}), int64_constant(g, {3}), int64_constant(g, {1})});
  EXPECT_THAT(operators_of(prune(simplify(n.finish({{"y", relu(y)}})))), ElementsAre("Relu"));
}

TEST(Simplify, TheMeanOfWhatWasRepeatedIsWhatItWas) {
  SmallNetwork n(4);
  GraphBuilder& g = n.graph();
  const Value x = g.input("x", {DType::f32, Shape{2, 3, 1, 1}}),
              row = g.input("row", {DType::f32, Shape{1, 3, 4, 4}});
  const Value wide = g.add("Expand", {x, int64_constant(g, {2, 3, 4, 4})});
  const Value rows = g.add("Expand", {row, int64_constant(g, {2, 3, 4, 4})});
  const Graph before = n.finish({{"mean", relu(reduce_mean(wide, {2, 3}))},
                                 {"pool", abs(g.add("GlobalAveragePool", {wide}))},
                                 {"other", reduce_mean(rows, {2, 3})},
                                 {"sum", reduce_sum(wide, {2, 3})}});
  const Graph after = prune(simplify(before));
  EXPECT_THAT(operators_of(after), ElementsAre("Expand", "Expand", "Relu", "Abs", "ReduceMean", "ReduceSum"));
  expect_same_values(before, after, {{"x", n.normal({2, 3, 1, 1}, 1.0F)}, {"row", n.normal({1, 3, 4, 4}, 1.0F)}});
}

TEST(Simplify, SizesMayHaveNames) {
  SmallNetwork n(4);
  GraphBuilder& g = n.graph();
  const Value x = g.input("means", {DType::f32, Shape{Dim("N"), 3, 1, 1}}), like = n.input(3, 4, 4);
  const Value other = g.input("other", {DType::f32, Shape{Dim(), 3}});
  const Graph before = n.finish({{"mean", relu(reduce_mean(emit("Expand", {x, shape_of(like)}), {2, 3}))},
                                 {"unknown", abs(reshape(other, Ints{-1, 3}))}});
  const Graph after = prune(simplify(before));
  EXPECT_THAT(operators_of(after), ElementsAre("Relu", "Reshape", "Abs")) << "an unnamed size may be any";
}

TEST(Simplify, OnesThatAreRepeatedAreOnes) {
  SmallNetwork n(4);
  GraphBuilder& g = n.graph();
  const Value x = g.input("x", {DType::f32, Shape{Dim("N"), 3}});
  const Value ones = expand_like(float_constant(g, 1), x), zeros = zeros_like(x);
  const Graph before = n.finish({{"y", relu((ones * x) / ones + zeros - zeros)}});
  EXPECT_THAT(operators_of(prune(simplify(before))), ElementsAre("Relu"));
}

TEST(Simplify, PoolsOfOnePixelDoNothing) {
  SmallNetwork n(4);
  const Value x = n.input(2, 5, 5);
  const Attrs one{{"kernel_shape", Ints{1, 1}}, {"strides", Ints{1, 1}}, {"pads", Ints(4, 0)}};
  const Value y = n.graph().add("AveragePool", {n.graph().add("MaxPool", {x}, one)}, one);
  const Value dy = n.graph().input("dy", y.type());
  const Value dx = n.graph().add("limn::AveragePoolGrad", {dy, shape_of(x)}, one);
  const Value third = n.graph().add("AveragePool", {x}, {{"kernel_shape", Ints{1, 1}}, {"strides", Ints{3, 3}}});
  const Graph before = limn::bind(n.finish({{"y", relu(y)}, {"dx", relu(dx)}, {"third", third}}), {{"N", 2}});
  EXPECT_THAT(operators_of(prune(simplify(before))), ElementsAre("AveragePool", "Relu", "Relu"));
}

TEST(Simplify, NodesThatLookIdleButAreNotStay) {
  SmallNetwork n(4);
  GraphBuilder& g = n.graph();
  const Value x = g.input("x", {DType::f32, Shape{2, 2}}), s = g.input("s", {DType::f32, Shape{}});
  const Value reversed = g.add("Slice", {x, int64_constant(g, {-1}), int64_constant(g, {-3}),
                                         int64_constant(g, {0}), int64_constant(g, {-1})});
  const Value shifted = g.add("Pad", {x, int64_constant(g, {1, 0, -1, 0})});
  const Value broadcast = s * g.constant(Tensor::of<float>({2, 2}, {1, 1, 1, 1}));
  const Graph before = n.finish({{"a", reversed}, {"b", shifted}, {"c", transpose(x, {1, 0})}, {"d", broadcast}});
  EXPECT_EQ(operators_of(simplify(before)), operators_of(before));
}

TEST(Simplify, ATransposedMatrixIsReadAsItLies) {
  SmallNetwork n(5);
  GraphBuilder& g = n.graph();
  const Value x = g.input("x", {DType::f32, Shape{2, 5}});
  const Value w = n.weight(n.normal({3, 5}, 1.0F));
  const Graph before = n.finish({{"y", matmul(x, transpose(w, {1, 0}))}});
  const Graph after = prune(simplify(before));
  EXPECT_THAT(operators_of(after), ElementsAre("Gemm"));
  expect_same_values(before, after, {{"x", n.normal({2, 5}, 1.0F)}});
}

// With ties at zero, where several pixels of a window are closed by the rectifier.
TEST(Simplify, TheMaskBeforeMaxPoolingMovesToThePooledSide) {
  SmallNetwork n(6);
  const Value x = n.input(2, 9, 9);
  const Value y = n.max_pool(relu(x), {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}});
  const Value dy = n.graph().input("dy", y.type());
  const Value dx = pull_back(y, dy, std::span(&x, 1)).front();
  const Graph before = limn::bind(n.finish({{"y", y}, {"dx", dx}}), {{"N", 2}});
  const Graph after = prune(simplify(before));
  EXPECT_THAT(operators_of(after), ElementsAre("Relu", "MaxPool", "limn::ReluGrad", "limn::MaxPoolGrad"));
  expect_same_values(before, after,
                     {{"x", n.normal({2, 2, 9, 9}, 1.0F, -1.0F)}, {"dy", n.normal({2, 2, 4, 4}, 1.0F)}});
}

TEST(Simplify, AGuidedMaskMovesToo) {
  SmallNetwork n(6);
  const Value x = n.input(2, 9, 9);
  const Value y = n.max_pool(relu(x), {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}});
  const Value dy = n.graph().input("dy", y.type());
  const Value dx = pull_back(y, dy, std::span(&x, 1), guided_backprop()).front();
  const Graph before = limn::bind(n.finish({{"y", y}, {"dx", dx}}), {{"N", 2}});
  const Graph after = prune(simplify(before));
  EXPECT_THAT(operators_of(after), ElementsAre("Relu", "MaxPool", "limn::ReluGrad", "limn::MaxPoolGrad", "Relu"));
  const std::map<std::string, Tensor> feeds{{"x", n.normal({2, 2, 9, 9}, 1.0F, -1.0F)},
                                            {"dy", n.normal({2, 2, 4, 4}, 1.0F)}};
  expect_same_values(before, after, feeds);
}

// The cut-off cotangent is read elsewhere too.
TEST(Simplify, AGuidedMaskStaysWhereTheUnmaskedIsWanted) {
  SmallNetwork n(6);
  const Value x = n.input(2, 9, 9);
  const Attrs window{{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}};
  const Value y = relu(x), pooled = n.max_pool(y, window);
  const Value dy = n.graph().input("dy", pooled.type());
  const Value cut = relu(n.graph().add("limn::MaxPoolGrad", {dy, y}, window));
  const Graph before = limn::bind(n.finish({{"y", pooled}, {"cut", cut}, {"dx", relu_grad(cut, y)}}), {{"N", 2}});
  EXPECT_EQ(operators_of(prune(simplify(before))), operators_of(before));
}

TEST(Simplify, AveragePoolingComesBeforeAConvolutionOfKernelOne) {
  SmallNetwork n(7);
  const Value x = n.input(6, 8, 8);
  const Value y = n.graph().add("AveragePool", {n.conv(x, 4, {1, 1}, {})},
                                {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  const Value dy = n.graph().input("dy", y.type());
  const Value dx = pull_back(y, dy, std::span(&x, 1)).front();
  const Graph before = prune(limn::bind(n.finish({{"y", y}, {"dx", dx}}), {{"N", 2}}));
  const Graph after = prune(simplify(before));
  EXPECT_THAT(operators_of(after), ElementsAre("AveragePool", "Conv", "limn::ConvGrad", "limn::AveragePoolGrad"));
  expect_same_values(before, after, {{"x", n.normal({2, 6, 8, 8}, 1.0F)}, {"dy", n.normal({2, 4, 4, 4}, 1.0F)}});
}

}  // namespace
}  // namespace limn
