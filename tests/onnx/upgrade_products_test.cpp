// Einsum as matrix products, quantized operators in float, and GroupNormalization's older parameters: what they
// compute, and that the graph has the form that fast kernels and derivatives are written for.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/autodiff.h"
#include "limn/model.h"
#include "limn/ops/build.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"
#include "support/expect_error.h"
#include "support/onnx_writer.h"

namespace limn {
namespace {

using test::OnnxWriter;
using test::set;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointwise;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;

std::vector<std::string> operators_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) names.push_back(node.op);
  return names;
}

// Einsum -------------------------------------------------------------------------------------------------------

/// Whole numbers from -5 to 5, so that sums of products are exact in any order.
Tensor small_numbers(const Dims& dims, int seed) {
  Tensor t(DType::f32, dims);
  int i = seed;
  for (float& v : t.mutable_view().as<float>()) v = static_cast<float>((i++ * 7 + seed) % 11 - 5);
  return t;
}

struct Case {
  std::string equation;
  std::vector<Dims> shapes;
  bool is_product = true;  ///< whether it can be written without an Einsum

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.equation; }
};

class EinsumImport : public ::testing::TestWithParam<Case> {
 protected:
  static Graph imported(const Case& c) {
    OnnxWriter writer(13);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < c.shapes.size(); ++i) {
      names.push_back(fmt::format("x{}", i));
      writer.input(names.back(), {c.shapes[i].begin(), c.shapes[i].end()});
    }
    set(writer.node("Einsum", names, {"y"}, "n"), "equation", c.equation.c_str());
    writer.output("y");
    return import_onnx(writer.bytes()).graph;
  }
};

TEST_P(EinsumImport, ComputesTheEquation) {
  const Case& c = GetParam();
  std::map<std::string, Tensor> feeds;
  std::vector<Tensor> in;
  Node node{"Einsum", "direct", {}, {kAbsent}, {{"equation", c.equation}}};
  for (std::size_t i = 0; i < c.shapes.size(); ++i) {
    in.push_back(small_numbers(c.shapes[i], static_cast<int>(i)));
    feeds.emplace(fmt::format("x{}", i), in.back());
    node.in.push_back(kAbsent);
  }
  const Graph graph = imported(c);
  const Tensor y = evaluate(graph, feeds, {FloatWidth::f32}).at("y"),
               direct = evaluate_node(node, in, FloatWidth::f32).front();
  EXPECT_EQ(y.dims(), direct.dims());
  EXPECT_THAT(y.as<float>(), Pointwise(Eq(), direct.as<float>()));
  const auto einsum = Contains("Einsum");
  if (c.is_product)
    EXPECT_THAT(operators_of(graph), Not(einsum));
  else
    EXPECT_THAT(operators_of(graph), einsum);
}

INSTANTIATE_TEST_SUITE_P(
    Equations, EinsumImport,
    ::testing::Values(Case{"ij,jk->ik", {{2, 3}, {3, 4}}}, Case{"ij,kj", {{2, 3}, {4, 3}}},
                      Case{"bhid,bhjd->bhij", {{2, 3, 4, 5}, {2, 3, 6, 5}}},
                      Case{"bhij,bjhd->bihd", {{2, 3, 4, 5}, {2, 5, 3, 6}}},
                      Case{"nchw,kc->nkhw", {{2, 3, 4, 5}, {6, 3}}}, Case{"i,j->ji", {{2}, {3}}},
                      Case{"i,i->", {{4}, {4}}}, Case{"ij->ji", {{2, 3}}}, Case{"ijk->ki", {{2, 3, 4}}},
                      Case{"abcd,cdef->abef", {{2, 3, 4, 5}, {4, 5, 2, 3}}}, Case{"ab,cb->c", {{2, 3}, {4, 3}}},
                      Case{"...ij,...jk->...ik", {{2, 3, 4, 5}, {2, 3, 5, 6}}}, Case{"ij,ij->ij", {{2, 3}, {2, 3}}},
                      Case{"ab,bc,cd->ad", {{2, 3}, {3, 4}, {4, 5}}}, Case{"ab,bc,ac->b", {{2, 3}, {3, 4}, {2, 4}}},
                      Case{"a,->a", {{3}, {}}}, Case{"ii->i", {{3, 3}}, false},
                      Case{"ij,ij->i", {{2, 3}, {1, 3}}, false}, Case{"...ij,...jk->...ik", {{4, 5}, {2, 5, 6}}}));

TEST(EinsumSizes, OneUnknownSizeStaysAProduct) {
  OnnxWriter writer(13);
  writer.input("x", {"N", 2, 4, 3});
  writer.input("y", {"N", 2, 5, 3});
  set(writer.node("Einsum", {"x", "y"}, {"z"}, "n"), "equation", "bhid,bhjd->bijh");
  writer.output("z");
  const Graph graph = import_onnx(writer.bytes()).graph;
  EXPECT_EQ(to_string(graph.shape(graph.outputs().front().value)), "[N, 4, 5, 2]");
  EXPECT_THAT(operators_of(graph), Not(Contains("Einsum")));
}

TEST(EinsumSizes, AWrongEquationIsNamed) {
  OnnxWriter writer(13);
  writer.input("x", {2, 3});
  set(writer.node("Einsum", {"x"}, {"z"}, "n"), "equation", "ijk->i");
  writer.output("z");
  EXPECT_ERROR(import_onnx(writer.bytes()), ErrorCode::bad_input, HasSubstr("'ijk'"));
}

// Quantized networks -------------------------------------------------------------------------------------------

template <class T>
void weight(OnnxWriter& writer, const std::string& name, const Ints& dims, const std::vector<T>& values, int type) {
  writer.tensor(name, dims, type)
      .set_raw_data(std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
}

/// x [1, 2] quantized in steps of 1/4 around 128, times int8 weights in steps of 1/2.
OnnxWriter quantized_layer() {
  OnnxWriter writer(13);
  writer.input("x", {1, 2});
  writer.weight("x_scale", {}, Floats{0.25F});
  writer.weight("w_scale", {}, Floats{0.5F});
  weight<std::uint8_t>(writer, "x_zero", {}, {128}, onnx::TensorProto_DataType_UINT8);
  weight<std::int8_t>(writer, "w_zero", {}, {0}, onnx::TensorProto_DataType_INT8);
  weight<std::int8_t>(writer, "w", {2, 3}, {1, 2, 3, 4, 5, 6}, onnx::TensorProto_DataType_INT8);
  writer.node("QuantizeLinear", {"x", "x_scale", "x_zero"}, {"q"}, "quantize");
  writer.node("DequantizeLinear", {"q", "x_scale", "x_zero"}, {"dq"}, "dequantize");
  writer.node("DequantizeLinear", {"w", "w_scale", "w_zero"}, {"weights"}, "weights");
  writer.node("MatMul", {"dq", "weights"}, {"y"}, "product");
  writer.output("y");
  return writer;
}

TEST(Quantized, WeightsBecomeFloatsAtImport) {
  const Graph graph = import_onnx(quantized_layer().bytes()).graph;
  EXPECT_THAT(operators_of(graph), ElementsAre("QuantizeLinear", "DequantizeLinear", "MatMul"));
  EXPECT_THAT(graph.constant(graph.at("weights"))->as<float>(), ElementsAre(0.5F, 1.0F, 1.5F, 2.0F, 2.5F, 3.0F));
  const Tensor y = evaluate(graph, {{"x", Tensor::of<float>({1, 2}, {1.05F, -100.0F})}}, {FloatWidth::f32}).at("y");
  EXPECT_THAT(y.as<float>(), ElementsAre(0.5F - 64.0F, 1.0F - 80.0F, 1.5F - 96.0F));  // -100 is clipped to -32
}

TEST(Quantized, GradientsPassRoundingAndStopAtTheClip) {
  const Graph graph = import_onnx(quantized_layer().bytes()).graph;
  GraphBuilder g(graph);
  const Value y = g.find("y"), wrt[] = {g.find("x")};
  const Value dx = vjp(y, wrt).front();
  const Graph with = std::move(g).finish({{"dx", dx}});
  const auto at = [&](float a, float b) {
    const Tensor d = evaluate(with, {{"x", Tensor::of<float>({1, 2}, {a, b})}}, {FloatWidth::f32}).at("dx");
    return std::pair(d.as<float>()[0], d.as<float>()[1]);
  };
  EXPECT_EQ(at(1.05F, -3.1F), std::pair(3.0F, 7.5F));
  EXPECT_EQ(at(31.7F, -32.0F), std::pair(3.0F, 7.5F));  // the ends of the range
  EXPECT_EQ(at(40.0F, -32.5F), std::pair(0.0F, 0.0F));  // beyond them
}

TEST(Quantized, PerChannelConvolutionInFloat) {
  OnnxWriter writer(13);
  writer.input("x", {1, 1, 2, 2}, onnx::TensorProto_DataType_UINT8);
  writer.weight("x_scale", {}, Floats{0.5F});
  writer.weight("w_scale", {2}, Floats{0.25F, 1.0F});
  writer.weight("y_scale", {}, Floats{0.125F});
  weight<std::uint8_t>(writer, "x_zero", {}, {10}, onnx::TensorProto_DataType_UINT8);
  weight<std::int8_t>(writer, "w_zero", {2}, {0, 1}, onnx::TensorProto_DataType_INT8);
  weight<std::uint8_t>(writer, "y_zero", {}, {100}, onnx::TensorProto_DataType_UINT8);
  weight<std::int8_t>(writer, "w", {2, 1, 1, 1}, {2, 3}, onnx::TensorProto_DataType_INT8);
  weight<std::int32_t>(writer, "b", {2}, {8, -4}, onnx::TensorProto_DataType_INT32);
  writer.node("QLinearConv", {"x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "b"}, {"y"},
              "conv");
  writer.output("y");
  const Graph graph = import_onnx(writer.bytes()).graph;
  EXPECT_THAT(operators_of(graph), ElementsAre("DequantizeLinear", "Conv", "QuantizeLinear"));
  const Tensor x = Tensor::of<std::uint8_t>({1, 1, 2, 2}, {10, 12, 8, 20});
  // x - 10 in halves: 0, 1, -1, 5; times 0.5 plus 1, and times 2 minus 2; in eighths around 100.
  EXPECT_THAT(evaluate(graph, {{"x", x}}, {FloatWidth::f32}).at("y").as<std::uint8_t>(),
              ElementsAre(108, 112, 104, 128, 84, 100, 68, 164));
}

// GroupNormalization -------------------------------------------------------------------------------------------

Graph group_normalization(std::int64_t opset, const Floats& scale, const Floats& bias) {
  OnnxWriter writer(opset);
  writer.input("x", {1, 4, 2});
  const auto n = static_cast<std::int64_t>(scale.size());
  writer.weight("scale", {n}, scale);
  writer.weight("bias", {n}, bias);
  auto& node = writer.node("GroupNormalization", {"x", "scale", "bias"}, {"y"}, "n");
  set(node, "num_groups", 2);
  set(node, "epsilon", 0.0F);
  writer.output("y");
  return import_onnx(writer.bytes()).graph;
}

TEST(GroupNormalization, ParametersByGroupAndByChannel) {
  const Tensor x = Tensor::of<float>({1, 4, 2}, {1, 1, 3, 3, 0, 4, 0, 4});
  const auto run = [&](const Graph& g) {
    const Tensor y = evaluate(g, {{"x", x}}, {FloatWidth::f32}).at("y");
    return Floats(y.as<float>().begin(), y.as<float>().end());
  };
  const Floats by_group = run(group_normalization(18, {1, 10}, {0, 1}));
  EXPECT_THAT(by_group, ElementsAre(-1, -1, 1, 1, -9, 11, -9, 11));
  EXPECT_EQ(run(group_normalization(21, {1, 1, 10, 10}, {0, 0, 1, 1})), by_group);
  EXPECT_THAT(run(group_normalization(21, {1, 2, 10, 10}, {0, 0, 1, 1})),
              ElementsAre(-1, -1, 2, 2, -9, 11, -9, 11));
}

}  // namespace
}  // namespace limn
