// Smooth activation functions beyond those of activations.cpp, and the thresholds of Shrink and ThresholdedRelu.
#include <cmath>
#include <numbers>
#include <utility>

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

// Swish (Ramachandran et al. 2017, arXiv 1710.05941; with alpha = 1 SiLU, Elfwing et al. 2018, arXiv 1702.03118):
// x s with s = sigmoid(alpha x). Its derivative, s (1 + alpha x (1 - s)), is one operator, so that a backward pass
// reads x once and a forward pass need not keep s.
constexpr auto kSwish = [](const Attrs& a) {
  return [alpha = a.real("alpha", 1.0)](double x) { return x / (1 + std::exp(-alpha * x)); };
};
std::vector<Value> swish_vjp(const VjpContext& c) {
  return {emit("limn::SwishGrad", {c.dout[0], c.in[0]}, c.node.attrs)};
}

void swish_grad_reference(const EvalContext& c) {
  const double alpha = c.node.attrs.real("alpha", 1.0);
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto dy = c.in[0].as<T>();
    const auto x = c.in[1].as<T>();
    const auto dx = c.out[0].as<T>();
    for (std::size_t i = 0; i < dx.size(); ++i) {
      const double v = alpha * static_cast<double>(x[i]), s = 1 / (1 + std::exp(-v));
      dx[i] = static_cast<T>(static_cast<double>(dy[i]) * s * (1 + v * (1 - s)));
    }
  });
}

/// alpha x and its sigmoid.
std::pair<Value, Value> scaled_and_gate(Value x, const Attrs& attrs) {
  const auto alpha = static_cast<float>(attrs.real("alpha", 1.0));
  const Value v = alpha == 1.0F ? x : x * alpha;
  return {v, emit("Sigmoid", {v})};
}
std::vector<Value> swish_grad_decompose(const DecomposeContext& c) {
  const auto [v, s] = scaled_and_gate(c.in[1], c.node.attrs);
  return {c.in[0] * (s * (v * (-s + 1.0F) + 1.0F))};
}
std::vector<Value> swish_grad_vjp(const VjpContext& c) {
  const auto [v, s] = scaled_and_gate(c.in[1], c.node.attrs);
  const auto alpha = static_cast<float>(c.node.attrs.real("alpha", 1.0));
  const Value curvature = s * (-s + 1.0F) * (v * (s * -2.0F + 1.0F) + 2.0F) * alpha;
  return {emit("limn::SwishGrad", {c.dout[0], c.in[1]}, c.node.attrs), c.dout[0] * c.in[0] * curvature};
}

// Gelu (Hendrycks and Gimpel 2016, arXiv 1606.08415): x Phi(x) with the normal distribution Phi, or the
// approximation x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
constexpr double kCubic = 0.044715;
bool is_approximate(const Node& node) { return node.attrs.text("approximate", "none") == "tanh"; }

std::vector<Inferred> infer_gelu(const InferContext& c) {
  const std::string kind = c.node.attrs.text("approximate", "none");
  if (kind != "none" && kind != "tanh") throw c.wrong("does not know the approximation '" + kind + "'");
  return infer_float_map(c);
}
void gelu_reference(const EvalContext& c) {
  const bool approximate = is_approximate(c.node);
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    const T root = std::sqrt(T{2} / std::numbers::pi_v<T>), half_root = std::sqrt(T{0.5});
    for (std::size_t i = 0; i < x.size(); ++i) {
      const T v = x[i];
      const T s =
          approximate ? std::tanh(root * (v + static_cast<T>(kCubic) * v * v * v)) : std::erf(v * half_root);
      y[i] = v / 2 * (1 + s);
    }
  });
}
/// Square root of a constant, taken by the graph so that its evaluation in double is not bound to the float.
Value root_of(const VjpContext& c, float v) { return sqrt(float_constant(c.graph(), v)); }

Value gelu_slope(const VjpContext& c) {
  const Value x = c.in[0];
  constexpr auto kTwoPi = static_cast<float>(2 * std::numbers::pi);
  const Value density = exp(x * x * -0.5F) / root_of(c, kTwoPi);
  return (emit("Erf", {x / root_of(c, 2.0F)}) + 1.0F) * 0.5F + x * density;
}
Value approximate_gelu_slope(const VjpContext& c) {
  const Value x = c.in[0], square = x * x;
  const Value root = root_of(c, static_cast<float>(2 / std::numbers::pi));
  const Value t = emit("Tanh", {x * (square * static_cast<float>(kCubic) + 1.0F) * root});
  const Value inner = (square * static_cast<float>(3 * kCubic) + 1.0F) * root;
  return (t + 1.0F + x * (-(t * t) + 1.0F) * inner) * 0.5F;
}
std::vector<Value> gelu_vjp(const VjpContext& c) {
  return {c.dout[0] * (is_approximate(c.node) ? approximate_gelu_slope(c) : gelu_slope(c))};
}

}  // namespace

const OpDef celu_op{"Celu", {1, 1}, infer_float_map, map_with_attrs<kCelu>, celu_vjp};
const OpDef softsign_op{"Softsign", {1, 1}, infer_float_map, map_floats<kSoftsign>, softsign_vjp};
const OpDef thresholded_relu_op{
    "ThresholdedRelu", {1, 1}, infer_float_map, map_with_attrs<kThresholdedRelu>, thresholded_relu_vjp};
const OpDef shrink_op{"Shrink", {1, 1}, infer_shrink, shrink_reference, shrink_vjp};
const OpDef mish_op{"Mish", {1, 1}, infer_float_map, map_floats<kMish>, mish_vjp};
const OpDef swish_op{"Swish", {1, 1}, infer_float_map, map_with_attrs<kSwish>, swish_vjp};
const OpDef swish_grad_op{"limn::SwishGrad",
                          {2, 2},
                          infer_float_map,
                          swish_grad_reference,
                          swish_grad_vjp,
                          swish_grad_decompose,
                          "dx = dy s (1 + alpha x (1 - s)) with s = sigmoid(alpha x); x is the input of Swish"};
const OpDef gelu_op{"Gelu", {1, 1}, infer_gelu, gelu_reference, gelu_vjp};

}  // namespace limn
