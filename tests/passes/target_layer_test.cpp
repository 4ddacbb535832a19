// Which values are the class scores and the target layer, on hand-made networks; tests/onnx has three real ones.
#include "limn/passes/target_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/ops/table.h"
#include "support/expect_error.h"
#include "support/small_transformer.h"

namespace limn {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using Ints = std::vector<std::int64_t>;

/// Small pieces of networks, in the manner of the families that are named by the tests.
struct Net {
  GraphBuilder g{operators()};

  Value image(Shape shape = {Dim("N"), 3, 8, 8}) { return g.input("image", {DType::f32, std::move(shape)}); }
  Value weight(Dims dims) { return g.constant(Tensor(DType::f32, std::move(dims))); }
  Value conv(Value x, std::int64_t maps, std::int64_t kernel, std::string name) {
    const std::int64_t in = x.shape()[1].value, pad = kernel / 2;
    return g.add("Conv", {x, weight({maps, in, kernel, kernel})},
                 {{"kernel_shape", Ints{kernel, kernel}}, {"pads", Ints{pad, pad, pad, pad}}}, std::move(name));
  }
  Value norm(Value x) {
    const std::int64_t c = x.shape()[1].value;
    return g.add("BatchNormalization", {x, weight({c}), weight({c}), weight({c}), weight({c})});
  }
  Value relu(Value x, std::string name = {}) { return g.add("Relu", {x}, {}, std::move(name)); }
  Value add(Value a, Value b, std::string name = {}) { return g.add("Add", {a, b}, {}, std::move(name)); }
  Value concat(Value a, Value b, std::string name) {
    return g.add("Concat", {a, b}, {{"axis", std::int64_t{1}}}, std::move(name));
  }
  Value pool(Value x, std::string op = "MaxPool") {
    return g.add(op, {x}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  }
  Value global_pool(Value x) { return g.add("GlobalAveragePool", {x}); }
  Value flatten(Value x) { return g.add("Flatten", {x}, {{"axis", std::int64_t{1}}}); }
  Value dense(Value x, std::int64_t out, std::string name = {}) {
    return g.add("Gemm", {x, weight({out, x.shape()[1].value})}, {{"transB", std::int64_t{1}}}, std::move(name));
  }
  Value dropout(Value x) { return g.add("Dropout", {x}); }
  Graph finish(Value y) { return std::move(g).finish({{"y", y}}); }
};

std::string auto_layer(const Graph& g) {
  const auto layer = auto_target_layer(g, find_logits(g).value);
  return layer ? g.value(*layer).name : "none";
}

std::vector<std::string> candidates(const Graph& g) {
  std::vector<std::string> names;
  for (ValueId v : candidate_layers(g, find_logits(g).value)) names.push_back(g.value(v).name);
  return names;
}

TEST(AutoLayer, OfVggIsTheReluBeforeTheLastPool) {
  Net n;
  const Value features = n.relu(n.conv(n.image(), 4, 3, "conv"), "features");
  Value x = n.dropout(n.relu(n.dense(n.flatten(n.pool(features)), 6)));
  x = n.dropout(n.relu(n.dense(x, 6)));
  EXPECT_EQ(auto_layer(n.finish(n.dense(x, 5))), "features");
}

TEST(AutoLayer, OfResNetIsTheLastRectifiedSum) {
  Net n;
  const Value a = n.relu(n.norm(n.conv(n.image(), 4, 3, "conv1")), "relu1");
  const Value b = n.relu(n.add(n.norm(n.conv(a, 4, 3, "conv2")), a), "layer4");
  const Graph g = n.finish(n.dense(n.flatten(n.global_pool(b)), 5));
  EXPECT_EQ(auto_layer(g), "layer4");
  EXPECT_THAT(candidates(g), ElementsAre("relu1", "layer4"));
}

TEST(AutoLayer, OfGoogLeNetIsTheLastConcat) {
  Net n;
  const Value x = n.relu(n.conv(n.image(), 4, 3, "conv"), "stem");
  const Value left = n.relu(n.conv(x, 2, 1, "a"), "branch1"), right = n.relu(n.conv(x, 2, 3, "b"), "branch2");
  const Value y = n.concat(left, right, "inception");
  const Graph g = n.finish(n.dense(n.dropout(n.flatten(n.global_pool(y))), 5));
  EXPECT_EQ(auto_layer(g), "inception");
  EXPECT_THAT(candidates(g), ElementsAre("stem", "branch1", "branch2", "inception"));
}

TEST(AutoLayer, OfDenseNetIsTheReluAfterTheLastNorm) {
  Net n;
  const Value x = n.image();
  const Value y = n.relu(n.norm(n.concat(x, n.conv(x, 2, 3, "conv"), "concat")), "relu");
  EXPECT_EQ(auto_layer(n.finish(n.dense(n.flatten(n.global_pool(y)), 5))), "relu");
}

TEST(AutoLayer, OfSqueezeNetLiesBeforeTheClassConvolution) {
  Net n;
  const Value x = n.relu(n.conv(n.image(), 4, 3, "conv"), "stem");
  const Value y = n.concat(n.relu(n.conv(x, 2, 1, "a")), n.relu(n.conv(x, 2, 3, "b")), "fire9");
  const Value z = n.relu(n.conv(n.dropout(y), 5, 1, "conv10"), "relu_conv10");
  const Graph g = n.finish(n.g.add("Softmax", {n.flatten(n.global_pool(z))}, {{"axis", std::int64_t{1}}}, "p"));
  const Logits logits = find_logits(g);
  EXPECT_EQ(logits.activation, "Softmax");
  EXPECT_EQ(g.nodes()[*g.value(logits.value).producer].op, "Flatten");
  EXPECT_EQ(auto_layer(g), "fire9");
}

TEST(AutoLayer, KeepsAConvolutionOfAnotherWidth) {
  Net n;
  const Value x = n.relu(n.conv(n.image(), 4, 3, "conv"), "stem");
  const Value y = n.relu(n.conv(x, 6, 1, "wide"), "widened");
  EXPECT_EQ(auto_layer(n.finish(n.dense(n.flatten(n.global_pool(y)), 5))), "widened");
}

TEST(AutoLayer, PassesMeansOverSpaceAndMatrixProducts) {
  Net n;
  const Value x = n.relu(n.conv(n.image(), 4, 3, "conv"), "features");
  const Value axes = n.g.constant(Tensor::of<std::int64_t>({2}, {2, 3}));
  const Value mean = n.g.add("ReduceMean", {x, axes}, {{"keepdims", std::int64_t{0}}});
  const Value y = n.add(n.weight({5}), n.g.add("MatMul", {mean, n.weight({4, 5})}));
  EXPECT_EQ(auto_layer(n.finish(y)), "features");
}

TEST(AutoLayer, PassesTransposesToChannelsLast) {
  Net n;
  const Value x = n.relu(n.conv(n.image(), 4, 3, "conv"), "features");
  const Value last = n.g.add("Transpose", {x}, {{"perm", Ints{0, 2, 3, 1}}}, "nhwc");
  const Value axes = n.g.constant(Tensor::of<std::int64_t>({2}, {1, 2}));
  const Value mean = n.g.add("ReduceMean", {last, axes}, {{"keepdims", std::int64_t{0}}});
  EXPECT_EQ(auto_layer(n.finish(n.dense(mean, 5))), "features");
}

TEST(AutoLayer, IsTheGatedProductOfASwish) {
  Net n;
  const Value x = n.conv(n.image(), 4, 3, "conv");
  const Value y = n.g.add("Mul", {x, n.g.add("Sigmoid", {x})}, {}, "swish");
  const Graph g = n.finish(n.dense(n.flatten(n.global_pool(y)), 5));
  EXPECT_EQ(auto_layer(g), "swish");
  EXPECT_THAT(candidates(g), ElementsAre("swish"));
}

TEST(AutoLayer, CountsUnknownSizesAsLarge) {
  Net n;
  const Value x = n.relu(n.conv(n.image({Dim("N"), 3, Dim("H"), Dim("W")}), 4, 3, "conv"), "features");
  EXPECT_EQ(auto_layer(n.finish(n.dense(n.flatten(n.global_pool(x)), 5))), "features");
}

TEST(AutoLayer, IsNothingWithoutASpatialLayer) {
  Net n;
  EXPECT_EQ(auto_layer(n.finish(n.dense(n.flatten(n.image()), 5))), "none");
}

TEST(FindLogits, PrefersScoresToOtherOutputs) {
  Net n;
  const Value x = n.relu(n.conv(n.image(), 4, 3, "conv"), "features");
  const Value y = n.dense(n.flatten(n.global_pool(x)), 5, "scores");
  const Value constant = n.weight({1, 5});
  const Graph g = std::move(n.g).finish({{"constant", constant}, {"features", x}, {"scores", y}});
  const Logits logits = find_logits(g);
  EXPECT_EQ(g.value(logits.value).name, "scores");
  EXPECT_EQ(logits.activation, "");
}

TEST(FindLogits, StandBehindSigmoidAndReshape) {
  Net n;
  const Value scores = n.dense(n.flatten(n.image()), 4, "scores");
  const Value y = n.g.add("Sigmoid", {scores});
  const Value shape = n.g.constant(Tensor::of<std::int64_t>({2}, {-1, 4}));
  const Graph g = n.finish(n.g.add("Reshape", {y, shape}));
  const Logits logits = find_logits(g);
  EXPECT_EQ(g.value(logits.value).name, "scores");
  EXPECT_EQ(logits.activation, "Sigmoid");
}

TEST(FindLogits, TakeTheOutputThatIsAskedFor) {
  Net n;
  const Value flat = n.flatten(n.image());
  const Value main = n.dense(flat, 4, "main"), auxiliary = n.dense(flat, 4, "auxiliary");
  const Graph g = std::move(n.g).finish({{"first", main}, {"second", auxiliary}});
  EXPECT_EQ(g.value(find_logits(g).value).name, "main");
  EXPECT_EQ(g.value(find_logits(g, "second").value).name, "auxiliary");
  EXPECT_ERROR(find_logits(g, "third"), ErrorCode::not_found,
               AllOf(HasSubstr("no output 'third'"), HasSubstr("first, second")));
}

TEST(AutoLayer, OfAClassTokenAreTheTokensThatEnterTheLastAttention) {
  const Graph g = test::SmallTransformer().finish_with_class_token();
  EXPECT_EQ(auto_layer(g), "block1");
  EXPECT_THAT(candidates(g), IsSupersetOf({"patches", "with_class", "block1"}));
}

TEST(AutoLayer, OfAveragedTokensAreTheLastOnes) {
  EXPECT_EQ(auto_layer(test::SmallTransformer().finish_with_mean()), "block2");
}

TEST(FindLogits, NeedsAnOutputOfTheImage) {
  Net n;
  n.image();
  const Graph g = n.finish(n.weight({1, 5}));
  EXPECT_ERROR(find_logits(g), ErrorCode::unsupported, HasSubstr("no output of the network depends on its input"));
}

}  // namespace
}  // namespace limn
