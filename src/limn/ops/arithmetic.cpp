// Add, Sub, Mul, Div and Pow of two tensors; Sum, Mean, Max and Min of any number. All broadcast.
#include <cmath>
#include <functional>

#include "limn/ops/build.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"
#include "limn/ops/wrapping.h"

namespace limn {
namespace {

template <auto F>
constexpr auto kWrapping = []<class T>(T a, T b) {
  using U = Wrapping<T>;
  return static_cast<T>(F(static_cast<U>(a), static_cast<U>(b)));
};
constexpr auto kAdd = kWrapping<std::plus<>{}>;
constexpr auto kSub = kWrapping<std::minus<>{}>;
constexpr auto kMul = kWrapping<std::multiplies<>{}>;
constexpr auto kDiv = []<class T>(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == T{}) throw Error(ErrorCode::bad_input, "an integer was divided by zero");
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return kSub(T{}, a);
  }
  return static_cast<T>(a / b);
};

template <auto F>
void zip_numbers(const EvalContext& c) {
  dispatch_number(c.in[0].dtype, [&]<class T>() { zip<T, T, T>(c.in[0], c.in[1], c.out[0], F); });
}

/// Inference that carries sizes through shape arithmetic: F works on sizes as the operator does on numbers.
template <auto F>
std::vector<Inferred> infer_arithmetic(const InferContext& c) {
  auto inferred = infer_broadcast(c);
  const auto a = elements(c, 0), b = elements(c, 1);
  if (!a || !b || a->empty() || b->empty()) return inferred;
  std::vector<Dim> out;
  for (std::size_t i = 0; i < std::max(a->size(), b->size()); ++i)
    out.push_back(F((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]));
  inferred[0].content = std::move(out);
  return inferred;
}
constexpr auto kDimSum = [](const Dim& a, const Dim& b) { return sum(a, b); };
constexpr auto kDimDifference = [](const Dim& a, const Dim& b) { return difference(a, b); };
constexpr auto kDimProduct = [](const Dim& a, const Dim& b) { return product(a, b); };
// Integer division of known numbers leaves a rest out; with a symbol it has to be exact.
constexpr auto kDimQuotient = [](const Dim& a, const Dim& b) {
  return a.known() && b.known() && b.value > 0 ? Dim(a.value / b.value) : quotient(a, b);
};

/// Cotangents of two inputs, each made only when it is wanted and summed to the shape of its input.
template <class A, class B>
std::vector<Value> two(const VjpContext& c, A first, B second) {
  std::vector<Value> din(2);
  if (c.wants[0]) din[0] = unbroadcast(first(), c.in[0]);
  if (c.wants[1]) din[1] = unbroadcast(second(), c.in[1]);
  return din;
}

std::vector<Value> add_vjp(const VjpContext& c) {
  return two(
      c, [&] { return c.dout[0]; }, [&] { return c.dout[0]; });
}
std::vector<Value> sub_vjp(const VjpContext& c) {
  return two(
      c, [&] { return c.dout[0]; }, [&] { return -c.dout[0]; });
}
std::vector<Value> mul_vjp(const VjpContext& c) {
  return two(
      c, [&] { return c.dout[0] * c.in[1]; }, [&] { return c.dout[0] * c.in[0]; });
}
std::vector<Value> div_vjp(const VjpContext& c) {
  return two(
      c, [&] { return c.dout[0] / c.in[1]; }, [&] { return -(c.dout[0] * c.out[0] / c.in[1]); });
}

// Pow may mix element types; the result has that of the base.
std::vector<Inferred> infer_pow(const InferContext& c) { return typed_as_first(c, broadcast_inputs(c)); }

void pow_reference(const EvalContext& c) {
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    dispatch_number(c.in[1].dtype, [&]<class P>() {
      zip<T, P, T>(c.in[0], c.in[1], c.out[0], [](T base, P exponent) {
        return std::pow(static_cast<double>(base), static_cast<double>(exponent));
      });
    });
  });
}

std::vector<Value> pow_vjp(const VjpContext& c) {
  const Value x = c.in[0], dy = c.dout[0];
  const Value p = is_float(c.in[1].type().dtype) ? c.in[1] : to_float(c.in[1]);
  return two(
      c,
      [&] {
        return dy * p * emit("Pow", {x, p + -1.0F});
      },
      [&] { return dy * c.out[0] * emit("Log", {x}); });
}

/// Folds F over all inputs.
template <auto F>
void fold_numbers(const EvalContext& c) {
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    zip<T, T, T>(c.in[0], c.in[0], c.out[0], [](T a, T) { return a; });
    const TensorView sofar{c.out[0].dtype, c.out[0].dims, c.out[0].bytes};
    for (std::size_t i = 1; i < c.in.size(); ++i) zip<T, T, T>(sofar, c.in[i], c.out[0], F);
  });
}

// Written so that a NaN on either side is the result.
constexpr auto kMax = []<class T>(T a, T b) { return b > a || b != b ? b : a; };
constexpr auto kMin = []<class T>(T a, T b) { return b < a || b != b ? b : a; };

void mean_reference(const EvalContext& c) {
  fold_numbers<kAdd>(c);
  dispatch_float(c.out[0].dtype, [&]<class T>() {
    for (T& v : c.out[0].as<T>()) v /= static_cast<T>(c.in.size());
  });
}

std::vector<Value> spread(const VjpContext& c, Value dy) {
  std::vector<Value> din(c.in.size());
  for (std::size_t i = 0; i < din.size(); ++i)
    if (c.wants[i]) din[i] = unbroadcast(dy, c.in[i]);
  return din;
}
std::vector<Value> sum_vjp(const VjpContext& c) { return spread(c, c.dout[0]); }
std::vector<Value> mean_vjp(const VjpContext& c) {
  return spread(c, c.dout[0] * (1.0F / static_cast<float>(c.in.size())));
}

/// The whole cotangent goes to the first input that equals the result.
std::vector<Value> extremum_vjp(const VjpContext& c) {
  std::vector<Value> din(c.in.size());
  Value rest = c.dout[0];
  for (std::size_t i = 0; i < din.size(); ++i) {
    const Value zeros = float_constant(c.graph(), 0.0F);
    const Value chosen = equal(c.in[i], c.out[0]);
    if (c.wants[i]) din[i] = unbroadcast(where(chosen, rest, zeros), c.in[i]);
    if (i + 1 < din.size()) rest = where(chosen, zeros, rest);
  }
  return din;
}

constexpr std::string_view kTies = "where inputs tie, the first one takes the whole derivative";

}  // namespace

const OpDef add_op{"Add", {2, 2}, infer_arithmetic<kDimSum>, zip_numbers<kAdd>, add_vjp};
const OpDef sub_op{"Sub", {2, 2}, infer_arithmetic<kDimDifference>, zip_numbers<kSub>, sub_vjp};
const OpDef mul_op{"Mul", {2, 2}, infer_arithmetic<kDimProduct>, zip_numbers<kMul>, mul_vjp};
const OpDef div_op{"Div", {2, 2}, infer_arithmetic<kDimQuotient>, zip_numbers<kDiv>, div_vjp};
const OpDef pow_op{"Pow",
                   {2, 2},
                   infer_pow,
                   pow_reference,
                   pow_vjp,
                   nullptr,
                   "its derivative by the exponent needs a positive base"};
const OpDef sum_op{"Sum", {1, kAny}, infer_broadcast, fold_numbers<kAdd>, sum_vjp};
const OpDef mean_op{"Mean", {1, kAny}, infer_broadcast, mean_reference, mean_vjp};
const OpDef max_op{"Max", {1, kAny}, infer_broadcast, fold_numbers<kMax>, extremum_vjp, nullptr, kTies};
const OpDef min_op{"Min", {1, kAny}, infer_broadcast, fold_numbers<kMin>, extremum_vjp, nullptr, kTies};

}  // namespace limn
