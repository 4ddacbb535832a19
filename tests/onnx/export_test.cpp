// Graphs written as ONNX files, and read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "limn/export_onnx.h"
#include "limn/model.h"
#include "limn/ops/build.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"
#include "support/expect_error.h"
#include "support/onnx_writer.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

Tensor numbers(const Dims& dims, float first) {
  Tensor t(DType::f32, dims);
  float v = first;
  for (float& x : t.mutable_view().as<float>()) x = v = v > 2 ? -1.5F : v + 0.25F;
  return t;
}

class Export : public ::testing::Test {
 protected:
  onnx::ModelProto proto(const char* name = "m.onnx") const {
    onnx::ModelProto model;
    std::ifstream file(folder_ / name, std::ios::binary);
    EXPECT_TRUE(model.ParseFromIstream(&file));
    return model;
  }
  /// Both graphs on the same inputs.
  static void expect_same(const Graph& a, const Graph& b, const std::map<std::string, Tensor>& feeds) {
    const auto ours = evaluate(a, feeds), theirs = evaluate(b, feeds);
    ASSERT_EQ(ours.size(), theirs.size());
    for (const auto& [name, tensor] : ours) {
      const auto x = tensor.as<double>(), y = theirs.at(name).as<double>();
      ASSERT_EQ(tensor.dims(), theirs.at(name).dims()) << name;
      for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 1e-12) << name;
    }
  }
  Graph write_and_read(const Graph& graph, const ExportOptions& options = {}) const {
    export_onnx(graph, folder_ / "m.onnx", options);
    return import_onnx(folder_ / "m.onnx").graph;
  }
  ScratchFolder folder_;
};

TEST_F(Export, AClassifierComesBack) {
  const Graph graph = import_onnx(test::small_classifier().bytes()).graph;
  const Graph back = write_and_read(graph);
  expect_same(graph, back, {{"image", numbers({2, 1, 6, 6}, 0)}});
  EXPECT_EQ(to_string(*back.value(back.inputs()[0]).type.shape), "[N, 1, 6, 6]");
  ASSERT_EQ(back.nodes().size(), graph.nodes().size());
  for (std::size_t i = 0; i < back.nodes().size(); ++i) EXPECT_EQ(back.nodes()[i].name, graph.nodes()[i].name);
  EXPECT_TRUE(back.find("features"));
}

TEST_F(Export, LimnsOwnOperatorsAreDecomposed) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{Dim("N"), 1, 7, 7}});
  const Value w = g.constant(numbers({3, 1, 3, 3}, -1), "w");
  const Value z = g.add("Conv", {x, w}, {{"strides", std::vector<std::int64_t>{2, 2}}}, "conv");
  const Value y = g.add("Relu", {z}, {}, "relu");
  const Value p = g.add("MaxPool", {y}, {{"kernel_shape", std::vector<std::int64_t>{2, 2}}}, "pool");
  const Value dy = g.add("limn::MaxPoolGrad", {p * 2.0F, y}, {{"kernel_shape", std::vector<std::int64_t>{2, 2}}});
  const Value dz = relu_grad(dy, y);
  const Value dx = g.add("limn::ConvGrad", {dz, w, shape_of(x)}, {{"strides", std::vector<std::int64_t>{2, 2}}});
  g.add("Exp", {dx}, {}, "unused");
  const Graph graph = std::move(g).finish({{"pooled", p}, {"gradient", dx}});
  const Graph back = write_and_read(graph);
  for (const Node& node : back.nodes()) {
    EXPECT_EQ(node.op.find("::"), std::string::npos) << node.op;
    EXPECT_NE(node.name, "unused");
  }
  expect_same(graph, back, {{"x", numbers({2, 1, 7, 7}, -1)}});
}

TEST_F(Export, AllOfLimnsOperatorsHaveAStandardForm) {
  for (const OpDef* op : all_ops())
    if (op->name.find("::") != std::string_view::npos) {
      EXPECT_NE(op->decompose, nullptr) << op->name;
    }
}

TEST_F(Export, OutputsOfAnyKindHaveTheirNames) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{2}});
  const Value c = g.constant(Tensor::of<float>({2}, {3, 4}), "c");
  const Graph graph =
      std::move(g).finish({{"same", x}, {"kept", c}, {"y", g.add("Neg", {x}, {}, "y")}, {"again", x}});
  expect_same(graph, write_and_read(graph), {{"x", Tensor::of<float>({2}, {1, 2})}});
}

TEST_F(Export, OlderOpsetsGetAttributes) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{Dim("N"), 4}});
  const Value mean = reduce_mean(x, {1}), sum = reduce_sum(x, {1}, false);
  const Graph graph = std::move(g).finish({{"mean", mean}, {"sum", sum}});
  for (const std::int64_t opset : {13, 17, 18, 21}) {
    const Graph back = write_and_read(graph, {.opset = opset});
    expect_same(graph, back, {{"x", numbers({3, 4}, 0)}});
    const auto model = proto();
    EXPECT_EQ(model.opset_import(0).version(), opset);
    for (const auto& node : model.graph().node())
      if (node.op_type() == "ReduceMean") {
        EXPECT_EQ(node.input_size(), opset < 18 ? 1 : 2);
      }
  }
}

TEST_F(Export, SomeOfTheSizesInOlderWords) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{Dim("N"), 3, Dim("W")}});
  const Value last = g.add("Shape", {x}, {{"start", std::int64_t{-1}}}, "last");
  const Value first = g.add("Shape", {x}, {{"end", std::int64_t{2}}}, "first");
  const Graph graph = std::move(g).finish({{"last", last}, {"first", first}});
  for (const std::int64_t opset : {13, 15}) {
    const auto result = evaluate(write_and_read(graph, {.opset = opset}), {{"x", numbers({2, 3, 5}, 0)}});
    EXPECT_THAT(result.at("last").as<std::int64_t>(), ElementsAre(5));
    EXPECT_THAT(result.at("first").as<std::int64_t>(), ElementsAre(2, 3));
    const onnx::ModelProto model = proto();
    for (const auto& node : model.graph().node())
      if (node.op_type() == "Shape") {
        EXPECT_EQ(node.attribute_size(), opset < 15 ? 0 : 1);
      }
  }
}

/// y = MaxPool(x) and the gradient of sum(y^2).
Graph pool_with_gradient(const Shape& x_shape, const Attrs& window) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, x_shape});
  const Value y = g.add("MaxPool", {x}, window, "y");
  return std::move(g).finish({{"dx", g.add("limn::MaxPoolGrad", {y * 2.0F, x}, window, "dx")}});
}

std::vector<Attrs> windows() {
  using Ints = std::vector<std::int64_t>;
  const Ints two{2, 2}, three{3, 3};
  return {{{"kernel_shape", two}, {"strides", two}},
          {{"kernel_shape", two}, {"strides", Ints{3, 3}}},  // with ceil_mode, the last of a size of 6 is dropped
          {{"kernel_shape", three}, {"strides", two}},
          {{"kernel_shape", three}, {"pads", Ints{1, 1, 1, 1}}},
          {{"kernel_shape", Ints{2, 3}}, {"strides", Ints{3, 2}}, {"pads", Ints{0, 2, 1, 0}}},
          {{"kernel_shape", Ints{3, 2}},
           {"strides", Ints{2, 3}},
           {"pads", Ints{1, 1, 0, 0}},
           {"dilations", Ints{1, 2}}}};
}

TEST_F(Export, PoolsHaveAGradientInEveryOpset) {
  // Ties: the first of equals takes the cotangent.
  Tensor values = numbers({2, 2, 7, 6}, -1);
  values.mutable_view().as<float>()[8] = values.mutable_view().as<float>()[9] = 5;
  for (Attrs window : windows())
    for (const bool ceil : {false, true})
      for (const Shape& shape : {Shape{Dim("N"), 2, Dim("H"), Dim("W")}, Shape{Dim("N"), 2, 7, 6}}) {
        window.set("ceil_mode", std::int64_t{ceil});
        const Graph graph = pool_with_gradient(shape, window);
        for (const std::int64_t opset : {13, 16, 21})
          expect_same(graph, write_and_read(graph, {.opset = opset}), {{"x", values}});
      }
}

std::vector<std::string> operators_of(const Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes()) ops.push_back(node.op);
  return ops;
}

// Not every run time has MaxPool with positions, and ScatterElements adds from opset 16 on.
TEST_F(Export, GradientsOfPoolsNeedNeitherPositionsNorScattering) {
  for (const Attrs& window : windows())
    for (const std::int64_t opset : {13, 17, 21}) {
      const Graph back = write_and_read(pool_with_gradient({Dim("N"), 2, 7, 9}, window), {.opset = opset});
      EXPECT_THAT(operators_of(back),
                  Not(AnyOf(Contains("ScatterElements"), Contains("ArgMax"), Contains("Shape"))));
      for (const Node& node : back.nodes()) EXPECT_EQ(node.out.size(), 1U) << node.op;
    }
}

TEST_F(Export, AveragesOverOverhangingWindowsAreSpreadWithoutCutting) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{Dim("N"), 2, 8, 9}});
  const Attrs window{{"kernel_shape", std::vector<std::int64_t>{3, 3}},
                     {"strides", std::vector<std::int64_t>{2, 2}},
                     {"ceil_mode", std::int64_t{1}}};
  const Value y = g.add("AveragePool", {x}, window);
  const Value sizes =
      g.add("Concat", {g.add("Shape", {x}, {{"end", std::int64_t{1}}}), int64_constant(g, {2, 8, 9})},
            {{"axis", std::int64_t{0}}});
  const Graph graph = std::move(g).finish({{"dx", g.add("limn::AveragePoolGrad", {y, sizes}, window, "dx")}});
  const Graph back = write_and_read(graph);
  const Node* spread = nullptr;
  for (const Node& node : back.nodes())
    if (node.op == "ConvTranspose") spread = &node;
  ASSERT_NE(spread, nullptr);
  EXPECT_EQ(spread->attrs.integers("pads"), (std::vector<std::int64_t>{0, 0, 1, 0}));
  expect_same(graph, back, {{"x", numbers({2, 2, 8, 9}, 0)}});
}

// Some exporters pad with what no maximum can be.
TEST_F(Export, PoolsBehindInfinitePaddingHaveAFiniteGradient) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{Dim("N"), 1, 4, 4}});
  const Value around = int64_constant(g, {0, 0, 1, 1, 0, 0, 1, 1});
  const Value padded = g.add("Pad", {x, around, float_constant(g, -std::numeric_limits<float>::infinity())});
  const Attrs window{{"kernel_shape", std::vector<std::int64_t>{3, 3}}};
  const Value y = g.add("MaxPool", {padded}, window);
  const Graph graph = std::move(g).finish({{"dx", g.add("limn::MaxPoolGrad", {y, padded}, window, "dx")}});
  for (const std::int64_t opset : {13, 17})
    expect_same(graph, write_and_read(graph, {.opset = opset}), {{"x", numbers({1, 1, 4, 4}, 0)}});
}

TEST_F(Export, BothBoundsOfAClipAreOneMask) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{Dim("N"), 4}});
  const Value dx = clip_grad(x, x, float_constant(g, 0.0F), float_constant(g, 6.0F));
  const Graph back = write_and_read(std::move(g).finish({{"dx", dx}}));
  EXPECT_THAT(operators_of(back), UnorderedElementsAre("Greater", "Greater", "And", "Cast", "Mul", "Identity"));
}

TEST_F(Export, WhatAnOpsetLacksIsNamed) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{Dim("N"), 4}});
  const Graph graph = std::move(g).finish({{"y", g.add("HardSwish", {x}, {}, "swish")}});
  EXPECT_ERROR(export_onnx(graph, folder_ / "m.onnx", {.opset = 13}), ErrorCode::unsupported,
               AllOf(HasSubstr("node 'swish' (HardSwish)"), HasSubstr("write opset 14")));
  EXPECT_ERROR(export_onnx(graph, folder_ / "m.onnx", {.opset = 12}), ErrorCode::unsupported,
               HasSubstr("13 to 21"));
  EXPECT_ERROR(export_onnx(graph, folder_ / "no" / "m.onnx"), ErrorCode::not_found, HasSubstr("No such file"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

Graph two_large_weights() {
  GraphBuilder g(operators());
  Value x = g.input("x", {DType::f32, Shape{Dim("N"), 40}});
  x = g.add("MatMul", {x, g.constant(numbers({40, 40}, 0), "first")});
  x = g.add("Add", {x, g.constant(numbers({40}, 1), "small")});
  x = g.add("MatMul", {x, g.constant(numbers({40, 50}, -1), "second")});
  return std::move(g).finish({{"y", x}});
}

TEST_F(Export, LargeWeightsAreMapped) {
  const Graph graph = two_large_weights();
  const Graph back = write_and_read(graph);
  expect_same(graph, back, {{"x", numbers({2, 40}, 0)}});
  for (const char* name : {"first", "second"}) {
    const std::byte* at = back.constant(back.at(name))->bytes();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at) % 64, 0U) << name;
  }
  const auto weights = static_cast<std::uintmax_t>(4 * (1600 + 40 + 2000));
  EXPECT_LT(std::filesystem::file_size(folder_ / "m.onnx"), weights + 1000);
}

TEST_F(Export, TooLargeAFileHasItsWeightsBeside) {
  const Graph graph = two_large_weights();
  const Graph back = write_and_read(graph, {.max_bytes = 5000});
  expect_same(graph, back, {{"x", numbers({2, 40}, 0)}});
  EXPECT_EQ(std::filesystem::file_size(folder_ / "m.onnx.data"), 4U * (1600 + 2000));
  EXPECT_LT(std::filesystem::file_size(folder_ / "m.onnx"), 1000U);
}

TEST_F(Export, AFullDiskLeavesNothing) {
  const FileSizeLimit limit(2000);
  EXPECT_ERROR(export_onnx(two_large_weights(), folder_ / "m.onnx"), ErrorCode::io, HasSubstr("cannot write"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(Export, MetadataStays) {
  test::OnnxWriter writer = test::small_classifier();
  auto& entry = *writer.model().add_metadata_props();
  entry.set_key("author");
  entry.set_value("somebody");
  write_and_read(import_onnx(writer.bytes()).graph);
  const auto model = proto();
  ASSERT_EQ(model.metadata_props_size(), 1);
  EXPECT_EQ(model.metadata_props(0).value(), "somebody");
  EXPECT_EQ(model.graph().name(), "test");
}

}  // namespace
}  // namespace limn
