// Forms of opsets 1 to 6.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "limn/model.h"
#include "limn/ops/evaluate.h"
#include "support/expect_error.h"
#include "support/onnx_writer.h"

namespace limn {
namespace {

using test::OnnxWriter;
using test::set;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Floats = std::vector<float>;

Tensor run(const OnnxWriter& writer, const Tensor& x) {
  return evaluate(import_onnx(writer.bytes()).graph, {{"x", x}}, {FloatWidth::f32}).at("y");
}

/// x [1, 2, 2], a second operand and a node of opset 6.
OnnxWriter with_operand(const std::string& op, const Floats& operand) {
  OnnxWriter writer(6);
  writer.input("x", {1, 2, 2});
  writer.weight("b", {static_cast<std::int64_t>(operand.size())}, operand);
  writer.node(op, {"x", "b"}, {"y"}, "n");
  writer.output("y");
  return writer;
}

const Tensor kX = Tensor::of<float>({1, 2, 2}, {1, 2, -3, 4});

TEST(OldOpsets, BroadcastAlongAnAxis) {
  OnnxWriter writer = with_operand("Add", {10, 20});
  set(*writer.graph().mutable_node(0), "broadcast", 1);
  EXPECT_THAT(run(writer, kX).as<float>(), ElementsAre(11, 22, 7, 24));  // without an axis: the last one
  set(*writer.graph().mutable_node(0), "axis", 1);
  EXPECT_THAT(run(writer, kX).as<float>(), ElementsAre(11, 12, 17, 24));
}

TEST(OldOpsets, OneSlopeForEachChannel) {
  EXPECT_THAT(run(with_operand("PRelu", {5, 0.5F}), kX).as<float>(), ElementsAre(1, 2, -1.5F, 4));
  EXPECT_THAT(run(with_operand("PRelu", {0.5F}), kX).as<float>(), ElementsAre(1, 2, -1.5F, 4));
}

TEST(OldOpsets, CastByName) {
  OnnxWriter writer(5);
  writer.input("x", {1, 2, 2});
  set(writer.node("Cast", {"x"}, {"y"}, "n"), "to", "INT32");
  writer.output("y");
  EXPECT_THAT(run(writer, kX).as<std::int32_t>(), ElementsAre(1, 2, -3, 4));
}

TEST(OldOpsets, TileAlongOneAxis) {
  OnnxWriter writer(5);
  writer.input("x", {1, 2, 2});
  writer.weight("tiles", {}, Floats{2});
  writer.weight("axis", {}, Floats{2});
  writer.node("Tile", {"x", "tiles", "axis"}, {"y"}, "n");
  writer.output("y");
  EXPECT_THAT(run(writer, kX).as<float>(), ElementsAre(1, 2, 1, 2, -3, 4, -3, 4));
}

TEST(OldOpsets, ConcatDefaultsToChannels) {
  OnnxWriter writer(3);
  writer.input("x", {1, 2, 2});
  writer.node("Concat", {"x", "x"}, {"y"}, "n");
  writer.output("y");
  EXPECT_EQ(run(writer, kX).dims(), (Dims{1, 4, 2}));
}

TEST(OldOpsets, BatchNormalizationInTraining) {
  OnnxWriter writer(6);
  writer.input("x", {1, 2, 2});
  for (const char* name : {"scale", "bias", "mean", "variance"}) writer.weight(name, {2}, Floats{1, 1});
  auto& node = writer.node("BatchNormalization", {"x", "scale", "bias", "mean", "variance"}, {"y", "m", "v"}, "n");
  set(node, "epsilon", 0.0F);
  writer.output("y");
  EXPECT_ERROR(import_onnx(writer.bytes()), ErrorCode::unsupported, HasSubstr("training mode"));
  set(node, "is_test", 1);
  EXPECT_THAT(run(writer, kX).as<float>(), ElementsAre(1, 2, -3, 4));
}

TEST(OldOpsets, LogarithmOfASum) {
  OnnxWriter writer(13);
  writer.input("x", {1, 2, 2});
  auto& node = writer.node("ReduceLogSum", {"x"}, {"y"}, "n");
  set(node, "axes", std::vector<std::int64_t>{2});
  set(node, "keepdims", 0);
  writer.output("y");
  EXPECT_THAT(run(writer, kX).as<float>(), ElementsAre(std::log(3.0F), 0));
}

}  // namespace
}  // namespace limn
