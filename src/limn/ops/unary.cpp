// Functions of one number.
#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

constexpr auto kAbs = [](auto x) { return x < decltype(x){} ? -x : x; };
constexpr auto kNeg = [](auto x) { return -x; };
constexpr auto kSign = [](auto x) { return (decltype(x){} < x) - (x < decltype(x){}); };
constexpr auto kExp = [](auto x) { return std::exp(x); };
constexpr auto kLog = [](auto x) { return std::log(x); };
constexpr auto kSqrt = [](auto x) { return std::sqrt(x); };
constexpr auto kReciprocal = [](auto x) { return 1 / x; };
constexpr auto kSin = [](auto x) { return std::sin(x); };
constexpr auto kCos = [](auto x) { return std::cos(x); };
constexpr auto kFloor = [](auto x) { return std::floor(x); };
constexpr auto kCeil = [](auto x) { return std::ceil(x); };
// Halves to even, as ONNX says.
constexpr auto kRound = [](auto x) { return std::nearbyint(x); };

std::vector<Value> abs_vjp(const VjpContext& c) { return {c.dout[0] * emit("Sign", {c.in[0]})}; }
std::vector<Value> neg_vjp(const VjpContext& c) { return {-c.dout[0]}; }
std::vector<Value> exp_vjp(const VjpContext& c) { return {c.dout[0] * c.out[0]}; }
std::vector<Value> log_vjp(const VjpContext& c) { return {c.dout[0] / c.in[0]}; }
std::vector<Value> sqrt_vjp(const VjpContext& c) { return {c.dout[0] / (c.out[0] * 2.0F)}; }
std::vector<Value> reciprocal_vjp(const VjpContext& c) { return {-(c.dout[0] * c.out[0] * c.out[0])}; }
std::vector<Value> sin_vjp(const VjpContext& c) { return {c.dout[0] * emit("Cos", {c.in[0]})}; }
std::vector<Value> cos_vjp(const VjpContext& c) { return {-(c.dout[0] * emit("Sin", {c.in[0]}))}; }

std::vector<Inferred> infer_number_map(const InferContext& c) {
  if (c.dtype(0) == DType::boolean) throw c.wrong("takes numbers, not truth values");
  return {{c.type(0), {}}};
}

constexpr std::string_view kFlat = "its derivative is 0 wherever it has one";

}  // namespace

const OpDef abs_op{"Abs", {1, 1}, infer_number_map, map_numbers<kAbs>, abs_vjp};
const OpDef neg_op{"Neg", {1, 1}, infer_number_map, map_numbers<kNeg>, neg_vjp};
const OpDef sign_op{"Sign", {1, 1}, infer_number_map, map_numbers<kSign>, flat_vjp, nullptr, kFlat};
const OpDef exp_op{"Exp", {1, 1}, infer_float_map, map_floats<kExp>, exp_vjp};
const OpDef log_op{"Log", {1, 1}, infer_float_map, map_floats<kLog>, log_vjp};
const OpDef sqrt_op{"Sqrt", {1, 1}, infer_float_map, map_floats<kSqrt>, sqrt_vjp};
const OpDef reciprocal_op{"Reciprocal", {1, 1}, infer_float_map, map_floats<kReciprocal>, reciprocal_vjp};
const OpDef sin_op{"Sin", {1, 1}, infer_float_map, map_floats<kSin>, sin_vjp};
const OpDef cos_op{"Cos", {1, 1}, infer_float_map, map_floats<kCos>, cos_vjp};
const OpDef floor_op{"Floor", {1, 1}, infer_float_map, map_floats<kFloor>, flat_vjp, nullptr, kFlat};
const OpDef ceil_op{"Ceil", {1, 1}, infer_float_map, map_floats<kCeil>, flat_vjp, nullptr, kFlat};
const OpDef round_op{"Round", {1, 1}, infer_float_map, map_floats<kRound>, flat_vjp, nullptr, kFlat};

}  // namespace limn
