// Trigonometric and hyperbolic functions and their inverses. Sin and Cos are in unary.cpp, Tanh in activations.cpp.
#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

constexpr auto kTan = [](auto x) { return std::tan(x); };
constexpr auto kSinh = [](auto x) { return std::sinh(x); };
constexpr auto kCosh = [](auto x) { return std::cosh(x); };
constexpr auto kAsin = [](auto x) { return std::asin(x); };
constexpr auto kAcos = [](auto x) { return std::acos(x); };
constexpr auto kAtan = [](auto x) { return std::atan(x); };
constexpr auto kAsinh = [](auto x) { return std::asinh(x); };
constexpr auto kAcosh = [](auto x) { return std::acosh(x); };
constexpr auto kAtanh = [](auto x) { return std::atanh(x); };

Value square(Value x) { return x * x; }

std::vector<Value> tan_vjp(const VjpContext& c) { return {c.dout[0] * (square(c.out[0]) + 1.0F)}; }
std::vector<Value> sinh_vjp(const VjpContext& c) { return {c.dout[0] * emit("Cosh", {c.in[0]})}; }
std::vector<Value> cosh_vjp(const VjpContext& c) { return {c.dout[0] * emit("Sinh", {c.in[0]})}; }
std::vector<Value> asin_vjp(const VjpContext& c) { return {c.dout[0] / sqrt(-square(c.in[0]) + 1.0F)}; }
std::vector<Value> acos_vjp(const VjpContext& c) { return {-(c.dout[0] / sqrt(-square(c.in[0]) + 1.0F))}; }
std::vector<Value> atan_vjp(const VjpContext& c) { return {c.dout[0] / (square(c.in[0]) + 1.0F)}; }
std::vector<Value> asinh_vjp(const VjpContext& c) { return {c.dout[0] / sqrt(square(c.in[0]) + 1.0F)}; }
std::vector<Value> acosh_vjp(const VjpContext& c) { return {c.dout[0] / sqrt(square(c.in[0]) + -1.0F)}; }
std::vector<Value> atanh_vjp(const VjpContext& c) { return {c.dout[0] / (-square(c.in[0]) + 1.0F)}; }

}  // namespace

const OpDef tan_op{"Tan", {1, 1}, infer_float_map, map_floats<kTan>, tan_vjp};
const OpDef sinh_op{"Sinh", {1, 1}, infer_float_map, map_floats<kSinh>, sinh_vjp};
const OpDef cosh_op{"Cosh", {1, 1}, infer_float_map, map_floats<kCosh>, cosh_vjp};
const OpDef asin_op{"Asin", {1, 1}, infer_float_map, map_floats<kAsin>, asin_vjp};
const OpDef acos_op{"Acos", {1, 1}, infer_float_map, map_floats<kAcos>, acos_vjp};
const OpDef atan_op{"Atan", {1, 1}, infer_float_map, map_floats<kAtan>, atan_vjp};
const OpDef asinh_op{"Asinh", {1, 1}, infer_float_map, map_floats<kAsinh>, asinh_vjp};
const OpDef acosh_op{"Acosh", {1, 1}, infer_float_map, map_floats<kAcosh>, acosh_vjp};
const OpDef atanh_op{"Atanh", {1, 1}, infer_float_map, map_floats<kAtanh>, atanh_vjp};

}  // namespace limn
