// ConvTranspose: the transpose of a convolution that takes the larger output to the smaller input.
#include <algorithm>

#include "limn/ops/build.h"
#include "limn/ops/convolution.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

/// The window of the convolution that is transposed, and what sets the sizes of the output.
struct Transposed {
  Window window;
  Ints output_padding, output_shape;  ///< output_shape is empty when pads say the size
  std::int64_t group;
};

Ints list_or_zeros(const Node& node, std::string_view name, std::size_t rank, std::int64_t otherwise) {
  const Ints v = node.attrs.integers(name, Ints(rank, otherwise));
  if (v.size() != rank || std::ranges::any_of(v, [](std::int64_t n) { return n < 0 || n > (1 << 24); }))
    throw Error(ErrorCode::bad_input, "the attribute '" + std::string(name) + "' cannot be right", place_of(node));
  return v;
}

Transposed read(const Node& node, std::span<const std::int64_t> weights) {
  const Ints kernel(weights.begin() + 2, weights.end());
  Transposed t{Window::read(node, kernel.size(), kernel),
               list_or_zeros(node, "output_padding", kernel.size(), 0),
               {},
               node.attrs.integer("group", 1)};
  if (node.attrs.has("output_shape")) t.output_shape = list_or_zeros(node, "output_shape", kernel.size(), 0);
  return t;
}

/// The transposed window on one axis: `out` is the size of ConvTranspose's input, `in` that of its output.
WindowAxis axis_of(const Transposed& t, std::size_t axis, std::int64_t size) {
  const Window& w = t.window;
  WindowAxis a{0, size, w.kernel[axis], w.stride[axis], w.dilation[axis], w.begin[axis], w.end[axis]};
  const std::int64_t full = a.stride * (size - 1) + t.output_padding[axis] + w.extent(axis);
  const bool same = w.auto_pad != AutoPad::none;
  if (t.output_shape.empty() && !same) {
    a.in = full - a.begin - a.end;
  } else {
    a.in = t.output_shape.empty() ? size * a.stride : t.output_shape[axis];
    const std::int64_t total = std::max<std::int64_t>(full - a.in, 0);
    a.begin = w.auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
    a.end = total - a.begin;
  }
  if (a.in < 1)
    throw Error(ErrorCode::bad_input,
                "an input of " + std::to_string(size) + " elements would give an output of " + std::to_string(a.in),
                w.where);
  return a;
}

Dim output_size(const Transposed& t, std::size_t axis, const Dim& in) {
  if (in.known()) return axis_of(t, axis, in.value).in;
  if (!t.output_shape.empty()) return t.output_shape[axis];
  const Window& w = t.window;
  const bool same =
      w.auto_pad != AutoPad::none || w.extent(axis) - 1 + t.output_padding[axis] == w.begin[axis] + w.end[axis];
  return same && w.stride[axis] == 1 ? in : Dim();
}

std::vector<Inferred> infer(const InferContext& c) {
  const Shape &x = c.shape(0), &w = c.shape(1);
  if (!is_float(c.dtype(0))) throw c.wrong("takes float tensors, not " + std::string(name_of(c.dtype(0))));
  if (x.size() < 3 || w.size() != x.size() || !is_known(w))
    throw c.wrong("an input " + to_string(x) + " does not go with weights " + to_string(w));
  const Dims weights = known_dims(w);
  const Transposed t = read(c.node, weights);
  if (t.group < 1 || weights[0] % t.group != 0 || (x[1].known() && x[1].value != weights[0]) ||
      std::ranges::count(weights, 0) > 0)
    throw c.wrong("an input " + to_string(x) + " does not go with weights " + to_string(w) + " in " +
                  std::to_string(t.group) + " groups");
  const Dim channels(weights[1] * t.group);
  if (c.has(2) && c.shape(2) != Shape{channels})
    throw c.wrong("the bias " + to_string(c.shape(2)) + " has the wrong size");
  Shape y{x[0], channels};
  for (std::size_t i = 0; i < t.window.rank(); ++i) y.push_back(output_size(t, i, x[2 + i]));
  return {{{c.dtype(0), y}, {}}};
}

void reference(const EvalContext& c) {
  const auto x = c.in[0].dims, w = c.in[1].dims;
  const Transposed t = read(c.node, w);
  Convolution conv{x[0], t.group, w[1], w[0] / t.group, {}};
  for (std::size_t i = 0; i < t.window.rank(); ++i) conv.axes[3 - t.window.rank() + i] = axis_of(t, i, x[2 + i]);
  const auto run = [&]<class T>() {
    const bool bias = c.in.size() > 2 && c.in[2].present();
    convolve_back<T>(conv, c.in[0].as<T>(), c.in[1].as<T>(), bias ? c.in[2].as<T>() : std::span<const T>(),
                     c.out[0].as<T>());
  };
  c.in[0].dtype == DType::f64 ? run.template operator()<double>() : run.template operator()<float>();
}

/// Pads of the transposed convolution; those that depend on the size need it known.
Ints pads_of(const VjpContext& c, const Transposed& t) {
  if (t.output_shape.empty() && t.window.auto_pad == AutoPad::none) return *t.window.pads(std::nullopt);
  const Shape x = c.in[0].shape();
  Ints begin, end;
  for (std::size_t i = 0; i < t.window.rank(); ++i) {
    if (!x[2 + i].known())
      throw Error(ErrorCode::unsupported, "the padding depends on an image size that is not known", t.window.where,
                  "fix the height and width of the input first");
    const WindowAxis a = axis_of(t, i, x[2 + i].value);
    begin.push_back(a.begin);
    end.push_back(a.end);
  }
  begin.insert(begin.end(), end.begin(), end.end());
  return begin;
}

/// Whether the output may be so large that a convolution over it has windows for which there is no input.
bool may_overhang(const Transposed& t) {
  bool more = !t.output_shape.empty();
  for (std::size_t i = 0; i < t.window.rank(); ++i) more = more || t.output_padding[i] >= t.window.stride[i];
  return more;
}

std::vector<Value> vjp(const VjpContext& c) {
  refuse_parameter_gradients(c, 1);
  const Transposed t = read(c.node, known_dims(c.in[1].shape()));
  const Value dx = c.graph().add("Conv", {c.dout[0], c.in[1]},
                                 {{"strides", t.window.stride},
                                  {"dilations", t.window.dilation},
                                  {"pads", pads_of(c, t)},
                                  {"group", t.group}});
  return {may_overhang(t) ? cut_spatial(dx, shape_of(c.in[0])) : dx};
}

}  // namespace

const OpDef conv_transpose_op{"ConvTranspose", {2, 3}, infer, reference, vjp};

}  // namespace limn
