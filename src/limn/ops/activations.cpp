// Activation functions beside the rectifiers. Their derivatives are written in terms of the output where that is
// shorter, so that a backward pass keeps one of input and output alive, not both.
#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

float attr(const VjpContext& c, std::string_view name, double otherwise) {
  return static_cast<float>(c.node.attrs.real(name, otherwise));
}

/// x > 0 as truth values.
Value positive(Value x) { return greater(x, float_constant(*x.in, 0.0F)); }

// LeakyRelu: x above zero, alpha x below.
constexpr double kLeakyAlpha = 0.01;
constexpr auto kLeakyRelu = [](const Attrs& a) {
  return [alpha = a.real("alpha", kLeakyAlpha)](double x) { return x < 0 ? alpha * x : x; };
};
std::vector<Value> leaky_relu_vjp(const VjpContext& c) {
  return {where(positive(c.in[0]), c.dout[0], c.dout[0] * attr(c, "alpha", kLeakyAlpha))};
}

// PRelu: as LeakyRelu, with a slope that broadcasts to x.
std::vector<Inferred> infer_prelu(const InferContext& c) {
  require_same_type(c, 0, 1);
  const Shape& x = c.shape(0);
  if (broadcast(c, x, c.shape(1)).size() != x.size())
    throw c.wrong("the slope " + to_string(c.shape(1)) + " has more dimensions than the input " + to_string(x));
  return infer_float_map(c);
}
void prelu_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    zip<T, T, T>(c.in[0], c.in[1], c.out[0], [](T x, T slope) { return x < T{} ? slope * x : x; });
  });
}
std::vector<Value> prelu_vjp(const VjpContext& c) {
  const Value x = c.in[0], slope = c.in[1], dy = c.dout[0];
  std::vector<Value> din(2);
  if (c.wants[0]) din[0] = where(positive(x), dy, dy * slope);
  if (c.wants[1]) din[1] = unbroadcast(where(positive(x), zeros_like(x), dy * x), slope);
  return din;
}

// Elu: x above zero, alpha (e^x - 1) below; there dy/dx = y + alpha.
constexpr auto kElu = [](const Attrs& a) {
  return [alpha = a.real("alpha", 1.0)](double x) { return x < 0 ? alpha * std::expm1(x) : x; };
};
std::vector<Value> elu_vjp(const VjpContext& c) {
  return {where(positive(c.in[0]), c.dout[0], c.dout[0] * (c.out[0] + attr(c, "alpha", 1.0)))};
}

// Selu (Klambauer et al. 2017, arXiv 1706.02515): gamma times Elu, with the constants of ONNX.
constexpr double kSeluAlpha = 1.67326319217681884765625, kSeluGamma = 1.05070102214813232421875;
constexpr auto kSelu = [](const Attrs& a) {
  return [alpha = a.real("alpha", kSeluAlpha), gamma = a.real("gamma", kSeluGamma)](double x) {
    return gamma * (x > 0 ? x : alpha * std::expm1(x));
  };
};
std::vector<Value> selu_vjp(const VjpContext& c) {
  const double alpha = c.node.attrs.real("alpha", kSeluAlpha), gamma = c.node.attrs.real("gamma", kSeluGamma);
  return {where(positive(c.in[0]), c.dout[0] * static_cast<float>(gamma),
                c.dout[0] * (c.out[0] + static_cast<float>(alpha * gamma)))};
}

constexpr auto kSigmoid = [](auto x) { return 1 / (1 + std::exp(-x)); };
std::vector<Value> sigmoid_vjp(const VjpContext& c) {
  const Value y = c.out[0];
  return {c.dout[0] * (y - y * y)};
}

// HardSigmoid: alpha x + beta, clipped to 0..1.
constexpr double kHardAlpha = 0.2, kHardBeta = 0.5;
constexpr auto kHardSigmoid = [](const Attrs& a) {
  return [alpha = a.real("alpha", kHardAlpha), beta = a.real("beta", kHardBeta)](double x) {
    const double line = alpha * x + beta;
    return line < 0 ? 0 : line > 1 ? 1 : line;
  };
};
std::vector<Value> hard_sigmoid_vjp(const VjpContext& c) {
  GraphBuilder& g = c.graph();
  return {
      clip_grad(c.dout[0] * attr(c, "alpha", kHardAlpha), c.out[0], float_constant(g, 0), float_constant(g, 1))};
}

// HardSwish (Howard et al. 2019, arXiv 1905.02244): x times max(0, min(1, x / 6 + 1/2)).
constexpr auto kHardSwish = [](auto x) {
  using T = decltype(x);
  return x <= T{-3} ? T{} : x >= T{3} ? x : x * (x / 6 + T{0.5});
};
std::vector<Value> hard_swish_vjp(const VjpContext& c) {
  GraphBuilder& g = c.graph();
  const Value x = c.in[0], dy = c.dout[0];
  const Value middle = where(greater(float_constant(g, 3), x), dy * (x / float_constant(g, 3) + 0.5F), dy);
  return {where(greater(x, float_constant(g, -3)), middle, zeros_like(x))};
}

constexpr auto kTanh = [](auto x) { return std::tanh(x); };
std::vector<Value> tanh_vjp(const VjpContext& c) { return {c.dout[0] - c.dout[0] * c.out[0] * c.out[0]}; }

// log(1 + e^x), without overflow.
constexpr auto kSoftplus = [](auto x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); };
std::vector<Value> softplus_vjp(const VjpContext& c) { return {c.dout[0] * emit("Sigmoid", {c.in[0]})}; }

constexpr auto kErf = [](auto x) { return std::erf(x); };
std::vector<Value> erf_vjp(const VjpContext& c) {
  // 2 / sqrt(pi) as an exponent: its logarithm is a float to 4e-9, the number itself only to 2e-8.
  constexpr float kLogOfTwoOverRootPi = 0.12078224F;
  return {c.dout[0] * exp(float_constant(c.graph(), kLogOfTwoOverRootPi) - c.in[0] * c.in[0])};
}

}  // namespace

const OpDef leaky_relu_op{"LeakyRelu", {1, 1}, infer_float_map, map_with_attrs<kLeakyRelu>, leaky_relu_vjp};
const OpDef prelu_op{"PRelu", {2, 2}, infer_prelu, prelu_reference, prelu_vjp};
const OpDef elu_op{"Elu", {1, 1}, infer_float_map, map_with_attrs<kElu>, elu_vjp};
const OpDef selu_op{"Selu", {1, 1}, infer_float_map, map_with_attrs<kSelu>, selu_vjp};
const OpDef sigmoid_op{"Sigmoid", {1, 1}, infer_float_map, map_floats<kSigmoid>, sigmoid_vjp};
const OpDef hard_sigmoid_op{"HardSigmoid", {1, 1}, infer_float_map, map_with_attrs<kHardSigmoid>, hard_sigmoid_vjp};
const OpDef hard_swish_op{"HardSwish", {1, 1}, infer_float_map, map_floats<kHardSwish>, hard_swish_vjp};
const OpDef tanh_op{"Tanh", {1, 1}, infer_float_map, map_floats<kTanh>, tanh_vjp};
const OpDef softplus_op{"Softplus", {1, 1}, infer_float_map, map_floats<kSoftplus>, softplus_vjp};
const OpDef erf_op{"Erf", {1, 1}, infer_float_map, map_floats<kErf>, erf_vjp};

}  // namespace limn
