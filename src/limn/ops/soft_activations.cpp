// Activation functions beyond those of activations.cpp, and the thresholds of Shrink and ThresholdedRelu.
#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

float attr(const VjpContext& c, std::string_view name, double otherwise) {
  return static_cast<float>(c.node.attrs.real(name, otherwise));
}

Value zero(const VjpContext& c) { return float_constant(c.graph(), 0.0F); }

// Celu (Barron 2017, arXiv 1704.07483): x above zero, alpha (e^(x / alpha) - 1) below; there dy/dx = y / alpha + 1.
constexpr auto kCelu = [](const Attrs& a) {
  return [alpha = a.real("alpha", 1.0)](double x) { return x < 0 ? alpha * std::expm1(x / alpha) : x; };
};
std::vector<Value> celu_vjp(const VjpContext& c) {
  const Value below = c.dout[0] * (c.out[0] * (1.0F / attr(c, "alpha", 1.0)) + 1.0F);
  return {where(greater(c.in[0], zero(c)), c.dout[0], below)};
}

constexpr auto kSoftsign = [](auto x) { return x / (1 + std::abs(x)); };
std::vector<Value> softsign_vjp(const VjpContext& c) {
  const Value d = abs(c.in[0]) + 1.0F;
  return {c.dout[0] / (d * d)};
}

// ThresholdedRelu: x above alpha, otherwise 0.
constexpr auto kThresholdedRelu = [](const Attrs& a) {
  return [alpha = a.real("alpha", 1.0)](double x) { return x <= alpha ? 0.0 : x; };
};
std::vector<Value> thresholded_relu_vjp(const VjpContext& c) {
  return {where(greater(c.in[0], float_constant(c.graph(), attr(c, "alpha", 1.0))), c.dout[0], zero(c))};
}

// Shrink: 0 between -lambd and lambd, outside x moved towards zero by the bias.
void shrink_reference(const EvalContext& c) {
  const double threshold = c.node.attrs.real("lambd", 0.5), bias = c.node.attrs.real("bias", 0.0);
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto v = static_cast<double>(x[i]);
      y[i] = static_cast<T>(v < -threshold ? v + bias : v > threshold ? v - bias : v - v);
    }
  });
}
std::vector<Inferred> infer_shrink(const InferContext& c) {
  if (c.dtype(0) == DType::boolean) throw c.wrong("takes numbers, not truth values");
  return {{c.type(0), {}}};
}
std::vector<Value> shrink_vjp(const VjpContext& c) {
  const Value threshold = float_constant(c.graph(), attr(c, "lambd", 0.5));
  return {where(greater(abs(c.in[0]), threshold), c.dout[0], zero(c))};
}

// Mish (Misra 2019, arXiv 1908.08681): x tanh(log(1 + e^x)).
constexpr auto kMish = [](auto x) {
  using T = decltype(x);
  const T softplus = x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
  return x * std::tanh(softplus);
};
std::vector<Value> mish_vjp(const VjpContext& c) {
  const Value x = c.in[0], t = emit("Tanh", {emit("Softplus", {x})});
  return {c.dout[0] * (t + x * (-(t * t) + 1.0F) * emit("Sigmoid", {x}))};
}

}  // namespace

const OpDef celu_op{"Celu", {1, 1}, infer_float_map, map_with_attrs<kCelu>, celu_vjp};
const OpDef softsign_op{"Softsign", {1, 1}, infer_float_map, map_floats<kSoftsign>, softsign_vjp};
const OpDef thresholded_relu_op{
    "ThresholdedRelu", {1, 1}, infer_float_map, map_with_attrs<kThresholdedRelu>, thresholded_relu_vjp};
const OpDef shrink_op{"Shrink", {1, 1}, infer_shrink, shrink_reference, shrink_vjp};
const OpDef mish_op{"Mish", {1, 1}, infer_float_map, map_floats<kMish>, mish_vjp};
}  // namespace limn
