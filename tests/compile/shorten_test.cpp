// Explanations in fewer passes compute what they did; where that cannot be, they stay as they are.
#include "limn/compile/shorten.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "support/pass_test.h"

namespace limn {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using Ops = std::vector<std::string>;

class Shorten : public test::PassTest {
 protected:
  /// dx of a convolution with the filters `w`, whose cotangent is `dy`.
  Value conv_grad(Value dy, Value w, Dims x, std::int64_t group = 1) {
    return emit("limn::ConvGrad", {dy, w, sizes(std::move(x))}, {{"group", group}});
  }
  Ops after(Graph (*pass)(const Graph&), std::vector<std::pair<std::string, Value>> outputs) {
    return operators_of(PassTest::after(pass, std::move(outputs)));
  }
};

class ScaledWeights : public Shorten {};

TEST_F(ScaledWeights, TakeTheDerivativeOfABatchNormalisation) {
  const Value dy = input("dy", {Dim("N"), 4, 5, 6});
  const Value ratio = constant({4}) / sqrt(g_.constant(Tensor::of<float>({4}, {1, 2, 0.5F, 3})) + 1e-5F);
  const Value dx = conv_grad(dy * reshape(ratio, {1, 4, 1, 1}), constant({4, 3, 3, 3}), {2, 3, 7, 8});
  const Ops ops = after(with_scaled_weights, {{"dx", dx}});
  EXPECT_EQ(ops.back(), "limn::ConvGrad");
  EXPECT_EQ(std::ranges::count(ops, "Mul"), 1) << "of the weights";
}

TEST_F(ScaledWeights, KnowBothShapesAndBothOrders) {
  const Value dy = input("dy", {2, 4, 5, 6}), w = constant({4, 3, 3, 3});
  const Value a = conv_grad(constant({4, 1, 1}) * dy, w, {2, 3, 7, 8});
  const Value b = conv_grad(dy * constant({1, 4, 1, 1}), w, {2, 3, 7, 8});
  EXPECT_THAT(after(with_scaled_weights, {{"a", a}, {"b", b}}),
              ElementsAre("Reshape", "Mul", "limn::ConvGrad", "Reshape", "Mul", "limn::ConvGrad"));
}

TEST_F(ScaledWeights, ScaleTheFiltersOfEveryGroup) {
  const Value dy = input("dy", {2, 6, 5, 5});
  const Value dx = conv_grad(dy * constant({1, 6, 1, 1}), constant({6, 1, 3, 3}), {2, 3, 7, 7}, 3);
  EXPECT_THAT(after(with_scaled_weights, {{"dx", dx}}), ElementsAre("Reshape", "Mul", "limn::ConvGrad"));
}

TEST_F(ScaledWeights, LeaveAProductThatIsReadTwice) {
  const Value product = input("dy", {2, 4, 5, 6}) * constant({1, 4, 1, 1});
  const Value dx = conv_grad(product, constant({4, 3, 3, 3}), {2, 3, 7, 8});
  EXPECT_THAT(after(with_scaled_weights, {{"dx", dx}, {"product", product}}), ElementsAre("Mul", "limn::ConvGrad"));
}

TEST_F(ScaledWeights, LeaveFactorsOfImagesAndOfPixels) {
  const Value dy = input("dy", {2, 4, 5, 6}), w = constant({4, 3, 3, 3});
  const Value a = conv_grad(dy * input("gate", {2, 4, 1, 1}), w, {2, 3, 7, 8});
  const Value b = conv_grad(dy * input("one", {1, 4, 1, 1}), w, {2, 3, 7, 8});
  const Value c = conv_grad(dy * constant({1, 1, 5, 6}), w, {2, 3, 7, 8});
  const Value d = conv_grad(dy * constant({1, 4, 5, 6}), w, {2, 3, 7, 8});
  EXPECT_EQ(after(with_scaled_weights, {{"a", a}, {"b", b}, {"c", c}, {"d", d}}).size(), 8U);
}

TEST_F(ScaledWeights, LeaveAFactorThatRepeatsTheCotangent) {
  const Value dx =
      conv_grad(input("dy", {2, 1, 5, 6}) * constant({1, 4, 1, 1}), constant({4, 3, 3, 3}), {2, 3, 7, 8});
  EXPECT_THAT(after(with_scaled_weights, {{"dx", dx}}), ElementsAre("Mul", "limn::ConvGrad"));
}

TEST_F(ScaledWeights, LeaveWeightsThatAreFed) {
  const Value dx =
      conv_grad(input("dy", {2, 4, 5, 6}) * constant({1, 4, 1, 1}), input("w", {4, 3, 3, 3}), {2, 3, 7, 8});
  EXPECT_THAT(after(with_scaled_weights, {{"dx", dx}}), ElementsAre("Mul", "limn::ConvGrad"));
}

class FewerPasses : public Shorten {};

TEST_F(FewerPasses, LetAProductRepeat) {
  const Value x = input("x", {Dim("N"), 3, 4, 4}), means = input("means", {Dim("N"), 3, 1, 1});
  const Value spread = emit("Expand", {means, shape_of(x)});
  EXPECT_THAT(after(with_fewer_passes, {{"a", spread * x}, {"b", x - spread}}), ElementsAre("Mul", "Sub"));
}

TEST_F(FewerPasses, LetBothRepeat) {
  const Value x = input("x", {2, 3, 4, 4});
  const Value a = emit("Expand", {input("a", {2, 3, 1, 1}), shape_of(x)});
  const Value b = emit("Expand", {input("b", {2, 1, 4, 4}), shape_of(x)});
  EXPECT_THAT(after(with_fewer_passes, {{"y", a * b}}), ElementsAre("Mul"));
}

TEST_F(FewerPasses, KeepOneOfTwo) {
  const Value x = input("x", {2, 3, 4, 4});
  const Value a = emit("Expand", {input("a", {2, 3, 1, 1}), shape_of(x)});
  const Value b = emit("Expand", {input("b", {2, 3, 1, 1}), shape_of(x)});
  EXPECT_THAT(after(with_fewer_passes, {{"y", a * b}}), ElementsAre("Expand", "Mul"));
}

TEST_F(FewerPasses, LookThroughArithmeticWithANumber) {
  const Value x = input("x", {Dim("N"), 3, 4, 4}), means = input("means", {Dim("N"), 3, 1, 1});
  const Value spread = emit("Expand", {means, shape_of(x)}) / float_constant(g_, 16);
  EXPECT_THAT(after(with_fewer_passes, {{"y", spread * x}}), ElementsAre("Div", "Mul"));
}

TEST_F(FewerPasses, LookThroughTwo) {
  const Value x = input("x", {Dim("N"), 3, 4, 4}), rows = input("rows", {Dim("N"), 3, 4, 1});
  const Value one = emit("Expand", {float_constant(g_, 2), shape_of(rows)});
  EXPECT_THAT(after(with_fewer_passes, {{"y", emit("Expand", {one, shape_of(x)}) * x}}), ElementsAre("Mul"));
}

TEST_F(FewerPasses, FixTheSizesOfAReshape) {
  const Value flat = input("flat", {Dim("N"), 12}), like = input("like", {Dim("N"), 3, 2, 2});
  EXPECT_THAT(after(with_fewer_passes, {{"y", reshape_like(flat, like)}}), ElementsAre("Reshape"));
}

TEST_F(FewerPasses, LeaveAReshapeWithTwoOpenSizes) {
  const Value flat = input("flat", {Dim("M"), 3}), like = input("like", {Dim("A"), Dim("B"), 3});
  feeds_["flat"] = numbers({4, 3});
  EXPECT_THAT(after(with_fewer_passes, {{"y", reshape_like(flat, like)}}), ElementsAre("Shape", "Reshape"));
}

TEST_F(FewerPasses, KeepWhatNothingElseRepeats) {
  const Value x = input("x", {2, 3, 4, 4}), means = input("means", {2, 3, 1, 1});
  const Value spread = emit("Expand", {means, shape_of(x)});
  const Ops ops = after(with_fewer_passes, {{"y", spread * float_constant(g_, 2)}, {"z", relu(spread)}});
  EXPECT_THAT(ops, Contains("Expand"));
}

TEST_F(FewerPasses, KeepASizeThatNobodyKnows) {
  const Value x = input("x", {2, Dim()}), one = input("one", {2, 1});
  EXPECT_THAT(after(with_fewer_passes, {{"y", emit("Expand", {one, shape_of(x)}) * x}}), Contains("Expand"));
}

TEST_F(FewerPasses, TakeTheSlopeOfASwishFromWhatIsThere) {
  const Value x = input("x", {2, 3}), dy = input("dy", {2, 3});
  const Value s = emit("Sigmoid", {x}), y = x * s;
  const Value dx = dy * s + (dy * x) * (s - s * s);
  EXPECT_THAT(after(with_fewer_passes, {{"y", y}, {"dx", dx}}),
              ElementsAre("Sigmoid", "Mul", "Sub", "Mul", "Add", "Mul"));
}

TEST_F(FewerPasses, KnowASwishInAnyOrder) {
  const Value x = input("x", {2, 3}), dy = input("dy", {2, 3});
  const Value s = emit("Sigmoid", {x}), y = s * x;
  const Value dx = (s - s * s) * (x * dy) + s * dy;
  EXPECT_EQ(after(with_fewer_passes, {{"y", y}, {"dx", dx}}).size(), 6U);
}

TEST_F(FewerPasses, LeaveAGateOfAnotherValue) {
  const Value x = input("x", {2, 3}), dy = input("dy", {2, 3}), z = input("z", {2, 3});
  const Value s = emit("Sigmoid", {z}), y = x * s;
  EXPECT_EQ(after(with_fewer_passes, {{"y", y}, {"dx", dy * s + (dy * x) * (s - s * s)}}).size(), 8U);
}

TEST_F(FewerPasses, LeaveTwoCotangents) {
  const Value x = input("x", {2, 3}), a = input("a", {2, 3}), b = input("b", {2, 3});
  const Value s = emit("Sigmoid", {x}), y = x * s;
  EXPECT_EQ(after(with_fewer_passes, {{"y", y}, {"dx", a * s + (b * x) * (s - s * s)}}).size(), 8U);
}

TEST_F(FewerPasses, LeaveASlopeWithoutItsSwish) {
  const Value x = input("x", {2, 3}), dy = input("dy", {2, 3});
  const Value s = emit("Sigmoid", {x});
  EXPECT_EQ(after(with_fewer_passes, {{"dx", dy * s + (dy * x) * (s - s * s)}}).size(), 7U);
}

}  // namespace
}  // namespace limn
