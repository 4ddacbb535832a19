// Comparisons, logic, and the choice between two tensors.
#include <cmath>
#include <functional>

#include "limn/ops/build.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

std::vector<Inferred> infer_comparison(const InferContext& c) {
  require_same_type(c, 0, 1);
  return {{{DType::boolean, broadcast_inputs(c)}, {}}};
}

template <auto F>
void compare(const EvalContext& c) {
  dispatch(c.in[0].dtype, [&]<class T>() { zip<T, T, bool>(c.in[0], c.in[1], c.out[0], F); });
}

std::vector<Inferred> infer_logic(const InferContext& c) {
  for (std::size_t i = 0; i < c.count(); ++i)
    if (c.dtype(i) != DType::boolean) throw c.wrong("takes truth values, not " + std::string(name_of(c.dtype(i))));
  return {{{DType::boolean, broadcast_inputs(c)}, {}}};
}

template <auto F>
void combine(const EvalContext& c) {
  zip<bool, bool, bool>(c.in[0], c.in[1], c.out[0], F);
}

void not_reference(const EvalContext& c) {
  const auto x = c.in[0].as<bool>();
  const auto y = c.out[0].as<bool>();
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = !x[i];
}

/// What kind of float it is, as a truth value.
std::vector<Inferred> infer_kind(const InferContext& c) {
  infer_float_map(c);
  return {{{DType::boolean, c.shape(0)}, {}}};
}

template <class F>
void classify(const EvalContext& c, F is) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<bool>();
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = is(x[i]);
  });
}

void is_nan_reference(const EvalContext& c) {
  classify(c, [](auto x) { return std::isnan(x); });
}

void is_inf_reference(const EvalContext& c) {
  const bool above = c.node.attrs.integer("detect_positive", 1) != 0;
  const bool below = c.node.attrs.integer("detect_negative", 1) != 0;
  classify(c, [=](auto x) { return std::isinf(x) && (x > 0 ? above : below); });
}

std::vector<Inferred> infer_where(const InferContext& c) {
  if (c.dtype(0) != DType::boolean)
    throw c.wrong("chooses by truth values, not by " + std::string(name_of(c.dtype(0))));
  require_same_type(c, 1, 2);
  return {{{c.dtype(1), broadcast_inputs(c)}, {}}};
}

void where_reference(const EvalContext& c) {
  dispatch(c.out[0].dtype, [&]<class T>() {
    const auto choice = c.in[0].as<bool>();
    const auto a = c.in[1].as<T>(), b = c.in[2].as<T>();
    const auto y = c.out[0].as<T>();
    const auto strides = [&](std::size_t i) { return broadcast_strides(c.in[i].dims, c.out[0].dims); };
    std::size_t n = 0;
    walk<3>(c.out[0].dims, {strides(0), strides(1), strides(2)}, [&](const auto& o) {
      y[n++] = choice[static_cast<std::size_t>(o[0])] ? a[static_cast<std::size_t>(o[1])]
                                                      : b[static_cast<std::size_t>(o[2])];
    });
  });
}

std::vector<Value> where_vjp(const VjpContext& c) {
  const Value dy = c.dout[0], zero = float_constant(c.graph(), 0.0F);
  std::vector<Value> din(3);
  if (c.wants[1]) din[1] = unbroadcast(where(c.in[0], dy, zero), c.in[1]);
  if (c.wants[2]) din[2] = unbroadcast(where(c.in[0], zero, dy), c.in[2]);
  return din;
}

constexpr std::string_view kTruth = "a truth value has no derivative";

}  // namespace

const OpDef equal_op{"Equal", {2, 2}, infer_comparison, compare<std::equal_to<>{}>, nullptr, nullptr, kTruth};
const OpDef greater_op{"Greater", {2, 2}, infer_comparison, compare<std::greater<>{}>, nullptr, nullptr, kTruth};
const OpDef greater_or_equal_op{
    "GreaterOrEqual", {2, 2}, infer_comparison, compare<std::greater_equal<>{}>, nullptr, nullptr, kTruth};
const OpDef less_op{"Less", {2, 2}, infer_comparison, compare<std::less<>{}>, nullptr, nullptr, kTruth};
const OpDef less_or_equal_op{"LessOrEqual", {2, 2}, infer_comparison, compare<std::less_equal<>{}>, nullptr,
                             nullptr,       kTruth};
const OpDef and_op{"And", {2, 2}, infer_logic, combine<std::logical_and<>{}>, nullptr, nullptr, kTruth};
const OpDef or_op{"Or", {2, 2}, infer_logic, combine<std::logical_or<>{}>, nullptr, nullptr, kTruth};
const OpDef xor_op{"Xor", {2, 2}, infer_logic, combine<std::not_equal_to<>{}>, nullptr, nullptr, kTruth};
const OpDef is_nan_op{"IsNaN", {1, 1}, infer_kind, is_nan_reference, nullptr, nullptr, kTruth};
const OpDef is_inf_op{"IsInf", {1, 1}, infer_kind, is_inf_reference, nullptr, nullptr, kTruth};
const OpDef not_op{"Not", {1, 1}, infer_logic, not_reference, nullptr, nullptr, kTruth};
const OpDef where_op{"Where", {3, 3}, infer_where, where_reference, where_vjp};

}  // namespace limn
