// Old forms of operators, compared by what they compute.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/model.h"
#include "limn/ops/evaluate.h"
#include "support/expect_error.h"
#include "support/onnx_writer.h"

namespace limn {
namespace {

using test::OnnxWriter;
using test::set;
using test::set_tensor;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;

/// One node on one input x.
class OldNode {
 public:
  OldNode(std::int64_t opset, const std::string& op, const std::vector<OnnxWriter::Size>& sizes,
          const std::vector<std::string>& more_inputs = {}, const std::vector<std::string>& outputs = {"y"})
      : writer(opset) {
    writer.input("x", sizes);
    std::vector<std::string> inputs{"x"};
    inputs.insert(inputs.end(), more_inputs.begin(), more_inputs.end());
    node = &writer.node(op, inputs, outputs, "n");
    for (const auto& name : outputs) writer.output(name);
  }

  Graph graph() const { return import_onnx(writer.bytes()).graph; }
  Tensor run(const Dims& dims, const Floats& x, const char* output = "y") const {
    return evaluate(graph(), {{"x", Tensor::of<float>(dims, std::span(x))}}, {FloatWidth::f32}).at(output);
  }
  /// Expects these sizes and elements of y.
  void expect(const Dims& dims, const Floats& x, const Dims& y_dims, const Floats& y) const {
    const Tensor result = run(dims, x);
    EXPECT_EQ(result.dims(), y_dims);
    EXPECT_THAT(result.as<float>(), Pointwise(FloatNear(1e-6F), y));
  }

  OnnxWriter writer;
  onnx::NodeProto* node;
};

TEST(Upgrade, ClipBounds) {
  OldNode n(6 + 1, "Clip", {4});
  set(*n.node, "min", 0.0F);
  set(*n.node, "max", 6.0F);
  n.expect({4}, {-1, 0, 5, 7}, {4}, {0, 0, 5, 6});
}

TEST(Upgrade, ClipWithoutBounds) {
  const OldNode n(7, "Clip", {2});
  n.expect({2}, {-1e30F, 1e30F}, {2}, {-1e30F, 1e30F});
  EXPECT_EQ(n.graph().nodes().front().in.size(), 1U);
}

TEST(Upgrade, DropoutOfEveryAgeHandsOn) {
  OldNode old(7, "Dropout", {2}, {}, {"y", "mask"});
  set(*old.node, "ratio", 0.9F);
  old.expect({2}, {1, 2}, {2}, {1, 2});
  OldNode ratio(12, "Dropout", {2}, {"r"});
  ratio.writer.weight("r", {}, Floats{0.9F});
  ratio.expect({2}, {1, 2}, {2}, {1, 2});
}

TEST(Upgrade, DropoutInTrainingIsRefused) {
  OldNode n(13, "Dropout", {2}, {"r", "training"});
  n.writer.weight("r", {}, Floats{0.9F});
  n.writer.tensor("training", {}, onnx::TensorProto_DataType_BOOL).set_raw_data(std::string(1, '\1'));
  EXPECT_ERROR(n.graph(), ErrorCode::unsupported, AllOf(HasSubstr("training mode"), HasSubstr("node 'n'")));
}

TEST(Upgrade, SqueezeAndUnsqueezeAxes) {
  OldNode squeeze(11, "Squeeze", {1, 3, 1});
  set(*squeeze.node, "axes", Ints{-1});
  squeeze.expect({1, 3, 1}, {1, 2, 3}, {1, 3}, {1, 2, 3});
  OldNode all(7, "Squeeze", {1, 3, 1});
  all.expect({1, 3, 1}, {1, 2, 3}, {3}, {1, 2, 3});
  OldNode unsqueeze(7, "Unsqueeze", {3});
  set(*unsqueeze.node, "axes", Ints{0, 2});
  unsqueeze.expect({3}, {1, 2, 3}, {1, 3, 1}, {1, 2, 3});
}

TEST(Upgrade, ReductionAxes) {
  for (const auto& [op, opset, y] : {std::tuple{"ReduceSum", 11, Floats{3, 7}},
                                     {"ReduceMean", 17, {1.5F, 3.5F}},
                                     {"ReduceMax", 13, {2, 4}},
                                     {"ReduceMin", 7, {1, 3}},
                                     {"ReduceProd", 13, {2, 12}},
                                     {"ReduceL1", 17, {3, 7}},
                                     {"ReduceSumSquare", 17, {5, 25}}}) {
    OldNode n(opset, op, {2, 2});
    set(*n.node, "axes", Ints{1});
    set(*n.node, "keepdims", 0);
    n.expect({2, 2}, {1, 2, 3, 4}, {2}, y);
  }
  OldNode everything(11, "ReduceSum", {2, 2});
  everything.expect({2, 2}, {1, 2, 3, 4}, {1, 1}, {10});
}

TEST(Upgrade, SliceBounds) {
  OldNode n(9, "Slice", {2, 4});
  set(*n.node, "starts", Ints{1, -3});
  set(*n.node, "ends", Ints{9, -1});
  n.expect({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}, {1, 2}, {6, 7});
  OldNode axes(7, "Slice", {2, 4});
  set(*axes.node, "starts", Ints{1});
  set(*axes.node, "ends", Ints{2});
  set(*axes.node, "axes", Ints{1});
  axes.expect({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}, {2, 1}, {2, 6});
  OldNode uneven(7, "Slice", {4});
  set(*uneven.node, "starts", Ints{1});
  EXPECT_ERROR(uneven.graph(), ErrorCode::bad_input, HasSubstr("as many starts as ends"));
}

TEST(Upgrade, PadAmountsAndValue) {
  OldNode n(7, "Pad", {2});
  set(*n.node, "pads", Ints{1, 2});
  set(*n.node, "value", 9.0F);
  n.expect({2}, {1, 2}, {5}, {9, 1, 2, 9, 9});
  OldNode reflect(9, "Pad", {3});
  set(*reflect.node, "mode", "reflect");
  set(*reflect.node, "pads", Ints{2, 0});
  reflect.expect({3}, {1, 2, 3}, {5}, {3, 2, 1, 2, 3});
}

TEST(Upgrade, SplitSizes) {
  OldNode sizes(11, "Split", {5}, {}, {"y", "z"});
  set(*sizes.node, "split", Ints{2, 3});
  EXPECT_THAT(sizes.run({5}, {1, 2, 3, 4, 5}, "z").as<float>(), ElementsAre(3, 4, 5));
  const OldNode equal(13, "Split", {4}, {}, {"y", "z"});
  EXPECT_THAT(equal.run({4}, {1, 2, 3, 4}, "z").as<float>(), ElementsAre(3, 4));
}

TEST(Upgrade, BatchNormalizationWithTrainingOutputs) {
  OldNode n(7, "BatchNormalization", {1, 1, 2, 1}, {"scale", "bias", "mean", "var"}, {"y", "m", "v", "sm", "sv"});
  for (const auto& [name, value] : {std::pair{"scale", 2.0F}, {"bias", 1.0F}, {"mean", 3.0F}, {"var", 4.0F}})
    n.writer.weight(name, {1}, Floats{value});
  set(*n.node, "epsilon", 0.0F);
  set(*n.node, "momentum", 0.9F);
  set(*n.node, "spatial", 1);
  while (n.writer.graph().output_size() > 1) n.writer.graph().mutable_output()->RemoveLast();
  n.expect({1, 1, 2, 1}, {3, 5}, {1, 1, 2, 1}, {1, 3});
  n.node->mutable_attribute(2)->set_i(0);
  EXPECT_ERROR(n.graph(), ErrorCode::unsupported, HasSubstr("spatial=0"));
}

TEST(Upgrade, BatchNormalizationInTrainingIsRefused) {
  OldNode n(15, "BatchNormalization", {1, 1, 2, 1}, {"p", "p", "p", "p"});
  n.writer.weight("p", {1}, Floats{1});
  set(*n.node, "training_mode", 1);
  EXPECT_ERROR(n.graph(), ErrorCode::unsupported, HasSubstr("training mode"));
}

TEST(Upgrade, SoftmaxOverAllAxesBehindTheFirst) {
  // exp(log n) / sum: four numbers of a row are normalised together.
  const Floats x{0, std::log(2.0F), std::log(3.0F), std::log(4.0F)};
  const OldNode n(11, "Softmax", {1, 2, 2});
  n.expect({1, 2, 2}, x, {1, 2, 2}, {0.1F, 0.2F, 0.3F, 0.4F});
  EXPECT_EQ(n.graph().nodes().size(), 3U);  // the sizes are known
  EXPECT_EQ(n.graph().nodes().back().name, "n");
}

TEST(Upgrade, SoftmaxOverOneAxisStaysOneNode) {
  const Floats x{0, std::log(3.0F)};
  const OldNode last(7, "Softmax", {"N", 2});
  last.expect({1, 2}, x, {1, 2}, {0.25F, 0.75F});
  EXPECT_EQ(last.graph().nodes().size(), 1U);
  const OldNode flat(7, "Softmax", {"N", 2, 1, 1});
  flat.expect({1, 2, 1, 1}, x, {1, 2, 1, 1}, {0.25F, 0.75F});
  ASSERT_EQ(flat.graph().nodes().size(), 1U);
  EXPECT_EQ(flat.graph().nodes()[0].attrs.integer("axis", 0), 1);
}

TEST(Upgrade, SoftmaxOfToday) {
  const OldNode n(13, "Softmax", {2, 2});
  n.expect({2, 2}, {0, 0, 0, std::log(3.0F)}, {2, 2}, {0.5F, 0.5F, 0.25F, 0.75F});
}

TEST(Upgrade, TopKNumber) {
  OldNode n(9, "TopK", {4}, {}, {"y", "where"});
  set(*n.node, "k", 2);
  EXPECT_THAT(n.run({4}, {1, 4, 2, 3}).as<float>(), ElementsAre(4, 3));
}

TEST(Upgrade, ReshapeAttribute) {
  OldNode n(7, "Reshape", {4});
  set(*n.node, "shape", Ints{2, -1});
  n.expect({4}, {1, 2, 3, 4}, {2, 2}, {1, 2, 3, 4});
}

TEST(Upgrade, CastsToWiderAndNarrowerFloatsKeepFloat) {
  for (const int to : {onnx::TensorProto_DataType_FLOAT16, onnx::TensorProto_DataType_BFLOAT16,
                       onnx::TensorProto_DataType_DOUBLE}) {
    OldNode n(9, "Cast", {1});
    set(*n.node, "to", to);
    n.expect({1}, {0.1F}, {1}, {0.1F});
  }
  OldNode text(9, "Cast", {1});
  set(*text.node, "to", static_cast<int>(onnx::TensorProto_DataType_STRING));
  EXPECT_ERROR(text.graph(), ErrorCode::unsupported, HasSubstr("casts to string"));
}

TEST(Upgrade, ConstantsOfEveryKind) {
  OldNode n(13, "Add", {2}, {"c"});
  auto& c = n.writer.node("Constant", {}, {"c"}, "constant");
  n.writer.graph().mutable_node()->SwapElements(0, 1);
  set(c, "value_floats", Floats{1, 2});
  n.expect({2}, {1, 1}, {2}, {2, 3});
  EXPECT_EQ(n.graph().nodes().size(), 1U);
}

TEST(Upgrade, ConstantOfHalves) {
  OldNode n(13, "Add", {1}, {"c"});
  auto& c = n.writer.node("Constant", {}, {"c"}, "constant");
  set_tensor(c, "value", {1}, onnx::TensorProto_DataType_FLOAT16).add_int32_data(0x4000);
  n.expect({1}, {1}, {1}, {3});
  EXPECT_THAT(n.graph().data().metadata.at("note"), HasSubstr("became float32"));
}

TEST(Upgrade, ConstantOfTextIsReported) {
  OldNode n(13, "Add", {1}, {"c"});
  set(n.writer.node("Constant", {}, {"c"}, "words"), "value_string", "hello");
  EXPECT_ERROR(n.graph(), ErrorCode::unsupported, AllOf(HasSubstr("node 'words' (Constant"), HasSubstr("numbers")));
}

TEST(Upgrade, InputsOfHalvesAndDoublesAreFloats) {
  OnnxWriter w;
  w.input("x", {1}, onnx::TensorProto_DataType_DOUBLE);
  w.node("Relu", {"x"}, {"y"});
  w.output("y");
  const Graph g = import_onnx(w.bytes()).graph;
  EXPECT_EQ(g.value(g.at("y")).type.dtype, DType::f32);
  EXPECT_THAT(g.data().metadata.at("note"), HasSubstr("became float32"));
}

/// x [N, 2, 3] reshaped to [N, -1] by asking x for its batch, as exporters write it.
OldNode flattened_by_shape(const OnnxWriter::Size& batch) {
  OldNode n(13, "Reshape", {batch, 2, 3}, {"sizes"});
  n.writer.weight("zero", {}, std::vector<std::int64_t>{0});
  n.writer.weight("axes", {1}, std::vector<std::int64_t>{0});
  n.writer.weight("rest", {1}, std::vector<std::int64_t>{-1});
  n.writer.node("Shape", {"x"}, {"shape"});
  n.writer.node("Gather", {"shape", "zero"}, {"batch"});
  n.writer.node("Unsqueeze", {"batch", "axes"}, {"batch_1"});
  set(n.writer.node("Concat", {"batch_1", "rest"}, {"sizes"}), "axis", 0);
  return n;
}

TEST(ShapeArithmetic, OfKnownSizesBecomesConstant) {
  const OldNode n = flattened_by_shape(2);
  const Graph g = n.graph();
  EXPECT_EQ(g.nodes().size(), 1U);
  EXPECT_EQ(to_string(g.shape(g.at("y"))), "[2, 6]");
}

TEST(ShapeArithmetic, KeepsASymbolicBatch) {
  const OldNode n = flattened_by_shape("N");
  const Graph g = n.graph();
  EXPECT_EQ(to_string(g.shape(g.at("y"))), "[N, 6]");
  n.expect({1, 2, 3}, {1, 2, 3, 4, 5, 6}, {1, 6}, {1, 2, 3, 4, 5, 6});
}

TEST(ShapeArithmetic, MayGoThroughFloats) {
  OldNode n(13, "Reshape", {4, 3}, {"sizes"});
  n.writer.weight("half", {1}, Floats{0.5F});
  n.writer.weight("two", {1}, Floats{1.9F});
  n.writer.node("Shape", {"x"}, {"shape"});
  set(n.writer.node("Cast", {"shape"}, {"real"}), "to", 11);
  n.writer.node("Mul", {"real", "half"}, {"halved"});
  n.writer.node("Floor", {"halved"}, {"whole"});
  n.writer.node("Add", {"whole", "two"}, {"more"});
  set(n.writer.node("Cast", {"more"}, {"pair"}), "to", 7);
  n.writer.weight("three", {2}, std::vector<std::int64_t>{0, 4});
  n.writer.node("Add", {"pair", "three"}, {"six"});
  n.writer.weight("flip", {2}, std::vector<std::int64_t>{0, -4});
  n.writer.node("Add", {"six", "flip"}, {"sizes_2"});
  n.writer.weight("scale", {2}, std::vector<std::int64_t>{2, 1});
  n.writer.node("Mul", {"sizes_2", "scale"},
                {"sizes"});  // ([4, 3] / 2 -> [2, 1] + 1.9 -> [3, 2]) * [2, 1] = [6, 2]
  EXPECT_EQ(to_string(n.graph().shape(n.graph().at("y"))), "[6, 2]");
}

TEST(Upgrade, NewNamesAvoidThoseOfTheFile) {
  OldNode n(9, "Slice", {4});
  set(*n.node, "starts", Ints{1});
  set(*n.node, "ends", Ints{3});
  n.writer.node("Relu", {"y"}, {"n/starts"}, "relu");
  n.writer.output("n/starts");
  const Graph g = n.graph();
  EXPECT_EQ(g.nodes().back().op, "Relu");
  EXPECT_TRUE(g.find("n/starts_1"));
}

}  // namespace
}  // namespace limn
