#include "limn/ops/pool_maxima.h"

#include <algorithm>
#include <limits>

#include "limn/ops/build.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

/// The windows along one axis of the tensor.
struct Along {
  std::size_t axis;
  std::int64_t kernel, stride, dilation, begin, end;
  bool one_too_many;  ///< whether ceil_mode may drop the last window, for a size that is not known

  /// How many strides the last tap lies behind its window's begin.
  std::int64_t furthest() const { return (kernel - 1) * dilation / stride; }
};

/// Elements beyond the padding that the last window of an axis covers; with ceil_mode and an unknown size, enough
/// for any.
std::int64_t overhang(const Window& window, std::size_t axis, const Dim& in) {
  if (!window.ceil_mode) return 0;
  if (!in.known()) return window.stride[axis] - 1;
  const WindowAxis a = window.on(axis, in.value);
  return std::max<std::int64_t>(a.at(a.out - 1, a.kernel - 1) + 1 - a.in - a.end, 0);
}

Along along(const Window& window, const Ints& pads, std::size_t i, const Dim& in) {
  return {2 + i,
          window.kernel[i],
          window.stride[i],
          window.dilation[i],
          pads[i],
          pads[window.rank() + i] + overhang(window, i, in),
          window.ceil_mode && !in.known()};
}

/// x with more elements on an axis, or with fewer where a number is negative.
Value padded(Value x, std::size_t axis, std::int64_t begin, std::int64_t end, float with = 0) {
  if (begin == 0 && end == 0) return x;
  GraphBuilder& g = *x.in;
  Ints around(2 * x.shape().size(), 0);
  around[axis] = begin;
  around[x.shape().size() + axis] = end;
  return g.add("Pad", {x, int64_constant(g, around), float_constant(g, with)});
}

bool sizes_are_known(const Shape& x) { return is_known(Shape(x.begin() + 2, x.end())); }

/// The maxima over the windows of the axes from `first` on; of known sizes without ceil_mode.
Value maxima(Value x, const Window& window, const Ints& pads, std::size_t first) {
  const Shape shape = x.shape();
  const bool known = sizes_are_known(shape);
  Ints kernel = window.kernel, stride = window.stride, dilation = window.dilation, around = pads;
  for (std::size_t i = 0; i < window.rank(); ++i) {
    std::int64_t& end = around[window.rank() + i];
    if (known) end += overhang(window, i, shape[2 + i]);
    if (i >= first) continue;
    kernel[i] = stride[i] = dilation[i] = 1;
    around[i] = end = 0;
  }
  Attrs attrs{{"kernel_shape", kernel}, {"strides", stride}, {"pads", around}};
  if (std::ranges::any_of(dilation, [](std::int64_t d) { return d != 1; })) attrs.set("dilations", dilation);
  if (window.ceil_mode && !known) attrs.set("ceil_mode", std::int64_t{1});
  return emit("MaxPool", {x}, std::move(attrs));
}

/// Whether ceil_mode drops a window that would start in the padding. onnxruntime's shape inference does not, and
/// has to be told the sizes.
bool drops_a_window(const Window& window, const Shape& x) {
  if (!window.ceil_mode || !sizes_are_known(x)) return false;
  for (std::size_t i = 0; i < window.rank(); ++i) {
    const WindowAxis a = window.on(i, x[2 + i].value);
    if (a.out * a.stride < a.in + a.begin + a.end - window.extent(i) + a.stride) return true;
  }
  return false;
}

/// Tap i of every window of x, which has its padding.
Value tap(Value x, const Along& a, std::int64_t i) {
  GraphBuilder& g = *x.in;
  const std::int64_t begin = i * a.dilation, behind = (a.kernel - 1 - i) * a.dilation;
  const std::int64_t end = behind == 0 ? std::numeric_limits<std::int64_t>::max() : -behind;
  return g.add("Slice", {x, int64_constant(g, {begin}), int64_constant(g, {end}),
                         int64_constant(g, {static_cast<std::int64_t>(a.axis)}), int64_constant(g, {a.stride})});
}

/// What every tap takes of the cotangent dy of y = the maximum over windows of x: all of it the first that equals
/// y. Some tap does, so that the last takes what is left.
std::vector<Value> shares(Value dy, Value y, Value x, const Along& a) {
  const Value room = padded(x, a.axis, a.begin, a.end, std::numeric_limits<float>::lowest());
  std::vector<Value> taken;
  for (std::int64_t i = 0; i + 1 < a.kernel; ++i) {
    Value here = tap(room, a, i);
    if (a.one_too_many) here = cut_spatial(here, shape_of(y));
    taken.push_back(dy * to_float(equal(here, y)));
    dy = dy - taken.back();
  }
  taken.push_back(dy);
  return taken;
}

/// Elements m of all phases side by side: phase p becomes the elements m * phases + p of the axis.
Value woven(std::vector<Value> phases, std::size_t axis) {
  if (phases.size() == 1) return phases.front();
  const Value some = *std::ranges::find_if(phases, [](const Value& v) { return bool(v); });
  GraphBuilder& g = *some.in;
  const Shape shape = some.shape(), behind(shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end());
  const auto next = static_cast<std::int64_t>(axis) + 1, rank = static_cast<std::int64_t>(shape.size());
  for (Value& phase : phases) phase = unsqueeze(phase ? phase : some * 0.0F, {next});
  const Value all = emit("Concat", std::move(phases), {{"axis", next}});
  Ints sizes(axis, 0);
  sizes.push_back(-1);
  if (!is_known(behind)) {
    const Value rest = emit("Slice", {shape_of(some), int64_constant(g, {next}), int64_constant(g, {rank})});
    return reshape(all, emit("Concat", {int64_constant(g, sizes), rest}, {{"axis", std::int64_t{0}}}));
  }
  for (const Dim& d : behind) sizes.push_back(d.value);
  return reshape(all, sizes);
}

/// The shares summed by phase: element m of phase p is element m * stride + p of x with its padding. Each phase has
/// `front` and `back` more elements than that; where no tap lies in a phase it is empty.
std::vector<Value> phases_of(const std::vector<Value>& shares, const Along& a, std::int64_t front,
                             std::int64_t back) {
  std::vector<Value> phases(static_cast<std::size_t>(a.stride));
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const std::int64_t at = static_cast<std::int64_t>(i) * a.dilation, shift = at / a.stride;
    const Value share = padded(shares[i], a.axis, front + shift, back + a.furthest() - shift);
    Value& phase = phases[static_cast<std::size_t>(at % a.stride)];
    phase = phase ? phase + share : share;
  }
  return phases;
}

/// The shares of the taps summed where the taps lie in x.
Value put_back(const std::vector<Value>& shares, Value x, const Along& a) {
  const Dim in = x.shape()[a.axis], out = shares.front().shape()[a.axis];
  if (a.stride == 1) {
    // Cut to size at once, unless more would be cut off than there is.
    if (out.known() && out.value > std::max(a.begin, a.end)) return phases_of(shares, a, -a.begin, -a.end).front();
    return padded(phases_of(shares, a, 0, 0).front(), a.axis, -a.begin, -a.end);
  }
  const Value whole = woven(phases_of(shares, a, 0, 0), a.axis);
  if (in.known() && out.known())
    return padded(whole, a.axis, -a.begin, in.value + a.begin - (out.value + a.furthest()) * a.stride);
  // Fewer elements than a stride may lie behind the last window.
  return cut_spatial(padded(whole, a.axis, -a.begin, a.stride - 1), shape_of(x));
}

}  // namespace

Value max_pool_gradient(Value dy, Value x, const Window& window, const Attrs& attrs) {
  const Ints pads = known_pads(window, x.shape());
  Value y = emit("MaxPool", {x}, attrs);
  if (drops_a_window(window, x.shape())) {
    Ints sizes{-1, 0};
    for (std::size_t i = 0; i < window.rank(); ++i) sizes.push_back(window.output(i, x.shape()[2 + i]).value);
    y = reshape(y, sizes);
    dy = reshape(dy, sizes);
  }
  for (std::size_t i = 0; i < window.rank(); ++i) {
    const Value inner = i + 1 == window.rank() ? x : maxima(x, window, pads, i + 1);
    const Along a = along(window, pads, i, x.shape()[2 + i]);
    dy = put_back(shares(dy, y, inner, a), inner, a);
    y = inner;
  }
  return dy;
}

}  // namespace limn
