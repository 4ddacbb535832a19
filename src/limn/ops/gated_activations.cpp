// Activation functions that multiply x with a gate between 0 and 1: Swish and Gelu.
#include <cmath>
#include <numbers>
#include <utility>

#include "limn/ops/build.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

// Swish (Ramachandran et al. 2017, arXiv 1710.05941; with alpha = 1 SiLU, Elfwing et al. 2018, arXiv 1702.03118):
// x s with s = sigmoid(alpha x). Gelu (Hendrycks and Gimpel 2016, arXiv 1606.08415): x Phi(x) with the normal
// distribution Phi, or the approximation x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). The slopes dy/dx of both
// are operators, so that a program can compute them where it computes the activation, from the same exponentials.
constexpr double kCubic = 0.044715;
bool is_approximate(const Attrs& attrs) { return attrs.text("approximate", "none") == "tanh"; }

constexpr auto kSwish = [](const Attrs& a) {
  return [alpha = a.real("alpha", 1.0)](double x) { return x / (1 + std::exp(-alpha * x)); };
};
constexpr auto kSwishSlope = [](const Attrs& a) {
  return [alpha = a.real("alpha", 1.0)](double x) {
    const double v = alpha * x, s = 1 / (1 + std::exp(-v));
    return s * (1 + v * (1 - s));
  };
};

/// u and du/dx of the approximation's tanh(u).
struct Inner {
  double u, du;
};
Inner inner(double x) {
  const double root = std::sqrt(2 / std::numbers::pi);
  return {root * (x + kCubic * x * x * x), root * (1 + 3 * kCubic * x * x)};
}
constexpr auto kGelu = [](const Attrs& a) {
  return [approximate = is_approximate(a)](double x) {
    return x / 2 * (1 + (approximate ? std::tanh(inner(x).u) : std::erf(x * std::sqrt(0.5))));
  };
};
constexpr auto kGeluSlope = [](const Attrs& a) {
  return [approximate = is_approximate(a)](double x) {
    if (approximate) {
      const auto [u, du] = inner(x);
      const double t = std::tanh(u);
      return (1 + t + x * (1 - t * t) * du) / 2;
    }
    return (1 + std::erf(x * std::sqrt(0.5))) / 2 + x * std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
  };
};

std::vector<Value> swish_vjp(const VjpContext& c) {
  return {c.dout[0] * emit("limn::SwishSlope", {c.in[0]}, c.node.attrs)};
}
std::vector<Value> gelu_vjp(const VjpContext& c) {
  return {c.dout[0] * emit("limn::GeluSlope", {c.in[0]}, c.node.attrs)};
}

/// alpha x and its sigmoid.
std::pair<Value, Value> scaled_and_gate(Value x, const Attrs& attrs) {
  const auto alpha = static_cast<float>(attrs.real("alpha", 1.0));
  const Value v = alpha == 1.0F ? x : x * alpha;
  return {v, emit("Sigmoid", {v})};
}
std::vector<Value> swish_slope_decompose(const DecomposeContext& c) {
  const auto [v, s] = scaled_and_gate(c.in[0], c.node.attrs);
  return {s * (v * (-s + 1.0F) + 1.0F)};
}
std::vector<Value> swish_slope_vjp(const VjpContext& c) {
  const auto [v, s] = scaled_and_gate(c.in[0], c.node.attrs);
  const auto alpha = static_cast<float>(c.node.attrs.real("alpha", 1.0));
  return {c.dout[0] * (s * (-s + 1.0F) * (v * (s * -2.0F + 1.0F) + 2.0F) * alpha)};
}

std::vector<Inferred> infer_gelu(const InferContext& c) {
  const std::string kind = c.node.attrs.text("approximate", "none");
  if (kind != "none" && kind != "tanh") throw c.wrong("does not know the approximation '" + kind + "'");
  return infer_float_map(c);
}

// Constants that no float is, made by the graph of such that are: its evaluation in double is not bound to a float.
Value pi(GraphBuilder& g) { return emit("Acos", {float_constant(g, -1.0F)}); }
Value root_of_two_over_pi(GraphBuilder& g) { return sqrt(float_constant(g, 2.0F) / pi(g)); }
Value cubic(GraphBuilder& g) { return float_constant(g, 44715.0F) / float_constant(g, 1e6F); }

/// The density of the normal distribution.
Value density(GraphBuilder& g, Value x) { return exp(x * x * -0.5F) / sqrt(pi(g) * 2.0F); }

/// The graph of Inner: tanh(u), 1 - tanh(u)^2, du/dx.
struct InnerValues {
  Value t, slope_of_tanh, du;
};
InnerValues inner_values(GraphBuilder& g, Value x) {
  const Value square = x * x, root = root_of_two_over_pi(g);
  const Value t = emit("Tanh", {x * (square * cubic(g) + 1.0F) * root});
  return {t, -(t * t) + 1.0F, (square * (cubic(g) * 3.0F) + 1.0F) * root};
}

std::vector<Value> gelu_slope_decompose(const DecomposeContext& c) {
  const Value x = c.in[0];
  if (is_approximate(c.node.attrs)) {
    const InnerValues v = inner_values(c.graph, x);
    return {(v.t + 1.0F + x * v.slope_of_tanh * v.du) * 0.5F};
  }
  return {(emit("Erf", {x / sqrt(float_constant(c.graph, 2.0F))}) + 1.0F) * 0.5F + x * density(c.graph, x)};
}
std::vector<Value> gelu_slope_vjp(const VjpContext& c) {
  const Value x = c.in[0];
  if (!is_approximate(c.node.attrs)) return {c.dout[0] * density(c.graph(), x) * (-(x * x) + 2.0F)};
  const InnerValues v = inner_values(c.graph(), x);
  const Value bend = x * (root_of_two_over_pi(c.graph()) * cubic(c.graph()) * 3.0F);  // u'' / 2
  return {c.dout[0] * v.slope_of_tanh * (v.du + x * (bend - v.t * v.du * v.du))};
}

/// An activation and its slope, of one input.
std::vector<Inferred> infer_with_slope(const InferContext& c) {
  const Inferred same = infer_float_map(c).front();
  return {same, same};
}
template <const auto& Activation, const auto& Slope>
void with_slope_reference(const EvalContext& c) {
  const auto activation = Activation(c.node.attrs);
  const auto slope = Slope(c.node.attrs);
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>(), dy_dx = c.out[1].as<T>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      y[i] = static_cast<T>(activation(static_cast<double>(x[i])));
      dy_dx[i] = static_cast<T>(slope(static_cast<double>(x[i])));
    }
  });
}

std::vector<Value> swish_and_slope_decompose(const DecomposeContext& c) {
  return {emit("Swish", {c.in[0]}, c.node.attrs), swish_slope_decompose(c).front()};
}
std::vector<Value> gelu_and_slope_decompose(const DecomposeContext& c) {
  return {emit("Gelu", {c.in[0]}, c.node.attrs), gelu_slope_decompose(c).front()};
}

}  // namespace

const OpDef swish_op{"Swish", {1, 1}, infer_float_map, map_with_attrs<kSwish>, swish_vjp};
const OpDef swish_slope_op{"limn::SwishSlope",
                           {1, 1},
                           infer_float_map,
                           map_with_attrs<kSwishSlope>,
                           swish_slope_vjp,
                           swish_slope_decompose,
                           "dy/dx = s (1 + alpha x (1 - s)) with s = sigmoid(alpha x), of y = Swish(x)"};
const OpDef gelu_op{"Gelu", {1, 1}, infer_gelu, map_with_attrs<kGelu>, gelu_vjp};
const OpDef gelu_slope_op{"limn::GeluSlope",          {1, 1},         infer_gelu,
                          map_with_attrs<kGeluSlope>, gelu_slope_vjp, gelu_slope_decompose,
                          "dy/dx of y = Gelu(x)"};
const OpDef swish_and_slope_op{
    "limn::SwishAndSlope",
    {1, 1, 2},
    infer_with_slope,
    with_slope_reference<kSwish, kSwishSlope>,
    nullptr,
    swish_and_slope_decompose,
    "Swish and limn::SwishSlope of x; made when a program is compiled, after all derivatives are taken"};
const OpDef gelu_and_slope_op{
    "limn::GeluAndSlope",
    {1, 1, 2},
    infer_with_slope,
    with_slope_reference<kGelu, kGeluSlope>,
    nullptr,
    gelu_and_slope_decompose,
    "Gelu and limn::GeluSlope of x; made when a program is compiled, after all derivatives are taken"};

}  // namespace limn
