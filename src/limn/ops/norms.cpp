// Division by a mean or a norm: MeanVarianceNormalization and LpNormalization, LpPool and GlobalLpPool.
#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"
#include "limn/ops/window.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

/// What ONNX adds to the standard deviation.
constexpr float kMvnEpsilon = 1e-9F;

Ints mvn_axes(const Node& node) { return node.attrs.integers("axes", {0, 2, 3}); }

std::vector<Inferred> infer_mvn(const InferContext& c) {
  axes_of(c, mvn_axes(c.node), c.shape(0).size());
  return infer_float_map(c);
}

/// Strides of a tensor that keeps only the axes of `dims` that are not in `axes`, walked over `dims`.
Dims group_strides(std::span<const std::int64_t> dims, const Ints& axes) {
  Dims kept(dims.begin(), dims.end());
  for (std::int64_t a : axes) kept[from_front(a, dims.size())] = 1;
  return broadcast_strides(kept, dims);
}

void mvn_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    const auto dims = c.in[0].dims;
    const std::array<Dims, 2> strides{strides_of(dims), group_strides(dims, mvn_axes(c.node))};
    std::vector<T> count(x.size()), mean(x.size()), square(x.size());
    const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
    walk<2>(dims, strides, [&](const auto& o) { mean[at(o[1])] += x[at(o[0])], count[at(o[1])] += 1; });
    for (std::size_t i = 0; i < x.size(); ++i) mean[i] /= count[i];
    walk<2>(dims, strides, [&](const auto& o) {
      const T d = x[at(o[0])] - mean[at(o[1])];
      square[at(o[1])] += d * d / count[at(o[1])];
    });
    walk<2>(dims, strides, [&](const auto& o) {
      y[at(o[0])] = (x[at(o[0])] - mean[at(o[1])]) / (std::sqrt(square[at(o[1])]) + static_cast<T>(kMvnEpsilon));
    });
  });
}

/// a / b, and 0 where b is 0.
Value quotient_or_zero(Value a, Value b) {
  const Value zero = float_constant(*b.in, 0.0F);
  const Value none = equal(b, zero);
  return where(none, zero, a / where(none, float_constant(*b.in, 1.0F), b));
}

/// With s the standard deviation, d = s + epsilon and u = x - mean: dx = (dy - mean(dy)) / d - u mean(dy u) / (d^2
/// s).
std::vector<Value> mvn_vjp(const VjpContext& c) {
  const Value x = c.in[0], dy = c.dout[0];
  const Ints axes = mvn_axes(c.node);
  const Value u = x - reduce_mean(x, axes), s = sqrt(reduce_mean(u * u, axes)), d = s + kMvnEpsilon;
  const Value pull = quotient_or_zero(u * reduce_mean(dy * u, axes), s);
  return {(dy - reduce_mean(dy, axes)) / d - pull / (d * d)};
}

std::int64_t power_of(const Node& node) { return node.attrs.integer("p", 2); }

// LpNormalization: lines along `axis` divided by their norm; lines of zeros stay zero.
std::vector<Inferred> infer_lp_normalization(const InferContext& c) {
  axis_of(c, c.node.attrs.integer("axis", -1), c.shape(0).size());
  if (power_of(c.node) != 1 && power_of(c.node) != 2)
    throw c.wrong("divides by the norm of p = 1 or 2, not " + std::to_string(power_of(c.node)));
  return infer_float_map(c);
}

void lp_normalization_reference(const EvalContext& c) {
  const bool absolute = power_of(c.node) == 1;
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    const auto dims = c.in[0].dims;
    const std::array<Dims, 2> strides{strides_of(dims), group_strides(dims, {c.node.attrs.integer("axis", -1)})};
    std::vector<T> norms(x.size());
    const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
    walk<2>(dims, strides, [&](const auto& o) {
      const T v = x[at(o[0])];
      norms[at(o[1])] += absolute ? std::abs(v) : v * v;
    });
    walk<2>(dims, strides, [&](const auto& o) {
      const T norm = absolute ? norms[at(o[1])] : std::sqrt(norms[at(o[1])]);
      y[at(o[0])] = norm == T{} ? T{} : x[at(o[0])] / norm;
    });
  });
}

/// dx = (dy - y sum(dy y)) / |x| for p = 2, with sign(x) in place of the first y for p = 1.
std::vector<Value> lp_normalization_vjp(const VjpContext& c) {
  const Ints axis{c.node.attrs.integer("axis", -1)};
  const Value x = c.in[0], y = c.out[0], dy = c.dout[0], along = reduce_sum(dy * y, axis);
  if (power_of(c.node) == 1) return {quotient_or_zero(dy - emit("Sign", {x}) * along, reduce_sum(abs(x), axis))};
  return {quotient_or_zero(dy - y * along, sqrt(reduce_sum(x * x, axis)))};
}

// LpPool and GlobalLpPool: y = (sum |x|^p)^(1/p) over each window.
template <class T>
T root(T sum, std::int64_t p) {
  return p == 1 ? sum : p == 2 ? std::sqrt(sum) : std::pow(sum, T{1} / static_cast<T>(p));
}
template <class T>
T power(T x, std::int64_t p) {
  const T a = std::abs(x);
  return p == 1 ? a : p == 2 ? a * a : std::pow(a, static_cast<T>(p));
}

void check_power(const InferContext& c) {
  infer_float_map(c);
  if (power_of(c.node) < 1) throw c.wrong("the power p must be at least 1");
}

std::vector<Inferred> infer_global_lp_pool(const InferContext& c) {
  check_power(c);
  const Shape& x = c.shape(0);
  if (x.size() < 3) throw c.wrong("the input " + to_string(x) + " has no spatial axis");
  Shape y(x.size(), Dim(1));
  y[0] = x[0];
  y[1] = x[1];
  return typed_as_first(c, y);
}

void global_lp_pool_reference(const EvalContext& c) {
  const std::int64_t p = power_of(c.node);
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    const std::size_t plane = y.empty() ? 0 : x.size() / y.size();
    for (std::size_t i = 0; i < y.size(); ++i) {
      T sum{};
      for (T v : x.subspan(i * plane, plane)) sum += power(v, p);
      y[i] = root(sum, p);
    }
  });
}

/// What reaches the sum of powers: dy y^(1-p), 0 where y is 0; times p, which the derivative of the power cancels.
Value into_sum(const VjpContext& c) {
  const std::int64_t p = power_of(c.node);
  if (p == 1) return c.dout[0];
  const auto less = static_cast<float>(p - 1);
  return quotient_or_zero(c.dout[0], p == 2 ? c.out[0] : emit("Pow", {c.out[0], float_constant(c.graph(), less)}));
}

/// sign(x) |x|^(p-1)
Value slope_of_power(const VjpContext& c) {
  const Value x = c.in[0];
  const std::int64_t p = power_of(c.node);
  if (p == 2) return x;
  const Value sign = emit("Sign", {x});
  return p == 1 ? sign : sign * emit("Pow", {abs(x), float_constant(c.graph(), static_cast<float>(p - 1))});
}

std::vector<Value> global_lp_pool_vjp(const VjpContext& c) { return {into_sum(c) * slope_of_power(c)}; }

std::vector<Inferred> infer_lp_pool(const InferContext& c) {
  check_power(c);
  const Shape& x = c.shape(0);
  const Window w = Window::read(c.node, x.size() < 2 ? 0 : x.size() - 2);
  if (w.ceil_mode)
    throw Error(ErrorCode::unsupported, "LpPool with ceil_mode is not known to limn", place_of(c.node));
  Shape y{x[0], x[1]};
  for (std::size_t i = 0; i < w.rank(); ++i) y.push_back(w.output(i, x[2 + i]));
  return typed_as_first(c, y);
}

void lp_pool_reference(const EvalContext& c) {
  const std::int64_t p = power_of(c.node);
  const auto dims = c.in[0].dims;
  const SpatialAxes axes = Window::read(c.node, dims.size() - 2).on(dims);
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for (std::int64_t n = 0; n < dims[0] * dims[1]; ++n)
      for_each_window(axes, [&](std::int64_t flat, const auto& o) {
        T sum{};
        for_each_tap(axes, o, [&](std::int64_t i) {
          sum += power(x[static_cast<std::size_t>(n * input_count(axes) + i)], p);
        });
        y[static_cast<std::size_t>(n * output_count(axes) + flat)] = root(sum, p);
      });
  });
}

/// The cotangent of a sum over windows is that of their mean, times the size of the window.
std::vector<Value> lp_pool_vjp(const VjpContext& c) {
  Attrs attrs = c.node.attrs;
  attrs.erase("p");
  attrs.set("count_include_pad", std::int64_t{1});
  float taps = 1;
  for (std::int64_t k : c.node.attrs.integers("kernel_shape")) taps *= static_cast<float>(k);
  const Value sums = into_sum(c) * taps;
  return {emit("limn::AveragePoolGrad", {sums, shape_of(c.in[0])}, std::move(attrs)) * slope_of_power(c)};
}

}  // namespace

const OpDef mean_variance_normalization_op{"MeanVarianceNormalization", {1, 1}, infer_mvn, mvn_reference, mvn_vjp};
const OpDef lp_normalization_op{
    "LpNormalization", {1, 1}, infer_lp_normalization, lp_normalization_reference, lp_normalization_vjp};
const OpDef lp_pool_op{"LpPool", {1, 1}, infer_lp_pool, lp_pool_reference, lp_pool_vjp};
const OpDef global_lp_pool_op{
    "GlobalLpPool", {1, 1}, infer_global_lp_pool, global_lp_pool_reference, global_lp_pool_vjp};

}  // namespace limn
