#pragma once
// Small models with what makes compiling hard, and what the tests ask of compiled files.

#include <gtest/gtest.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "limn/compile.h"
#include "limn/ops/evaluate.h"
#include "support/onnx_writer.h"
#include "support/scratch_folder.h"

namespace limn::test {

/// Numbers that look random, the same ones every time, from -1 to 1.
inline std::vector<float> noise(std::size_t count, std::uint32_t seed = 1) {
  std::vector<float> values(count);
  for (float& v : values) {
    seed = seed * 1664525U + 1013904223U;
    v = static_cast<float>(seed >> 8) / 8388608.0F - 1;
  }
  return values;
}

inline std::size_t product_of(const std::vector<std::int64_t>& dims) {
  std::size_t n = 1;
  for (const std::int64_t d : dims) n *= static_cast<std::size_t>(d);
  return n;
}

struct Kind {
  std::int64_t opset = 17;
  OnnxWriter::Size height = 13, width = 11;
};

/// Strided convolution, batch normalisation, Relu "first", overlapping pool, convolution, Relu "features", global
/// pool, dense layer "logits" [N, 5], Softmax "probabilities".
inline OnnxWriter pooled_classifier(const Kind& kind = {}) {
  OnnxWriter w(kind.opset);
  w.input("image", {"N", 2, kind.height, kind.width});
  const auto weight = [&](const std::string& name, const std::vector<std::int64_t>& dims, std::uint32_t seed) {
    w.weight(name, dims, noise(product_of(dims), seed));
  };
  weight("w1", {4, 2, 3, 3}, 1);
  weight("scale", {4}, 2);
  weight("shift", {4}, 3);
  weight("mean", {4}, 4);
  w.weight("variance", {4}, std::vector<float>{0.5F, 1, 1.5F, 2});
  weight("w2", {6, 4, 3, 3}, 5);
  weight("b2", {6}, 6);
  weight("fc", {5, 6}, 7);
  weight("fc_bias", {5}, 8);
  auto& conv = w.node("Conv", {"image", "w1"}, {"z1"}, "conv1");
  set(conv, "strides", std::vector<std::int64_t>{2, 2});
  set(conv, "pads", std::vector<std::int64_t>{1, 1, 1, 1});
  w.node("BatchNormalization", {"z1", "scale", "shift", "mean", "variance"}, {"n1"}, "norm1");
  w.node("Relu", {"n1"}, {"first"}, "relu1");
  auto& pool = w.node("MaxPool", {"first"}, {"pooled"}, "pool");
  set(pool, "kernel_shape", std::vector<std::int64_t>{3, 3});
  set(pool, "strides", std::vector<std::int64_t>{2, 2});
  set(pool, "pads", std::vector<std::int64_t>{1, 1, 1, 1});
  set(w.node("Conv", {"pooled", "w2", "b2"}, {"z2"}, "conv2"), "pads", std::vector<std::int64_t>{1, 1, 1, 1});
  w.node("Relu", {"z2"}, {"features"}, "relu2");
  w.node("GlobalAveragePool", {"features"}, {"means"}, "gap");
  w.node("Flatten", {"means"}, {"flat"}, "flatten");
  set(w.node("Gemm", {"flat", "fc", "fc_bias"}, {"logits"}, "fc_node"), "transB", 1);
  w.node("Softmax", {"logits"}, {"probabilities"}, "softmax");
  w.output("logits");
  w.output("probabilities");
  for (auto& output : *w.graph().mutable_output()) {
    auto& type = *output.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto_DataType_FLOAT);
    type.mutable_shape()->add_dim()->set_dim_param("N");
    type.mutable_shape()->add_dim()->set_dim_value(5);
  }
  auto& note = *w.model().add_metadata_props();
  note.set_key("author");
  note.set_value("somebody");
  return w;
}

inline std::string bytes_in(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline onnx::ModelProto proto_in(const std::filesystem::path& path) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes_in(path)));
  return model;
}

/// onnx's own checker, and its shape inference in strict mode with data propagation.
inline void expect_valid(const std::filesystem::path& path) {
  onnx::ModelProto model = proto_in(path);
  EXPECT_NO_THROW(onnx::checker::check_model(model));
  EXPECT_NO_THROW(onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(), {true, 1, true}));
}

/// Every node, weight, input and output of the model stands in the compiled file as it was, in its order.
inline void expect_untouched(const std::filesystem::path& before, const std::filesystem::path& after) {
  const onnx::ModelProto model = proto_in(before), compiled = proto_in(after);
  const auto same = [](const auto& old_list, const auto& new_list) {
    ASSERT_GE(new_list.size(), old_list.size());
    for (int i = 0; i < old_list.size(); ++i)
      EXPECT_EQ(old_list.Get(i).SerializeAsString(), new_list.Get(i).SerializeAsString()) << i;
  };
  same(model.graph().node(), compiled.graph().node());
  same(model.graph().initializer(), compiled.graph().initializer());
  same(model.graph().input(), compiled.graph().input());
  same(model.graph().output(), compiled.graph().output());
  same(model.opset_import(), compiled.opset_import());
  same(model.metadata_props(), compiled.metadata_props());
  EXPECT_EQ(model.ir_version(), compiled.ir_version());
  EXPECT_EQ(model.producer_name(), compiled.producer_name());
}

inline Tensor images(const Dims& dims, std::uint32_t seed = 11) {
  const auto values = noise(static_cast<std::size_t>(element_count(dims)), seed);
  return Tensor::of<float>(dims, std::span<const float>(values));
}

/// A model file and what it is compiled to.
class CompileTest : public ::testing::Test {
 protected:
  CompiledModel compile(const OnnxWriter& writer, const CompileModelOptions& options = {}) const {
    writer.save(model());
    return compile_model(import_onnx(model()), compiled(), options);
  }
  std::map<std::string, Tensor> run(std::map<std::string, Tensor> feeds) const {
    return evaluate(import_onnx(compiled()).graph, feeds);
  }
  std::filesystem::path model() const { return folder_ / "model.onnx"; }
  std::filesystem::path compiled() const { return folder_ / "compiled.onnx"; }

  ScratchFolder folder_;
};

/// The classes' raw maps by explanation_graph(), [N, C, H, W] or [N, 1, h, w], in double.
inline Tensor expected_map(const std::filesystem::path& model, const MethodRequest& request, const Tensor& x,
                           const std::vector<std::size_t>& classes) {
  const Classifier c = with_size(as_open_classifier(import_onnx(model).graph), x.dims()[2], x.dims()[3]);
  const Graph g = explanation_graph(c, std::span(&request, 1));
  std::vector<float> cotangent(classes.size() * c.classes);
  for (std::size_t n = 0; n < classes.size(); ++n) cotangent[n * c.classes + classes[n]] = 1;
  Dims dims{x.dims()[0], static_cast<std::int64_t>(c.classes)};
  while (dims.size() < g.shape(g.at("target")).size()) dims.push_back(1);
  return evaluate(g, {{c.image, x}, {"target", Tensor::of<float>(dims, std::span<const float>(cotangent))}})
      .at("map_0");
}

inline std::vector<std::size_t> best_classes(const Tensor& logits) {
  const std::size_t classes = static_cast<std::size_t>(logits.dims()[1]);
  const auto y = logits.as<double>();
  std::vector<std::size_t> best;
  for (std::size_t n = 0; n < static_cast<std::size_t>(logits.dims()[0]); ++n) {
    const auto row = y.subspan(n * classes, classes);
    best.push_back(static_cast<std::size_t>(std::ranges::max_element(row) - row.begin()));
  }
  return best;
}

inline void expect_near(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_EQ(a.dims(), b.dims());
  const auto x = a.as<double>(), y = b.as<double>();
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], tolerance) << i;
}

}  // namespace limn::test
