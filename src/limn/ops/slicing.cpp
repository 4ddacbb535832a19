// Slice, with steps of either sign.
#include <limits>

#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

/// What a Slice takes of one axis: `count` indices from `start` on.
struct Cut {
  std::size_t axis = 0;
  std::int64_t start = 0, step = 1, count = 0;
};

/// start:end:step of an axis of a known size, clamped as ONNX says.
Cut cut_of(std::size_t axis, std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t size) {
  const auto from_end = [size](std::int64_t at) { return at < 0 ? at + size : at; };
  const std::int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? size : size - 1;
  start = std::clamp(from_end(start), step > 0 ? 0 : std::min<std::int64_t>(0, highest), highest);
  end = std::clamp(from_end(end), lowest, highest);
  const std::int64_t span = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
  return {axis, start, step, span <= 0 ? 0 : (span - 1) / stride + 1};
}

/// The numbers of a Slice: starts, ends, axes and steps, each with an entry per cut.
struct Bounds {
  std::vector<std::int64_t> starts, ends, axes, steps;
};

/// Reads the inputs 1..4 through `integers`, which gives nothing for those left out.
template <class F>
Bounds bounds_of(F&& integers) {
  Bounds b{integers(1).value(), integers(2).value(), {}, {}};
  b.axes = integers(3).value_or(std::vector<std::int64_t>{});
  for (std::size_t i = b.axes.size(); i < b.starts.size(); ++i) b.axes.push_back(static_cast<std::int64_t>(i));
  b.steps = integers(4).value_or(std::vector<std::int64_t>(b.starts.size(), 1));
  return b;
}

/// Whether start:end takes all of an axis, whatever its size.
bool takes_all(std::int64_t start, std::int64_t end, std::int64_t step) {
  constexpr std::int64_t kFar = std::int64_t{1} << 30;
  return (step == 1 && start == 0 && end >= kFar) || (step == -1 && start == -1 && end <= -kFar);
}

void check_bounds(const InferContext& c, const Bounds& b) {
  const std::size_t n = b.starts.size();
  if (b.ends.size() != n || b.axes.size() != n || b.steps.size() != n)
    throw c.wrong("its starts, ends, axes and steps are not equally many");
  if (std::ranges::find(b.steps, 0) != b.steps.end()) throw c.wrong("a step of 0 never arrives");
}

/// The elements of a sliced vector of sizes.
std::optional<std::vector<Dim>> sliced_content(const InferContext& c, const Bounds& b) {
  const auto x = elements(c, 0);
  if (!x || c.shape(0).size() != 1 || b.starts.size() != 1) return std::nullopt;
  const Cut cut = cut_of(0, b.starts[0], b.ends[0], b.steps[0], static_cast<std::int64_t>(x->size()));
  std::vector<Dim> out;
  for (std::int64_t i = 0; i < cut.count; ++i)
    out.push_back((*x)[static_cast<std::size_t>(cut.start + i * cut.step)]);
  return out;
}

std::vector<Inferred> infer_slice(const InferContext& c) {
  Shape shape = c.shape(0);
  const bool known = c.integers(1) && c.integers(2) && (!c.has(4) || c.integers(4));
  if (!known) {  // Bounds of the run: which axes shrink can be told, to what size cannot.
    const auto axes = required_integers(c, c.has(3) ? 3 : 1, "bounds");
    for (std::size_t axis : axes_of(c, axes, shape.size())) shape[axis] = Dim();
    return typed_as_first(c, std::move(shape));
  }
  const Bounds b = bounds_of([&](std::size_t i) { return c.integers(i); });
  check_bounds(c, b);
  axes_of(c, b.axes, shape.size());
  for (std::size_t i = 0; i < b.starts.size(); ++i) {
    const std::size_t axis = from_front(b.axes[i], shape.size());
    Dim& size = shape[axis];
    size = size.known() ? Dim(cut_of(axis, b.starts[i], b.ends[i], b.steps[i], size.value).count)
           : takes_all(b.starts[i], b.ends[i], b.steps[i]) ? size
                                                           : Dim();
  }
  return {{{c.dtype(0), std::move(shape)}, sliced_content(c, b)}};
}

/// The cuts of a node whose bounds are known, for an input of known sizes.
std::vector<Cut> cuts(const Bounds& b, std::span<const std::int64_t> dims) {
  std::vector<Cut> out;
  for (std::size_t i = 0; i < b.starts.size(); ++i) {
    const std::size_t axis = from_front(b.axes[i], dims.size());
    out.push_back(cut_of(axis, b.starts[i], b.ends[i], b.steps[i], dims[axis]));
  }
  return out;
}

std::optional<std::vector<std::int64_t>> integers_of(const TensorView& t) {
  if (!t.present()) return std::nullopt;
  std::vector<std::int64_t> out;
  dispatch_number(t.dtype, [&]<class T>() {
    for (T v : t.as<T>()) out.push_back(static_cast<std::int64_t>(v));
  });
  return out;
}

void slice_reference(const EvalContext& c) {
  const auto read = [&](std::size_t i) { return i < c.in.size() ? integers_of(c.in[i]) : std::nullopt; };
  Dims strides = strides_of(c.in[0].dims);
  std::int64_t first = 0;
  for (const Cut& cut : cuts(bounds_of(read), c.in[0].dims)) {
    first += cut.start * strides[cut.axis];
    strides[cut.axis] *= cut.step;
  }
  dispatch(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    std::size_t n = 0;
    walk<1>(c.out[0].dims, {strides}, [&](const auto& o) { y[n++] = x[static_cast<std::size_t>(first + o[0])]; });
  });
}

std::optional<std::vector<std::int64_t>> integers_of(const Value& v) {
  if (!v) return std::nullopt;
  const ValueInfo& info = v.in->info(v.id);
  if (info.constant) return info.constant->to_int64();
  const Node node;
  const ValueInfo* in[] = {&info};
  if (auto numbers = InferContext{node, in}.integers(0)) return numbers;
  throw Error(ErrorCode::unsupported, "the bounds '" + info.name + "' of a Slice are only known at run time", {},
              "choose a target layer after it");
}

/// dy along `axis` with step - 1 zeros behind each element: a new axis, padded, joined with its neighbour.
Value spread_apart(Value dy, std::size_t axis, std::int64_t step) {
  GraphBuilder& g = *dy.in;
  const Shape shape = dy.shape();
  const Value apart = unsqueeze(dy, {static_cast<std::int64_t>(axis) + 1});
  std::vector<std::int64_t> pads(2 * (shape.size() + 1), 0), sizes(shape.size(), 0);
  pads[shape.size() + 1 + axis + 1] = step - 1;
  const Value padded = emit("Pad", {apart, int64_constant(g, std::move(pads))});
  for (std::size_t i = axis; i < shape.size(); ++i) sizes[i] = shape[i].known() ? shape[i].value : -1;
  sizes[axis] = shape[axis].value * step;
  return reshape(padded, std::move(sizes));
}

/// The cotangent before one cut of an axis of `size`: turned round for negative steps, spread apart for long ones,
/// and zeros for what the cut leaves out.
Value before_cut(Value dy, const Cut& cut, std::int64_t size, std::vector<std::int64_t>& pads) {
  GraphBuilder& g = *dy.in;
  const auto axis = static_cast<std::int64_t>(cut.axis);
  const auto along = [&](std::int64_t start, std::int64_t end, std::int64_t step) {
    return emit("Slice", {dy, int64_constant(g, {start}), int64_constant(g, {end}), int64_constant(g, {axis}),
                          int64_constant(g, {step})});
  };
  const std::int64_t stride = cut.step > 0 ? cut.step : -cut.step;
  const std::int64_t first = cut.step > 0 ? cut.start : cut.start + (cut.count - 1) * cut.step;
  if (cut.step < 0) dy = along(-1, std::numeric_limits<std::int64_t>::min(), -1);
  if (stride > 1) dy = spread_apart(dy, cut.axis, stride);
  const std::int64_t behind = size - first - cut.count * stride;
  if (behind < 0) dy = along(0, size - first, 1);
  pads[cut.axis] = first;
  pads[pads.size() / 2 + cut.axis] = std::max<std::int64_t>(behind, 0);
  return dy;
}

std::vector<Value> slice_vjp(const VjpContext& c) {
  const Shape shape = c.in[0].shape();
  const Bounds b = bounds_of([&](std::size_t i) { return i < c.in.size() ? integers_of(c.in[i]) : std::nullopt; });
  std::vector<Value> din(c.in.size());
  std::vector<std::int64_t> pads(2 * shape.size(), 0);
  din[0] = c.dout[0];
  for (std::size_t i = 0; i < b.starts.size(); ++i) {
    const std::size_t axis = from_front(b.axes[i], shape.size());
    const bool same_size = c.out[0].shape()[axis] == shape[axis] && shape[axis] != Dim();
    if (b.steps[i] == 1 && (same_size || takes_all(b.starts[i], b.ends[i], 1))) continue;
    if (!shape[axis].known())
      throw Error(
          ErrorCode::unsupported,
          "the derivative of a Slice needs the size of axis " + std::to_string(axis) + " of " + to_string(shape),
          "node '" + c.node.name + "'", "fix the input size of the network");
    const Cut cut = cut_of(axis, b.starts[i], b.ends[i], b.steps[i], shape[axis].value);
    if (cut.count == 0) return din[0] = zeros_like(c.in[0]), din;
    din[0] = before_cut(din[0], cut, shape[axis].value, pads);
  }
  if (std::ranges::any_of(pads, [](std::int64_t p) { return p != 0; }))
    din[0] = emit("Pad", {din[0], int64_constant(c.graph(), std::move(pads))});
  return din;
}

}  // namespace

const OpDef slice_op{"Slice", {3, 5}, infer_slice, slice_reference, slice_vjp};

}  // namespace limn
