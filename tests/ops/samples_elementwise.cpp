// Samples of operators that work element by element.
#include "ops/gradient_check.h"

namespace limn::testing {
namespace {

using Samples = std::vector<Sample>;

Tensor truths(Dims dims, unsigned seed) {
  const Tensor t = distinct_tensor(dims, seed);
  Tensor out(DType::boolean, std::move(dims));
  const auto x = t.as<float>();
  const auto y = out.mutable_view().as<bool>();
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = x[i] > 0;
  return out;
}

Tensor scalar(float v) { return Tensor::scalar(v); }

void join(Samples& all, Samples more) { all.insert(all.end(), more.begin(), more.end()); }

/// One operator of one input on three shapes, differentiated.
void add_unary(Samples& all, const std::string& op, float low, float high, Attrs attrs = {}) {
  const std::string suffix = attrs.all().empty() ? "" : ", with attributes";
  unsigned seed = 1;
  for (const Dims& dims : {Dims{2, 3, 2}, Dims{7}, Dims{}})
    all.push_back({op, to_string(std::span(dims)) + suffix, {random_tensor(dims, seed++, low, high)}, attrs, {0}});
}

Samples unary_samples() {
  Samples all;
  for (const char* op : {"Abs", "Neg", "Exp", "Sin", "Cos", "Sigmoid", "Tanh", "Softplus", "Erf", "Elu", "Selu"})
    add_unary(all, op, -2.0F, 2.0F);
  for (const char* op : {"Log", "Sqrt", "Reciprocal"}) add_unary(all, op, 0.3F, 3.0F);
  for (const char* op : {"Relu", "LeakyRelu", "Sign", "Floor", "Ceil", "Round", "HardSwish", "HardSigmoid"})
    all.push_back({op, "both sides", {distinct_tensor({2, 3, 4}, 3, 0.37F)}, {}, {0}});
  add_unary(all, "LeakyRelu", -2, 2, {{"alpha", 0.25}});
  add_unary(all, "Elu", -2, 2, {{"alpha", 0.5}});
  add_unary(all, "Selu", -2, 2, {{"alpha", 1.5}, {"gamma", 0.75}});
  add_unary(all, "HardSigmoid", -1.4F, 1.4F, {{"alpha", 0.25}, {"beta", 0.375}});
  join(all, {{"Abs", "integers", {ints({-3, 0, 4})}},
             {"Neg", "integers", {ints({-3, 0, 4})}},
             {"Sign", "integers", {ints({-3, 0, 4})}},
             {"Not", "plain", {truths({2, 3}, 1)}},
             {"Softplus", "far from zero", {Tensor::of<float>({4}, {-80, -20, 20, 80})}, {}, {0}}});
  return all;
}

Samples rectifier_samples() {
  const Tensor x = distinct_tensor({2, 3, 2}, 1, 0.2F), y = distinct_tensor({2, 3, 2}, 2, 0.2F);
  const Tensor slope = random_tensor({3, 1}, 3, 0.1F, 0.9F);
  const Tensor on_bounds = Tensor::of<float>({2, 3, 2}, {0, 6, 1e-30F, 5.9999995F, 3, 0, 6, 6, 0, 1, 2, 1e-38F});
  return {
      {"limn::ReluGrad", "plain", {x, y}, {}, {0}},
      {"Clip", "both bounds", {x, scalar(-0.55F), scalar(0.71F)}, {}, {0}},
      {"Clip", "upper bound", {x, Tensor(), scalar(0.71F)}, {}, {0}},
      {"Clip", "lower bound", {x, scalar(0.1F)}, {}, {0}},
      {"Clip", "no bounds", {x}, {}, {0}},
      {"Clip", "integers", {ints({-9, 2, 9}), Tensor::scalar<std::int64_t>(0), Tensor::scalar<std::int64_t>(6)}},
      {"limn::ClipGrad", "both bounds", {x, y, scalar(-0.55F), scalar(0.71F)}, {}, {0}},
      {"limn::ClipGrad", "upper bound", {x, y, Tensor(), scalar(0.71F)}, {}, {0}},
      {"limn::ClipGrad", "lower bound", {x, y, scalar(0.1F)}, {}, {0}},
      {"limn::ClipGrad", "on the bounds", {x, on_bounds, scalar(0.0F), scalar(6.0F)}, {}, {0}},
      {"limn::ClipGrad", "no bounds", {x, y}, {}, {0}},
      {"PRelu", "a slope per channel", {x, slope}, {}, {0, 1}},
      {"PRelu", "one slope", {x, Tensor::of<float>({1}, {0.3F})}, {}, {0, 1}}};
}

/// Pairs of shapes that broadcast: equal, a scalar on either side, leading axes, inner ones, both sides.
const std::vector<std::pair<Dims, Dims>>& broadcasts() {
  static const std::vector<std::pair<Dims, Dims>> pairs{
      {{2, 3}, {2, 3}},    {{2, 3}, {}},          {{}, {3}}, {{2, 3, 2}, {2}}, {{3}, {2, 1, 3}},
      {{2, 1, 3}, {4, 1}}, {{1, 3, 1}, {2, 3, 2}}};
  return pairs;
}

Samples binary_samples() {
  Samples all;
  for (const auto& [a, b] : broadcasts()) {
    const std::string label = to_string(std::span(a)) + " and " + to_string(std::span(b));
    const Tensor x = random_tensor(a, 1), y = random_tensor(b, 2);
    for (const char* op : {"Add", "Sub", "Mul"}) all.push_back({op, label, {x, y}, {}, {0, 1}});
    all.push_back({"Div", label, {x, random_tensor(b, 3, 0.5F, 2)}, {}, {0, 1}});
    all.push_back({"Pow", label, {random_tensor(a, 4, 0.5F, 2), y}, {}, {0, 1}});
    for (const char* op : {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
      all.push_back({op, label, {x, y}});
    for (const char* op : {"And", "Or"}) all.push_back({op, label, {truths(a, 5), truths(b, 6)}});
    for (const char* op : {"Max", "Min", "Sum", "Mean"})
      all.push_back({op, label, {x, y, random_tensor({1}, 7)}, {}, {0, 1, 2}});
    all.push_back({"Where", label, {truths(b, 8), x, y}, {}, {1, 2}});
    all.push_back({"Where", label + ", the choice broadcast", {truths({1}, 9), x, y}, {}, {1, 2}});
  }
  for (const char* op : {"Add", "Sub", "Mul", "Div", "Max", "Equal", "Less"})
    all.push_back({op, "integers", {ints({7, -7, 6}), ints({2, 2, -3})}});
  for (const char* op : {"Max", "Min", "Sum", "Mean"})
    all.push_back({op, "one input", {random_tensor({3}, 1)}, {}, {0}});
  all.push_back({"Pow", "square of negative numbers", {random_tensor({5}, 1, -2, -1), scalar(2)}, {}, {0}});
  all.push_back({"Pow", "integer exponent", {random_tensor({5}, 1), ints({3})}, {}, {0}});
  return all;
}

}  // namespace

std::vector<Sample> elementwise_samples() {
  Samples all = unary_samples();
  join(all, rectifier_samples());
  join(all, binary_samples());
  return all;
}

}  // namespace limn::testing
