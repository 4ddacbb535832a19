// Reductions over axes. All take the axes as input 1; without any they reduce every axis, unless
// noop_with_empty_axes says to reduce none.
#include <cmath>
#include <limits>
#include <numeric>

#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

using Axes = std::vector<std::size_t>;

/// The reduced axes, ascending; `listed` are those of input 1.
Axes reduced_axes(const Node& node, std::span<const std::int64_t> listed, std::size_t rank) {
  Axes axes;
  if (listed.empty()) {
    axes.resize(node.attrs.integer("noop_with_empty_axes", 0) ? 0 : rank);
    std::iota(axes.begin(), axes.end(), 0);
  }
  for (std::int64_t axis : listed) axes.push_back(from_front(axis, rank));
  std::ranges::sort(axes);
  return axes;
}

Shape reduced_shape(Shape shape, const Axes& axes, bool keep) {
  for (std::size_t k = axes.size(); k-- > 0;) {
    if (keep)
      shape[axes[k]] = 1;
    else
      shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axes[k]));
  }
  return shape;
}

bool keeps(const Node& node) { return node.attrs.integer("keepdims", 1) != 0; }

std::vector<Inferred> infer_reduce(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (c.dtype(0) == DType::boolean) throw c.wrong("takes numbers, not truth values");
  const auto listed = c.has(1) ? required_integers(c, 1, "axes") : std::vector<std::int64_t>{};
  axes_of(c, listed, x.size());
  return typed_as_first(c, reduced_shape(x, reduced_axes(c.node, listed, x.size()), keeps(c.node)));
}

/// As infer_reduce; the product of a vector of sizes is a size.
std::vector<Inferred> infer_product(const InferContext& c) {
  auto inferred = infer_reduce(c);
  const auto sizes = elements(c, 0);
  if (sizes && c.shape(0).size() == 1 && product(*inferred[0].type.shape) == Dim(1))
    inferred[0].content = std::vector<Dim>{product(*sizes)};
  return inferred;
}

std::vector<std::int64_t> listed_axes(const EvalContext& c) {
  std::vector<std::int64_t> out;
  if (c.in.size() < 2 || !c.in[1].present()) return out;
  dispatch_number(c.in[1].dtype, [&]<class T>() {
    for (T v : c.in[1].as<T>()) out.push_back(static_cast<std::int64_t>(v));
  });
  return out;
}

/// Strides of the result when the input is walked: 0 along reduced axes.
Dims result_strides(std::span<const std::int64_t> dims, const Axes& axes) {
  Dims kept(dims.begin(), dims.end());
  for (std::size_t axis : axes) kept[axis] = 1;
  Dims strides = strides_of(kept);
  for (std::size_t axis : axes) strides[axis] = 0;
  return strides;
}

/// Sums in double for floats, and in the widest type of the same kind for integers.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double,
                                std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

// A reduction is a first value, a step that takes one element in, and an ending that knows how many there were.
struct SumOf {
  template <class W>
  static W first() {
    return W{};
  }
  template <class W>
  static W take(W sum, W x) {
    return sum + x;
  }
  template <class W>
  static W end(W sum, std::int64_t) {
    return sum;
  }
};
struct MeanOf : SumOf {
  template <class W>
  static W end(W sum, std::int64_t n) {
    return sum / static_cast<W>(n);
  }
};
struct ProductOf : SumOf {
  template <class W>
  static W first() {
    return W{1};
  }
  template <class W>
  static W take(W p, W x) {
    return p * x;
  }
};
struct L1Of : SumOf {
  template <class W>
  static W take(W sum, W x) {
    return sum + (x < W{} ? W{} - x : x);
  }
};
struct SquaresOf : SumOf {
  template <class W>
  static W take(W sum, W x) {
    return sum + x * x;
  }
};
struct L2Of : SquaresOf {
  template <class W>
  static W end(W sum, std::int64_t) {
    return static_cast<W>(std::sqrt(static_cast<double>(sum)));
  }
};
// Written so that NaN is the result when there is one.
struct MaxOf : SumOf {
  template <class W>
  static W first() {
    return std::is_integral_v<W> ? std::numeric_limits<W>::lowest() : static_cast<W>(-INFINITY);
  }
  template <class W>
  static W take(W best, W x) {
    return x > best || x != x ? x : best;
  }
};
struct MinOf : SumOf {
  template <class W>
  static W first() {
    return std::is_integral_v<W> ? std::numeric_limits<W>::max() : static_cast<W>(INFINITY);
  }
  template <class W>
  static W take(W best, W x) {
    return x < best || x != x ? x : best;
  }
};

/// Reduces map(x, offset of the result) by R; the result in the wide type.
template <class R, class W, class T, class Map>
std::vector<W> reduce(std::span<const T> x, std::span<const std::int64_t> dims, const Axes& axes,
                      std::size_t results, Map map) {
  std::vector<W> sums(results, R::template first<W>());
  walk<2>(dims, {strides_of(dims), result_strides(dims, axes)}, [&](const auto& o) {
    const auto to = static_cast<std::size_t>(o[1]);
    sums[to] = R::take(sums[to], map(static_cast<W>(x[static_cast<std::size_t>(o[0])]), to));
  });
  std::int64_t n = 1;
  for (std::size_t axis : axes) n *= dims[axis];
  for (W& s : sums) s = R::end(s, n);
  return sums;
}

template <class R>
void reduce_reference(const EvalContext& c) {
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const Axes axes = reduced_axes(c.node, listed_axes(c), c.in[0].dims.size());
    const auto y = c.out[0].as<T>();
    const auto sums =
        reduce<R, Wide<T>>(c.in[0].as<T>(), c.in[0].dims, axes, y.size(), [](auto x, auto) { return x; });
    std::ranges::transform(sums, y.begin(), [](auto s) { return static_cast<T>(s); });
  });
}

// log(sum(exp(x))), with the maximum taken out so that nothing overflows.
void log_sum_exp_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const Axes axes = reduced_axes(c.node, listed_axes(c), c.in[0].dims.size());
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    auto top = reduce<MaxOf, double>(x, c.in[0].dims, axes, y.size(), [](double v, auto) { return v; });
    for (double& t : top) t = std::isfinite(t) ? t : 0;
    const auto sums = reduce<SumOf, double>(x, c.in[0].dims, axes, y.size(),
                                            [&](double v, std::size_t to) { return std::exp(v - top[to]); });
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<T>(top[i] + std::log(sums[i]));
  });
}

/// The reduced axes of the node of a rule.
Axes axes_of_rule(const VjpContext& c) {
  std::vector<std::int64_t> listed;
  if (c.in.size() > 1 && c.in[1]) {
    const ValueInfo& info = c.graph().info(c.in[1].id);
    const ValueInfo* in[] = {nullptr, &info};
    listed = required_integers(InferContext{c.node, in}, 1, "axes");
  }
  return reduced_axes(c.node, listed, c.in[0].shape().size());
}

/// A result with its reduced axes put back as size 1.
Value kept(const VjpContext& c, Value reduced) {
  const Axes axes = axes_of_rule(c);
  if (keeps(c.node) || axes.empty()) return reduced;
  return unsqueeze(reduced, {axes.begin(), axes.end()});
}

/// One cotangent for the data, none for the axes.
std::vector<Value> only_first(const VjpContext& c, Value dx) {
  std::vector<Value> din(c.in.size());
  din[0] = dx;
  return din;
}

Value dy(const VjpContext& c) { return kept(c, c.dout[0]); }
Value y(const VjpContext& c) { return kept(c, c.out[0]); }

/// How many elements each result is made of, as a float.
Value reduced_count(const VjpContext& c) {
  const Shape x = c.in[0].shape();
  const Axes axes = axes_of_rule(c);
  Dim n(1);
  for (std::size_t axis : axes) n = product(n, x[axis]);
  if (n.known()) return float_constant(c.graph(), static_cast<float>(n.value));
  const Value sizes = emit("Gather", {shape_of(c.in[0]), int64_constant(c.graph(), {axes.begin(), axes.end()})});
  return to_float(emit("ReduceProd", {sizes}, {{"keepdims", std::int64_t{0}}}));
}

std::vector<Value> sum_vjp(const VjpContext& c) { return only_first(c, expand_like(dy(c), c.in[0])); }
std::vector<Value> mean_vjp(const VjpContext& c) {
  return only_first(c, expand_like(dy(c) / reduced_count(c), c.in[0]));
}
std::vector<Value> product_vjp(const VjpContext& c) { return only_first(c, dy(c) * y(c) / c.in[0]); }
std::vector<Value> l1_vjp(const VjpContext& c) { return only_first(c, dy(c) * emit("Sign", {c.in[0]})); }
std::vector<Value> l2_vjp(const VjpContext& c) {
  const Value zero = float_constant(c.graph(), 0.0F), norm = y(c);
  return only_first(c, where(equal(norm, zero), zero, dy(c) / norm) * c.in[0]);
}
std::vector<Value> squares_vjp(const VjpContext& c) { return only_first(c, dy(c) * 2.0F * c.in[0]); }
std::vector<Value> log_sum_exp_vjp(const VjpContext& c) { return only_first(c, dy(c) * exp(c.in[0] - y(c))); }

/// Equal shares for all elements that reach the extremum.
std::vector<Value> extremum_vjp(const VjpContext& c) {
  const Axes axes = axes_of_rule(c);
  if (axes.empty()) return only_first(c, c.dout[0]);
  const Value reached = to_float(equal(c.in[0], y(c)));
  return only_first(c, reached * (dy(c) / reduce_sum(reached, {axes.begin(), axes.end()})));
}

constexpr std::string_view kShares = "elements that tie share the derivative equally";

}  // namespace

const OpDef reduce_sum_op{"ReduceSum", {1, 2}, infer_reduce, reduce_reference<SumOf>, sum_vjp};
const OpDef reduce_mean_op{"ReduceMean", {1, 2}, infer_reduce, reduce_reference<MeanOf>, mean_vjp};
const OpDef reduce_prod_op{"ReduceProd",
                           {1, 2},
                           infer_product,
                           reduce_reference<ProductOf>,
                           product_vjp,
                           nullptr,
                           "its derivative needs elements that are not zero"};
const OpDef reduce_max_op{"ReduceMax",  {1, 2},  infer_reduce, reduce_reference<MaxOf>,
                          extremum_vjp, nullptr, kShares};
const OpDef reduce_min_op{"ReduceMin",  {1, 2},  infer_reduce, reduce_reference<MinOf>,
                          extremum_vjp, nullptr, kShares};
const OpDef reduce_l1_op{"ReduceL1", {1, 2}, infer_reduce, reduce_reference<L1Of>, l1_vjp};
const OpDef reduce_l2_op{"ReduceL2", {1, 2}, infer_reduce, reduce_reference<L2Of>, l2_vjp};
const OpDef reduce_sum_square_op{"ReduceSumSquare", {1, 2}, infer_reduce, reduce_reference<SquaresOf>, squares_vjp};
const OpDef reduce_log_sum_exp_op{"ReduceLogSumExp", {1, 2}, infer_reduce, log_sum_exp_reference, log_sum_exp_vjp};

}  // namespace limn
