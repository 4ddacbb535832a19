// Bitwise operators on integers, and the remainder of a division.
#include <cmath>
#include <functional>
#include <limits>

#include "limn/ops/build.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

template <class F>
void dispatch_integer(DType dtype, F&& f) {
  dispatch_number(dtype, [&]<class T>() {
    if constexpr (std::is_integral_v<T>) f.template operator()<T>();
  });
}

bool is_integer(DType t) { return !is_float(t) && t != DType::boolean; }

std::vector<Inferred> infer_bits(const InferContext& c) {
  if (!is_integer(c.dtype(0))) throw c.wrong("takes integers, not " + std::string(name_of(c.dtype(0))));
  return infer_broadcast(c);
}

template <auto F>
void combine_bits(const EvalContext& c) {
  dispatch_integer(c.in[0].dtype, [&]<class T>() { zip<T, T, T>(c.in[0], c.in[1], c.out[0], F); });
}

void not_reference(const EvalContext& c) {
  dispatch_integer(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = static_cast<T>(~x[i]);
  });
}

std::vector<Inferred> infer_shift(const InferContext& c) {
  const std::string direction = c.node.attrs.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    throw c.wrong("the attribute 'direction' is '" + direction + "' instead of LEFT or RIGHT");
  const DType t = c.dtype(0);
  if (t != DType::u8 && t != DType::u16 && t != DType::u32 && t != DType::u64)
    throw c.wrong("takes unsigned integers, not " + std::string(name_of(t)));
  return infer_broadcast(c);
}

// Shifts by the width of the type or more leave nothing.
void shift_reference(const EvalContext& c) {
  const bool left = c.node.attrs.text("direction", "") == "LEFT";
  dispatch_integer(c.in[0].dtype, [&]<class T>() {
    if constexpr (std::is_unsigned_v<T>)
      zip<T, T, T>(c.in[0], c.in[1], c.out[0], [=](T x, T by) -> T {
        if (by >= static_cast<T>(std::numeric_limits<T>::digits)) return T{};
        const auto wide = static_cast<std::uint64_t>(x);
        return static_cast<T>(left ? wide << by : wide >> by);
      });
  });
}

// Mod: with fmod the sign of the dividend, as in C; without it, for integers alone, that of the divisor.
bool like_c(const Node& node) { return node.attrs.integer("fmod", 0) != 0; }

std::vector<Inferred> infer_mod(const InferContext& c) {
  if (c.dtype(0) == DType::boolean) throw c.wrong("takes numbers, not truth values");
  if (is_float(c.dtype(0)) && !like_c(c.node)) throw c.wrong("needs the attribute fmod=1 for floats");
  return infer_broadcast(c);
}

template <class T>
T remainder(T a, T b, bool c_sign) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fmod(a, b);
  } else {
    if (b == T{}) throw Error(ErrorCode::bad_input, "an integer was divided by zero");
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return T{};  // the smallest integer has no opposite
    const T rest = static_cast<T>(a % b);
    const bool turn = !c_sign && rest != T{} && (rest < T{}) != (b < T{});
    return turn ? static_cast<T>(rest + b) : rest;
  }
}

void mod_reference(const EvalContext& c) {
  const bool c_sign = like_c(c.node);
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    zip<T, T, T>(c.in[0], c.in[1], c.out[0], [=](T a, T b) { return remainder(a, b, c_sign); });
  });
}

// y = a - b n with the whole number n = (a - y) / b.
std::vector<Value> mod_vjp(const VjpContext& c) {
  const Value a = c.in[0], b = c.in[1], dy = c.dout[0];
  std::vector<Value> din(2);
  if (c.wants[0]) din[0] = unbroadcast(dy, a);
  if (c.wants[1]) din[1] = unbroadcast(dy * ((c.out[0] - a) / b), b);
  return din;
}

constexpr std::string_view kBits = "integers have no derivative";

}  // namespace

const OpDef bitwise_and_op{"BitwiseAnd", {2, 2},  infer_bits, combine_bits<std::bit_and<>{}>,
                           nullptr,      nullptr, kBits};
const OpDef bitwise_or_op{"BitwiseOr", {2, 2}, infer_bits, combine_bits<std::bit_or<>{}>, nullptr, nullptr, kBits};
const OpDef bitwise_xor_op{"BitwiseXor", {2, 2},  infer_bits, combine_bits<std::bit_xor<>{}>,
                           nullptr,      nullptr, kBits};
const OpDef bitwise_not_op{"BitwiseNot", {1, 1}, infer_bits, not_reference, nullptr, nullptr, kBits};
const OpDef bit_shift_op{"BitShift", {2, 2}, infer_shift, shift_reference, nullptr, nullptr, kBits};
const OpDef mod_op{"Mod", {2, 2}, infer_mod, mod_reference, mod_vjp};

}  // namespace limn
