// Old and new forms of operators on images, compared by what they compute.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/model.h"
#include "limn/ops/evaluate.h"
#include "support/onnx_writer.h"

namespace limn {
namespace {

using test::OnnxWriter;
using test::set;
using ::testing::FloatNear;
using ::testing::Pointwise;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;

/// y = Op(x, more inputs...).
class OneNode {
 public:
  OneNode(std::int64_t opset, const std::string& op, const std::vector<OnnxWriter::Size>& sizes,
          const std::vector<std::string>& more_inputs = {})
      : writer(opset) {
    writer.input("x", sizes);
    std::vector<std::string> inputs{"x"};
    inputs.insert(inputs.end(), more_inputs.begin(), more_inputs.end());
    node = &writer.node(op, inputs, {"y"}, "n");
    writer.output("y");
  }
  Graph graph() const { return import_onnx(writer.bytes()).graph; }
  void expect(const Dims& dims, const Floats& x, const Dims& y_dims, const Floats& y) const {
    const Tensor result =
        evaluate(graph(), {{"x", Tensor::of<float>(dims, std::span(x))}}, {FloatWidth::f32}).at("y");
    EXPECT_EQ(result.dims(), y_dims);
    EXPECT_THAT(result.as<float>(), Pointwise(FloatNear(1e-6F), y));
  }

  OnnxWriter writer;
  onnx::NodeProto* node;
};

TEST(UpgradeImages, UpsampleByAttribute) {
  OneNode n(7, "Upsample", {1, 1, 1, 2});
  set(*n.node, "scales", Floats{1, 1, 2, 2});
  n.expect({1, 1, 1, 2}, {1, 2}, {1, 1, 2, 4}, {1, 1, 2, 2, 1, 1, 2, 2});
}

TEST(UpgradeImages, UpsampleByInput) {
  OneNode n(9, "Upsample", {1, 1, 2}, {"scales"});
  n.writer.weight("scales", {3}, Floats{1, 1, 2});
  set(*n.node, "mode", "linear");
  n.expect({1, 1, 2}, {1, 2}, {1, 1, 4}, {1, 1.5F, 2, 2});
}

TEST(UpgradeImages, ResizeOfOpset10) {
  OneNode n(10, "Resize", {4}, {"scales"});
  n.writer.weight("scales", {1}, Floats{0.5F});
  n.expect({4}, {1, 2, 3, 4}, {2}, {1, 3});
}

TEST(UpgradeImages, ResizeWithEmptyTensorsForInputsLeftOut) {
  OneNode n(11, "Resize", {"N", 1, 2}, {"none", "none", "sizes"});
  n.writer.weight("none", {0}, Floats{});
  n.writer.weight("sizes", {3}, Ints{1, 1, 4});
  set(*n.node, "coordinate_transformation_mode", "asymmetric");
  set(*n.node, "nearest_mode", "floor");
  n.expect({1, 1, 2}, {1, 2}, {1, 1, 4}, {1, 1, 2, 2});
  EXPECT_EQ(n.graph().nodes().front().in.size(), 4U);
  EXPECT_EQ(n.graph().nodes().front().in[1], kAbsent);
}

TEST(UpgradeImages, ResizeKeepsASymbolicBatch) {
  OneNode n(13, "Resize", {"N", 3, 4, 4}, {"", "scales"});
  n.writer.weight("scales", {4}, Floats{1, 1, 2, 2});
  const Graph g = n.graph();
  EXPECT_EQ(to_string(g.shape(g.at("y"))), "[N, 3, 8, 8]");
}

TEST(UpgradeImages, GridSampleOfOpset20) {
  OneNode n(20, "GridSample", {1, 1, 1, 2}, {"grid"});
  n.writer.weight("grid", {1, 1, 1, 2}, Floats{0, 0});
  set(*n.node, "mode", "linear");
  n.expect({1, 1, 1, 2}, {1, 2}, {1, 1, 1, 1}, {1.5F});
}

TEST(UpgradeImages, AffineGrid) {
  OneNode n(20, "AffineGrid", {"N", 2, 3}, {"size"});
  n.writer.weight("size", {4}, Ints{1, 1, 2, 3});
  set(*n.node, "align_corners", 1);
  // x' = 2x + y, y' = y + 1
  n.expect({1, 2, 3}, {2, 1, 0, 0, 1, 1}, {1, 2, 3, 2}, {-3, 0, -1, 0, 1, 0, -1, 2, 1, 2, 3, 2});
  set(*n.node, "align_corners", 0);
  n.node->mutable_attribute()->RemoveLast();
  n.node->mutable_attribute(0)->set_i(0);
  n.expect({1, 2, 3}, {1, 0, 0, 0, 1, 0}, {1, 2, 3, 2},
           {-2.0F / 3, -0.5F, 0, -0.5F, 2.0F / 3, -0.5F, -2.0F / 3, 0.5F, 0, 0.5F, 2.0F / 3, 0.5F});
}

}  // namespace
}  // namespace limn
