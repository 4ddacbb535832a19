#pragma once
// Small networks with drawn weights, and the comparison of a compiled program with the reference in double.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "limn/autodiff.h"
#include "limn/ops/build.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"
#include "limn/runtime.h"

namespace limn {

using Ints = std::vector<std::int64_t>;

/// Writes a network layer by layer. Every parameter is drawn, batch statistics included.
class SmallNetwork {
 public:
  explicit SmallNetwork(unsigned seed) : random_(seed), g_(operators()) {}

  GraphBuilder& graph() { return g_; }
  std::int64_t draw(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
  }
  std::int64_t pick(const Ints& choices) {
    return choices[static_cast<std::size_t>(draw(0, static_cast<std::int64_t>(choices.size()) - 1))];
  }

  Tensor normal(Dims dims, float scale, float mean = 0.0F) {
    std::vector<float> v(static_cast<std::size_t>(element_count(dims)));
    std::normal_distribution<float> d(mean, scale);
    for (float& f : v) f = d(random_);
    return Tensor::of<float>(std::move(dims), v);
  }
  Tensor uniform(Dims dims, float low, float high) {
    std::vector<float> v(static_cast<std::size_t>(element_count(dims)));
    std::uniform_real_distribution<float> d(low, high);
    for (float& f : v) f = d(random_);
    return Tensor::of<float>(std::move(dims), v);
  }
  Value weight(Tensor t) { return g_.constant(std::move(t)); }

  Value input(std::int64_t channels, std::int64_t height, std::int64_t width) {
    return g_.input("x", {DType::f32, Shape{Dim("N"), channels, height, width}});
  }
  Value conv(Value x, std::int64_t channels, Ints kernel, Attrs attrs, bool bias = true) {
    const std::int64_t group = attrs.integer("group", 1), in = x.shape()[1].value / group;
    const float scale = std::sqrt(2.0F / static_cast<float>(in * kernel[0] * kernel[1]));
    std::vector<Value> operands{x, weight(normal({channels, in, kernel[0], kernel[1]}, scale))};
    if (bias) operands.push_back(weight(normal({channels}, 0.1F)));
    return g_.add("Conv", operands, std::move(attrs));
  }
  Value batch_norm(Value x) {
    const Dims c{x.shape()[1].value};
    return g_.add("BatchNormalization", {x, weight(uniform(c, 0.5F, 1.5F)), weight(normal(c, 0.2F)),
                                         weight(normal(c, 0.2F)), weight(uniform(c, 0.5F, 2.0F))});
  }
  Value clip(Value x, float low, float high) {
    return g_.add("Clip", {x, float_constant(g_, low), float_constant(g_, high)});
  }
  Value max_pool(Value x, Attrs attrs) { return g_.add("MaxPool", {x}, std::move(attrs)); }
  Value concat(std::vector<Value> parts) { return g_.add("Concat", std::move(parts), {{"axis", std::int64_t{1}}}); }
  Value global_average(Value x) { return g_.add("GlobalAveragePool", {x}); }
  Value flatten(Value x) { return g_.add("Flatten", {x}); }
  Value dense(Value x, std::int64_t out) {
    const std::int64_t in = x.shape()[1].value;
    return g_.add(
        "Gemm",
        {x, weight(normal({out, in}, 1.0F / std::sqrt(static_cast<float>(in)))), weight(normal({out}, 0.1F))},
        {{"transB", std::int64_t{1}}});
  }

  Graph finish(std::vector<std::pair<std::string, Value>> outputs) {
    return std::move(g_).finish(std::move(outputs));
  }

 private:
  std::mt19937 random_;
  GraphBuilder g_;
};

/// |a - b| / |b| in the L2 norm, over all elements.
inline double relative_difference(std::span<const float> a, const Tensor& b) {
  const Tensor wide = b.converted(DType::f64);
  const auto want = wide.as<double>();
  EXPECT_EQ(a.size(), want.size());
  double difference = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < std::min(a.size(), want.size()); ++i) {
    difference += (a[i] - want[i]) * (a[i] - want[i]);
    norm += want[i] * want[i];
  }
  return std::sqrt(difference / std::max(norm, 1e-30));
}

using Feeds = std::map<std::string, Tensor>;

inline void fill(Session& session, const Feeds& feeds, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto from = feeds.at(name).as<float>();
    const auto to = session.input(name);
    ASSERT_EQ(from.size(), to.size());
    std::ranges::copy(from, to.begin());
  }
}

/// The kernels of the compiled steps whose label begins so, in order.
inline std::vector<std::string> kernels_of(const Graph& graph, const CompileOptions& options = {},
                                           std::string_view label = "") {
  std::vector<std::string> found;
  for (const StepInfo& step : Program::compile(graph, options).steps())
    if (step.label.starts_with(label)) found.push_back(step.kernel);
  return found;
}

/// What the native run computed at its kinks: the outputs of rectifiers and the inputs of max pooling.
inline std::unordered_map<ValueId, Tensor> native_kinks(const Graph& graph, const Feeds& feeds,
                                                        const CompileOptions& options) {
  std::vector<ValueId> kinks;
  for (const Node& node : graph.nodes()) {
    if (node.op == "Relu" || node.op == "Clip") kinks.push_back(node.out[0]);
    if (node.op == "MaxPool") kinks.push_back(node.in[0]);
  }
  GraphBuilder g(graph);
  std::vector<std::pair<std::string, Value>> outputs;
  for (std::size_t i = 0; i < kinks.size(); ++i) outputs.emplace_back(std::to_string(i), g.handle(kinks[i]));
  const Program program = Program::compile(std::move(g).finish(outputs), options);
  Session session(program);
  fill(session, feeds, program.inputs());
  session.run();
  std::unordered_map<ValueId, Tensor> given;
  for (std::size_t i = 0; i < kinks.size(); ++i) {
    const std::string name = std::to_string(i);
    given.insert_or_assign(kinks[i], Tensor::of<float>(program.output_dims(name), session.output(name)));
  }
  return given;
}

/// Compiles and runs the graph, and compares every output with the reference in double that takes the same side at
/// every kink as the native run did.
inline void expect_like_reference(const Graph& graph, const Feeds& feeds, const CompileOptions& options,
                                  double tolerance = 1e-5) {
  const Program program = Program::compile(graph, options);
  Session session(program);
  fill(session, feeds, program.inputs());
  session.run();
  EvaluateOptions reference;
  reference.given = native_kinks(graph, feeds, options);
  for (const auto& [name, want] : evaluate(graph, feeds, reference))
    EXPECT_LE(relative_difference(session.output(name), want), tolerance) << "output " << name << " of\n"
                                                                          << to_text(graph);
}

/// Compiles and runs the graph, and compares every element with the reference in double, which has no kinks:
/// |a - b| <= absolute + relative |b|.
inline void expect_elements_like_reference(const Graph& graph, const Feeds& feeds, const CompileOptions& options,
                                           double absolute, double relative = 0) {
  const Program program = Program::compile(graph, options);
  Session session(program);
  fill(session, feeds, program.inputs());
  session.run();
  for (const auto& [name, tensor] : evaluate(graph, feeds)) {
    const Tensor wide = tensor.converted(DType::f64);
    const auto want = wide.as<double>();
    const auto got = session.output(name);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], want[i], absolute + relative * std::abs(want[i])) << name << " at " << i;
  }
}

struct InputGradient {
  Graph graph;  ///< of the output dx
  Feeds feeds;  ///< x and dy, drawn
};
/// Of y, computed from the input x alone, of which there are the `images` [N, C, H, W].
inline InputGradient input_gradient(SmallNetwork& n, Value x, Value y, const Dims& images) {
  Shape shape = y.shape();
  const Value dy = n.graph().input("dy", {DType::f32, shape}), wrt[] = {x};
  shape[0] = Dim(images[0]);
  const Value dx = pull_back(y, dy, wrt).front();
  const Feeds feeds{{"x", n.normal(images, 1)}, {"dy", n.normal(known_dims(shape), 1)}};
  return {n.finish({{"dx", dx}}), feeds};
}

}  // namespace limn
