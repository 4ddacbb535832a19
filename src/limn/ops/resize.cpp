// Resize and its gradient: interpolation applied axis by axis, both linear in the data.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <tuple>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/interpolation.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

// Inputs behind the data: roi, scales, sizes. The gradient takes the sizes of x in between.
constexpr std::size_t kRoi = 1, kScales = 2, kSizes = 3;

enum class Policy { stretch, not_larger, not_smaller };

Policy policy_of(const Node& node) {
  const std::string name = node.attrs.text("keep_aspect_ratio_policy", "stretch");
  if (name == "stretch") return Policy::stretch;
  if (name == "not_larger") return Policy::not_larger;
  if (name == "not_smaller") return Policy::not_smaller;
  throw Error(ErrorCode::bad_input, "the attribute 'keep_aspect_ratio_policy' is '" + name + "'", place_of(node),
              "it must be stretch, not_larger or not_smaller");
}

/// The axes that scales, sizes and regions are about, in their order.
std::vector<std::size_t> listed_axes(const Node& node, std::size_t rank) {
  std::vector<std::int64_t> listed(rank);
  std::iota(listed.begin(), listed.end(), 0);
  listed = node.attrs.integers("axes", listed);
  std::vector<std::size_t> axes;
  for (std::int64_t axis : listed) {
    axes.push_back(from_front(axis, rank));
    if (axes.back() >= rank)
      throw Error(ErrorCode::bad_input, "there is no axis " + std::to_string(axis), place_of(node));
  }
  return axes;
}

bool crops(const Node& node) { return Interpolation::read(node).coordinates == Coordinates::tf_crop_and_resize; }

/// The part of axis k of the list that the outputs cover.
std::pair<double, double> region(const TensorView& roi, std::size_t k, std::size_t count) {
  if (!roi.present()) return {0, 1};
  if (static_cast<std::size_t>(roi.count()) != 2 * count)
    throw Error(ErrorCode::bad_input, "the region of a Resize has " + std::to_string(roi.count()) +
                                          " numbers instead of " + std::to_string(2 * count));
  const auto at = [&](std::size_t i) {
    return roi.dtype == DType::f64 ? roi.as<double>()[i] : static_cast<double>(roi.as<float>()[i]);
  };
  return {at(k), at(count + k)};
}

float scale_at(const TensorView& scales, std::size_t k) {
  return scales.dtype == DType::f64 ? static_cast<float>(scales.as<double>()[k]) : scales.as<float>()[k];
}

/// The size that an axis of `in` elements gets by a scale: the product in float, as other runtimes form it.
std::int64_t scaled(std::int64_t in, double covered, float scale, const Node& node) {
  const double out = std::floor(static_cast<double>(static_cast<float>(in) * scale) * covered);
  if (!(scale > 0) || !(out >= 1 && out <= 1e9))
    throw Error(ErrorCode::bad_input,
                "a size of " + std::to_string(in) + " cannot be scaled by " + std::to_string(scale),
                place_of(node));
  return static_cast<std::int64_t>(out);
}

/// The one scale of all axes that keeps the aspect ratio.
double common_scale(Policy policy, std::span<const double> scales) {
  return policy == Policy::not_larger ? std::ranges::min(scales) : std::ranges::max(scales);
}

/// The sizes of the result as the input `sizes` wants them; unnamed where they cannot be told.
Shape sizes_wanted(const InferContext& c, const std::vector<std::size_t>& axes) {
  Shape y = c.shape(0);
  std::optional<std::vector<Dim>> sizes = elements(c, kSizes);
  if (!sizes) sizes.emplace(axes.size());
  if (sizes->size() != axes.size())
    throw c.wrong(std::to_string(sizes->size()) + " sizes are given for " + std::to_string(axes.size()) + " axes");
  bool known = true;
  std::vector<double> scales;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const Dim &in = c.shape(0)[axes[k]], &out = (*sizes)[k];
    if (out == Dim(0)) throw c.wrong("a size of 0 is asked for");
    known = known && in.known() && in.value > 0 && out.known();
    if (known) scales.push_back(static_cast<double>(out.value) / static_cast<double>(in.value));
    y[axes[k]] = out;
  }
  const Policy policy = policy_of(c.node);
  for (std::size_t k = 0; policy != Policy::stretch && k < axes.size(); ++k) {
    Dim& out = y[axes[k]];
    const Dim in = c.shape(0)[axes[k]];
    out = known ? Dim(std::max<std::int64_t>(
                      1, std::llround(common_scale(policy, scales) * static_cast<double>(in.value))))
                : Dim();
  }
  return y;
}

Shape sizes_scaled(const InferContext& c, const std::vector<std::size_t>& axes) {
  Shape y = c.shape(0);
  const Tensor* scales = c.constant(kScales);
  const Tensor* roi = c.constant(kRoi);
  if (scales && static_cast<std::size_t>(scales->count()) != axes.size())
    throw c.wrong(std::to_string(scales->count()) + " scales are given for " + std::to_string(axes.size()) +
                  " axes");
  for (std::size_t k = 0; k < axes.size(); ++k) {
    Dim& size = y[axes[k]];
    if (!scales || (crops(c.node) && !roi)) {
      size = Dim();
      continue;
    }
    const auto [begin, end] = crops(c.node) ? region(roi->view(), k, axes.size()) : std::pair{0.0, 1.0};
    const float scale = scale_at(scales->view(), k);
    if (size.known())
      size = scaled(size.value, end - begin, scale, c.node);
    else if (scale != 1 || begin != 0 || end != 1)
      size = Dim();
  }
  return y;
}

std::vector<Inferred> infer_resize(const InferContext& c) {
  const Shape& x = c.shape(0);
  const Interpolation how = Interpolation::read(c.node);
  policy_of(c.node);
  if (how.filter != Filter::nearest && !is_float(c.dtype(0)))
    throw Error(ErrorCode::unsupported, "only floats are interpolated between elements", place_of(c.node));
  if (c.has(kScales) == c.has(kSizes)) throw c.wrong("either scales or sizes must be given");
  if (crops(c.node) && !c.has(kRoi)) throw c.wrong("tf_crop_and_resize needs a region");
  if (std::ranges::find(x, Dim(0)) != x.end()) throw c.wrong("there is nothing to resize in " + to_string(x));
  const auto axes = listed_axes(c.node, x.size());
  return typed_as_first(c, c.has(kSizes) ? sizes_wanted(c, axes) : sizes_scaled(c, axes));
}

/// The parameters of a Resize: roi, scales and sizes, not present where left out.
struct Parameters {
  TensorView roi, scales, sizes;
};

/// What happens to each axis of data of the sizes `in` that become `out`.
std::vector<AxisScale> axis_scales(const Node& node, std::span<const std::int64_t> in,
                                   std::span<const std::int64_t> out, const Parameters& p) {
  const auto axes = listed_axes(node, in.size());
  std::vector<AxisScale> scales;
  for (std::size_t i = 0; i < in.size(); ++i) scales.push_back({in[i], out[i], static_cast<double>(out[i])});
  std::vector<double> wanted;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    AxisScale& a = scales[axes[k]];
    const double size = static_cast<double>(a.in);
    if (crops(node)) std::tie(a.begin, a.end) = region(p.roi, k, axes.size());
    if (p.scales.present()) a.length = size * static_cast<double>(scale_at(p.scales, k));
    if (!p.scales.present() && policy_of(node) != Policy::stretch)
      wanted.push_back((p.sizes.dtype == DType::i32 ? p.sizes.as<std::int32_t>()[k]
                                                    : static_cast<double>(p.sizes.as<std::int64_t>()[k])) /
                       size);
  }
  for (std::size_t k = 0; !wanted.empty() && k < axes.size(); ++k)
    scales[axes[k]].length = static_cast<double>(scales[axes[k]].in) * common_scale(policy_of(node), wanted);
  return scales;
}

/// Axes that change, those that shrink most first: what is left to do is then least. The last axis comes first
/// among equals.
std::vector<std::size_t> pass_order(const std::vector<AxisScale>& scales) {
  std::vector<std::size_t> order;
  for (std::size_t i = scales.size(); i-- > 0;)
    if (!scales[i].unchanged()) order.push_back(i);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) {
    return static_cast<double>(scales[i].out) / static_cast<double>(scales[i].in);
  });
  return order;
}

/// Data around one axis: [before, the axis, after].
struct Around {
  std::int64_t before, after;
};
Around around(std::span<const std::int64_t> dims, std::size_t axis) {
  return {element_count(dims.first(axis)), element_count(dims.subspan(axis + 1))};
}

/// apply() where nothing lies behind the axis.
template <class T>
void apply_last(const Taps& taps, std::int64_t before, std::int64_t in, const T* x, T* y) {
  const std::vector<T> weight(taps.weight.begin(), taps.weight.end());
  for (std::int64_t b = 0; b < before; ++b, x += in)
    for (std::size_t o = 0; o < taps.rows(); ++o) {
      T sum{};
      for (std::size_t k = taps.first[o]; k < taps.first[o + 1]; ++k) sum += weight[k] * x[taps.index[k]];
      *y++ = sum;
    }
}

/// y[before, out, after] = taps times x[before, in, after].
template <class T>
void apply(const Taps& taps, const Around& a, std::int64_t in, const T* x, T* y) {
  if (a.after == 1) return apply_last(taps, a.before, in, x, y);
  for (std::int64_t b = 0; b < a.before; ++b, x += in * a.after)
    for (std::size_t o = 0; o < taps.rows(); ++o, y += a.after) {
      if (taps.empty(o)) std::fill(y, y + a.after, T{});
      for (std::size_t k = taps.first[o]; k < taps.first[o + 1]; ++k) {
        const T* __restrict row = x + taps.index[k] * a.after;
        T* __restrict to = y;
        const T weight = static_cast<T>(taps.weight[k]);
        if (k == taps.first[o])
          for (std::int64_t i = 0; i < a.after; ++i) to[i] = weight * row[i];
        else
          for (std::int64_t i = 0; i < a.after; ++i) to[i] += weight * row[i];
      }
    }
}

/// The same where each row of taps has one element of weight 1, for elements of any type.
template <class T>
void pick(const Taps& taps, const Around& a, std::int64_t in, const T* x, T* y) {
  for (std::int64_t b = 0; b < a.before; ++b, x += in * a.after)
    for (std::size_t o = 0; o < taps.rows(); ++o, y += a.after)
      if (taps.empty(o))
        std::fill(y, y + a.after, T{});
      else if (a.after == 1)
        *y = x[taps.index[taps.first[o]]];
      else
        std::copy_n(x + taps.index[taps.first[o]] * a.after, a.after, y);
}

/// apply_back() where nothing lies behind the axis.
template <class T>
void apply_back_last(const Taps& taps, std::int64_t before, std::int64_t in, const T* dy, T* dx) {
  const std::vector<T> weight(taps.weight.begin(), taps.weight.end());
  for (std::int64_t b = 0; b < before; ++b, dx += in)
    for (std::size_t o = 0; o < taps.rows(); ++o, ++dy)
      for (std::size_t k = taps.first[o]; k < taps.first[o + 1]; ++k) dx[taps.index[k]] += weight[k] * *dy;
}

/// dx[before, in, after] = the transposed taps times dy[before, out, after].
template <class T>
void apply_back(const Taps& taps, const Around& a, std::int64_t in, const T* dy, T* dx) {
  std::fill(dx, dx + a.before * in * a.after, T{});
  if (a.after == 1) return apply_back_last(taps, a.before, in, dy, dx);
  for (std::int64_t b = 0; b < a.before; ++b, dx += in * a.after)
    for (std::size_t o = 0; o < taps.rows(); ++o, dy += a.after)
      for (std::size_t k = taps.first[o]; k < taps.first[o + 1]; ++k) {
        T* __restrict row = dx + taps.index[k] * a.after;
        const T* __restrict from = dy;
        const T weight = static_cast<T>(taps.weight[k]);
        for (std::int64_t i = 0; i < a.after; ++i) row[i] += weight * from[i];
      }
}

/// Storage between passes; std::vector<bool> would not do.
template <class T>
using Storage = std::unique_ptr<T[]>;

/// Runs pass(axis, dims before it, from, to) for each axis of `order`, the last one into y. `dims` are the sizes of
/// x and become those of y; `sizes` are those that each axis gets.
template <class T, class F>
void run_passes(std::span<const std::size_t> order, Dims dims, const Dims& sizes, const T* x, T* y, F&& pass) {
  if (order.empty()) std::copy_n(x, element_count(dims), y);
  Storage<T> held;
  for (std::size_t n = 0; n < order.size(); ++n) {
    const std::size_t axis = order[n];
    Dims next = dims;
    next[axis] = sizes[axis];
    Storage<T> made;
    if (n + 1 < order.size()) made.reset(new T[static_cast<std::size_t>(element_count(next))]);
    pass(axis, dims, x, made ? made.get() : y);
    held = std::move(made);
    x = held.get();
    dims = std::move(next);
  }
}

/// What lies outside the input gets the extrapolation value.
template <class T>
void extrapolate(const std::vector<Taps>& taps, const std::vector<std::size_t>& order, const Dims& dims, T value,
                 T* y) {
  for (std::size_t n = 0; n < order.size(); ++n) {
    const Around a = around(dims, order[n]);
    T* row = y;
    for (std::int64_t b = 0; b < a.before; ++b)
      for (std::size_t o = 0; o < taps[n].rows(); ++o, row += a.after)
        if (taps[n].empty(o)) std::fill(row, row + a.after, value);
  }
}

std::vector<Taps> taps_in_order(const Node& node, const std::vector<AxisScale>& scales,
                                const std::vector<std::size_t>& order) {
  const Interpolation how = Interpolation::read(node);
  std::vector<Taps> taps;
  for (std::size_t axis : order) taps.push_back(taps_of(how, scales[axis]));
  return taps;
}

TensorView view_of(const EvalContext& c, std::size_t i) { return i < c.in.size() ? c.in[i] : TensorView{}; }

void resize_reference(const EvalContext& c) {
  const Parameters p{view_of(c, kRoi), view_of(c, kScales), view_of(c, kSizes)};
  const auto scales = axis_scales(c.node, c.in[0].dims, c.out[0].dims, p);
  const auto order = pass_order(scales);
  const auto taps = taps_in_order(c.node, scales, order);
  const Interpolation how = Interpolation::read(c.node);
  const Dims in(c.in[0].dims.begin(), c.in[0].dims.end()), out(c.out[0].dims.begin(), c.out[0].dims.end());
  dispatch(c.in[0].dtype, [&]<class T>() {
    T* y = c.out[0].as<T>().data();
    std::size_t n = 0;
    run_passes<T>(order, in, out, c.in[0].as<T>().data(), y,
                  [&](std::size_t axis, const Dims& dims, const T* from, T* to) {
                    const Taps& t = taps[n++];
                    if (how.filter == Filter::nearest) return pick(t, around(dims, axis), dims[axis], from, to);
                    if constexpr (std::is_floating_point_v<T>) apply(t, around(dims, axis), dims[axis], from, to);
                  });
    if (how.coordinates == Coordinates::tf_crop_and_resize)
      extrapolate(taps, order, out, static_cast<T>(how.extrapolation), y);
  });
}

void resize_grad_reference(const EvalContext& c) {
  const Parameters p{view_of(c, kRoi + 1), view_of(c, kScales + 1), view_of(c, kSizes + 1)};
  const Dims in(c.out[0].dims.begin(), c.out[0].dims.end()), out(c.in[0].dims.begin(), c.in[0].dims.end());
  const auto scales = axis_scales(c.node, in, out, p);
  auto order = pass_order(scales);
  std::ranges::reverse(order);
  const auto taps = taps_in_order(c.node, scales, order);
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    std::size_t n = 0;
    run_passes<T>(order, out, in, c.in[0].as<T>().data(), c.out[0].as<T>().data(),
                  [&](std::size_t axis, const Dims& dims, const T* from, T* to) {
                    apply_back(taps[n++], around(dims, axis), in[axis], from, to);
                  });
  });
}

/// The inputs without the empty ones at the end.
std::vector<Value> trimmed(std::vector<Value> in) {
  while (!in.back()) in.pop_back();
  return in;
}

Value input(std::span<const Value> in, std::size_t i) { return i < in.size() ? in[i] : Value{}; }

std::vector<Value> resize_vjp(const VjpContext& c) {
  if (!is_float(c.in[0].type().dtype)) return {};
  if (c.in.size() > kRoi && c.wants[kRoi])
    throw Error(ErrorCode::unsupported, "the region of a Resize depends on the image", place_of(c.node),
                "choose a layer after this node");
  return {c.graph().add(
      "limn::ResizeGrad",
      trimmed({c.dout[0], shape_of(c.in[0]), input(c.in, kRoi), input(c.in, kScales), input(c.in, kSizes)}),
      c.node.attrs)};
}

std::vector<Inferred> infer_resize_grad(const InferContext& c) {
  const Shape& dy = c.shape(0);
  Shape x(dy.size());
  if (const auto sizes = c.content(1)) x = *sizes;
  if (x.size() != dy.size()) throw c.wrong("the sizes of the input must be a list of " + std::to_string(dy.size()));
  return typed_as_first(c, std::move(x));
}

std::vector<Value> resize_grad_vjp(const VjpContext& c) {
  Attrs attrs = c.node.attrs;
  attrs.erase("extrapolation_value");
  return {c.graph().add(
      "Resize", trimmed({c.dout[0], input(c.in, kRoi + 1), input(c.in, kScales + 1), input(c.in, kSizes + 1)}),
      std::move(attrs))};
}

/// A parameter of the node, which must be a constant.
TensorView constant_view(const DecomposeContext& c, std::size_t i) {
  const Value v = input(c.in, i);
  if (!v) return {};
  const auto& constant = c.graph.info(v.id).constant;
  if (!constant)
    throw Error(ErrorCode::unsupported, "the scales of a Resize are only known at run time", place_of(c.node));
  return constant->view();
}

/// The transposed matrix [in, out] of one axis times dy along that axis.
Value pull_axis(Value dy, std::size_t axis, const Tensor& matrix) {
  GraphBuilder& g = *dy.in;
  const std::size_t rank = dy.shape().size();
  if (axis + 1 == rank) return matmul(dy, g.constant(matrix));
  std::vector<std::int64_t> swapped(rank);
  std::iota(swapped.begin(), swapped.end(), 0);
  std::swap(swapped[axis], swapped[rank - 1]);
  if (axis + 2 == rank && rank > 2) return matmul(transpose(g.constant(matrix), {1, 0}), dy);
  return transpose(matmul(transpose(dy, swapped), g.constant(matrix)), swapped);
}

std::vector<Value> resize_grad_decompose(const DecomposeContext& c) {
  const Shape dy = c.in[0].shape();
  const auto& content = c.graph.info(c.in[1].id).content;
  const Shape x = content ? *content : Shape(dy.size());
  Dims in, out;
  for (std::size_t i = 0; i < dy.size(); ++i) {
    const bool fixed = !x[i].known() && x[i] == dy[i] && dy[i] != Dim();
    if (!fixed && (!x[i].known() || !dy[i].known()))
      throw Error(ErrorCode::unsupported, "the derivative of a Resize depends on an image size that is not known",
                  place_of(c.node), "fix the height and width of the input first");
    in.push_back(fixed ? 1 : x[i].value);
    out.push_back(fixed ? 1 : dy[i].value);
  }
  // Sizes that are known need no constant.
  const bool keeps_ratio = policy_of(c.node) != Policy::stretch;
  const Parameters p{constant_view(c, kRoi + 1), constant_view(c, kScales + 1),
                     keeps_ratio ? constant_view(c, kSizes + 1) : TensorView{}};
  const auto scales = axis_scales(c.node, in, out, p);
  auto order = pass_order(scales);
  std::ranges::reverse(order);
  Value dx = c.in[0];
  for (std::size_t axis : order) dx = pull_axis(dx, axis, matrix_of(Interpolation::read(c.node), scales[axis]));
  return {order.empty() ? emit("Identity", {dx}) : dx};
}

}  // namespace

const OpDef resize_op{"Resize", {1, 4}, infer_resize, resize_reference, resize_vjp};
const OpDef resize_grad_op{"limn::ResizeGrad",
                           {2, 5},
                           infer_resize_grad,
                           resize_grad_reference,
                           resize_grad_vjp,
                           resize_grad_decompose,
                           "dx of Resize from dy, the sizes of x, and Resize's region, scales and sizes"};

}  // namespace limn
