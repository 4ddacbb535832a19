#pragma once
// Two hand-set networks whose every map can be worked out on paper.
//
// Both: x is 1x1x2x2, convolution 1x1 with two channels z1 = x - 1 and z2 = -x + 3, then Relu ("features"). For
// x = [[1, 2], [3, 4]]: A1 = [[0, 1], [2, 3]], A2 = [[2, 1], [0, 0]].
//   T: flattened, dense layer with 3 classes. y = (2.25, 0.75, 1.5).
//   P: global average pool, dense layer with 3 classes. y = (1.625, 0, -0.25); G_k = w_k / 4 everywhere.

#include <string>
#include <vector>

#include "limn/explain.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"

namespace limn::test {

inline Value convolution(GraphBuilder& g) {
  const Value x = g.input("image", {DType::f32, Shape{Dim("N"), 1, 2, 2}});
  const Value w = g.constant(Tensor::of<float>({2, 1, 1, 1}, {1, -1}), "w");
  const Value b = g.constant(Tensor::of<float>({2}, {-1, 3}), "b");
  const Value z = g.add("Conv", {x, w, b}, {{"kernel_shape", std::vector<std::int64_t>{1, 1}}}, "z");
  return g.add("Relu", {z}, {}, "features");
}

inline Classifier wrap(Graph graph) {
  Classifier c;
  c.graph = std::move(graph);
  c.image = "image";
  c.logits = "logits";
  c.auto_layer = "features";
  c.channels = 1;
  c.height = c.width = 2;
  c.classes = 3;
  return c;
}

inline Classifier fixture_t() {
  GraphBuilder g(operators());
  const Value flat = g.add("Flatten", {convolution(g)}, {{"axis", std::int64_t{1}}}, "flat");
  const Value w = g.constant(Tensor::of<float>({3, 8}, {1,    -0.5, 0.5,  0.25,  0.75,  -1,   1,    0.25,  //
                                                        0.25, 0.25, -0.5, 0.5,   -0.25, 0.5,  0.5,  -0.5,  //
                                                        -0.5, 0.5,  0.25, -0.25, 1,     0.25, -0.5, 0.5}),
                             "fc");
  const Value b = g.constant(Tensor::of<float>({3}, {0.5, 0, -1}), "bias");
  const Value y = g.add("Gemm", {flat, w, b}, {{"transB", std::int64_t{1}}}, "logits");
  return wrap(std::move(g).finish({{"logits", y}}));
}

inline Classifier fixture_p() {
  GraphBuilder g(operators());
  const Value pooled = g.add("GlobalAveragePool", {convolution(g)}, {}, "pooled");
  const Value flat = g.add("Flatten", {pooled}, {{"axis", std::int64_t{1}}}, "flat");
  const Value w = g.constant(Tensor::of<float>({3, 2}, {1, -0.5, -0.5, 1, 0.25, 0.5}), "fc");
  const Value b = g.constant(Tensor::of<float>({3}, {0.5, 0, -1}), "bias");
  const Value y = g.add("Gemm", {flat, w, b}, {{"transB", std::int64_t{1}}}, "logits");
  return wrap(std::move(g).finish({{"logits", y}}));
}

inline const std::vector<float>& fixture_image() {
  static const std::vector<float> x{1, 2, 3, 4};
  return x;
}

/// A method's raw map for one image of 2x2, by the double-precision reference.
inline std::vector<double> reference_map(const Classifier& c, const MethodRequest& request, const Target& target,
                                         const std::vector<float>& image = fixture_image()) {
  const Graph g = explanation_graph(c, std::span(&request, 1));
  std::map<std::string, Tensor> feeds{{"image", Tensor::of<float>({1, 1, 2, 2}, image)},
                                      {"target", Tensor::of<float>({1, 3}, {0, 0, 0})}};
  const Tensor y = evaluate(g, feeds).at("logits").converted(DType::f32);
  std::vector<float> cotangent(3);
  write_cotangent(target, y.as<float>(), cotangent);
  feeds["target"] = Tensor::of<float>({1, 3}, cotangent);
  const Tensor map = evaluate(g, feeds).at("map_0");
  const auto values = map.as<double>();
  return {values.begin(), values.end()};
}

inline std::vector<double> reference_map(const Classifier& c, const std::string& name, std::size_t target = 0) {
  MethodRequest request;
  request.method = name;
  return reference_map(c, request, {Target::Kind::logit, target, 0});
}

}  // namespace limn::test
