#include "ops/gradient_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"

namespace limn::testing {
namespace {

/// The sample as a graph of one node: what is differentiated are inputs x0, x1, ..., the rest constants.
struct OneNode {
  explicit OneNode(const Sample& sample) : g(operators()) {
    for (std::size_t i = 0; i < sample.in.size(); ++i) in.push_back(place(sample, i));
    out = g.add_many(sample.op, in, sample.attrs, sample.outputs, "node");
    node = g.node_count() - 1;
  }

  Value place(const Sample& sample, std::size_t i) {
    const Tensor& t = sample.in[i];
    if (!t.present()) return {};
    if (std::ranges::find(sample.wrt, i) == sample.wrt.end()) return g.constant(t);
    const std::string name = fmt::format("x{}", i);
    feeds.emplace(name, t.dtype() == DType::f32 ? t.converted(DType::f64) : t);
    return g.input(name, {t.dtype(), to_shape(t.dims())});
  }

  GraphBuilder g;
  std::map<std::string, Tensor> feeds;
  std::vector<Value> in, out;
  std::size_t node = 0;
};

std::vector<Tensor> evaluate_named(Graph graph, const std::map<std::string, Tensor>& feeds, FloatWidth w) {
  std::vector<ValueId> wanted;
  for (const Output& o : graph.outputs()) wanted.push_back(o.value);
  return evaluate(graph, feeds, wanted, {w, {}});
}

Graph finish(GraphBuilder& g, const std::vector<Value>& values) {
  std::vector<std::pair<std::string, Value>> outputs;
  for (std::size_t i = 0; i < values.size(); ++i) outputs.emplace_back(fmt::format("y{}", i), values[i]);
  return std::move(g).finish(std::move(outputs));
}

std::vector<Tensor> run(const Sample& sample, FloatWidth w) {
  OneNode one(sample);
  return evaluate_named(finish(one.g, one.out), one.feeds, w);
}

/// The weights of output k in the score; the same each time.
Tensor weights(const Tensor& out, std::size_t k) {
  return random_tensor(out.dims(), 1000U + static_cast<unsigned>(k), -1.0F, 1.0F);
}

double score(const std::vector<Tensor>& outs) {
  double sum = 0;
  for (std::size_t k = 0; k < outs.size(); ++k) {
    if (!is_float(outs[k].dtype())) continue;
    const Tensor w = weights(outs[k], k).converted(DType::f64);
    const auto a = outs[k].as<double>(), b = w.as<double>();
    sum = std::inner_product(a.begin(), a.end(), b.begin(), sum);
  }
  return sum;
}

/// Appends the vjp of the sample's node for the weights as cotangents.
std::vector<Value> differentiate(OneNode& one, const std::vector<Tensor>& outs, const Sample& sample) {
  std::vector<Value> dout;
  for (std::size_t k = 0; k < outs.size(); ++k)
    dout.push_back(is_float(outs[k].dtype()) ? one.g.constant(weights(outs[k], k)) : Value{});
  std::vector<char> wants(one.in.size());
  for (std::size_t i : sample.wrt) wants[i] = 1;
  const Node& node = one.g.node(one.node);
  return op_of(node).vjp({node, one.in, one.out, dout, wants});
}

Tensor zeros(const Sample& sample, std::size_t i) {
  Tensor t(DType::f32, sample.in[i].dims());
  std::ranges::fill(t.mutable_view().as<float>(), 0.0F);
  return t;
}

double score_at(const Sample& sample, std::size_t i, const Tensor& x) {
  OneNode one(sample);
  one.feeds.insert_or_assign(fmt::format("x{}", i), x);
  return score(evaluate_named(finish(one.g, one.out), one.feeds, FloatWidth::f64));
}

std::string name_of_sample(const Sample& s) { return s.op + " (" + s.label + ")"; }

std::string unknown_operators(const GraphBuilder& g, std::size_t from) {
  std::string bad;
  for (std::size_t k = from; k < g.node_count(); ++k) {
    const OpDef* op = find_op(g.node(k).op);
    const bool has_form = op && (op->decompose != nullptr || !op->name.starts_with("limn::"));
    if (!has_form) bad += g.node(k).op + " ";
  }
  return bad;
}

}  // namespace

Tensor random_tensor(Dims dims, unsigned seed, float low, float high) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> between(low, high);
  Tensor t(DType::f32, std::move(dims));
  for (float& v : t.mutable_view().as<float>()) v = between(random);
  return t;
}

Tensor distinct_tensor(Dims dims, unsigned seed, float gap) {
  Tensor t(DType::f32, std::move(dims));
  const auto values = t.mutable_view().as<float>();
  const auto half = static_cast<float>(values.size()) / 2.0F;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float steps = static_cast<float>(i) - half;
    values[i] = gap * (steps >= 0 ? steps + 1.0F : steps - 0.5F);
  }
  std::ranges::shuffle(values, std::mt19937(seed));
  return t;
}

Tensor ints(std::vector<std::int64_t> values) {
  return Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}

Tensor central_differences(const std::function<double(const Tensor&)>& f, const Tensor& x, double h) {
  Tensor d(DType::f64, x.dims());
  const auto out = d.mutable_view().as<double>();
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto moved = [&](double by) {
      Tensor t = x.converted(DType::f64);
      t.mutable_view().as<double>()[i] += by;
      return f(t);
    };
    out[i] = (moved(h) - moved(-h)) / (2 * h);
  }
  return d;
}

double relative_difference(const Tensor& a, const Tensor& b) {
  if (a.dims() != b.dims()) return std::numeric_limits<double>::infinity();
  const Tensor x = a.converted(DType::f64), y = b.converted(DType::f64);
  const auto p = x.as<double>(), q = y.as<double>();
  double largest = 1, difference = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] == q[i] || (std::isnan(p[i]) && std::isnan(q[i]))) continue;
    largest = std::max(largest, std::abs(q[i]));
    // Written so that a NaN on one side is infinitely far from a number.
    const double d = std::abs(p[i] - q[i]);
    difference = std::max(difference, std::isnan(d) ? std::numeric_limits<double>::infinity() : d);
  }
  return difference / largest;
}

std::vector<Tensor> run_sample(const Sample& sample) { return run(sample, FloatWidth::f64); }

std::string check_gradient(const Sample& sample) {
  if (sample.wrt.empty()) return {};
  const std::vector<Tensor> outs = run_sample(sample);
  OneNode one(sample);
  const std::vector<Value> din = differentiate(one, outs, sample);
  // An empty handle says that the derivative is zero.
  std::vector<Value> wanted;
  for (std::size_t i : sample.wrt)
    wanted.push_back(i < din.size() && din[i] ? din[i] : one.g.constant(zeros(sample, i)));
  const std::vector<Tensor> symbolic = evaluate_named(finish(one.g, wanted), one.feeds, FloatWidth::f64);
  for (std::size_t k = 0; k < sample.wrt.size(); ++k) {
    const std::size_t i = sample.wrt[k];
    const Tensor numeric =
        central_differences([&](const Tensor& x) { return score_at(sample, i, x); }, sample.in[i]);
    const double d = relative_difference(symbolic[k], numeric);
    if (!(d <= sample.tolerance))
      return fmt::format("{}: the derivative by input {} ({}) differs from central differences ({}) by {}",
                         name_of_sample(sample), i, to_string(std::span(symbolic[k].dims())),
                         to_string(std::span(numeric.dims())), d);
  }
  return {};
}

std::string check_precisions(const Sample& sample) {
  const auto narrow = run(sample, FloatWidth::f32), wide = run(sample, FloatWidth::f64);
  for (std::size_t k = 0; k < wide.size(); ++k)
    if (const double d = relative_difference(narrow[k], wide[k]); !(d <= 1e-5))
      return fmt::format("{}: float and double differ by {} in output {}", name_of_sample(sample), d, k);
  return {};
}

std::string check_decomposition(const Sample& sample) {
  const OpDef* op = find_op(sample.op);
  if (op == nullptr || op->decompose == nullptr) return {};
  OneNode one(sample);
  const auto plain = op->decompose({one.g.node(one.node), one.in, one.g});
  const auto direct = run_sample(sample);
  const auto rewritten = evaluate_named(finish(one.g, plain), one.feeds, FloatWidth::f64);
  for (std::size_t k = 0; k < direct.size(); ++k)
    if (const double d = relative_difference(rewritten[k], direct[k]); !(d <= 1e-12))
      return fmt::format("{}: the decomposition differs by {}", name_of_sample(sample), d);
  return {};
}

std::string check_closure(const Sample& sample) {
  const OpDef* op = find_op(sample.op);
  OneNode one(sample);
  const std::size_t from = one.g.node_count();
  if (op->decompose != nullptr) {
    op->decompose({one.g.node(one.node), one.in, one.g});
    for (std::size_t k = from; k < one.g.node_count(); ++k)
      if (one.g.node(k).op.starts_with("limn::")) return sample.op + " decomposes into " + one.g.node(k).op;
  }
  if (op->vjp != nullptr && !sample.wrt.empty()) differentiate(one, run_sample(sample), sample);
  const std::string bad = unknown_operators(one.g, from);
  return bad.empty() ? "" : sample.op + " emits operators without an ONNX form: " + bad;
}

}  // namespace limn::testing
