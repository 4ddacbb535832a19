#include "limn/ops/window.h"

#include <algorithm>
#include <limits>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

/// Larger numbers in attributes cannot be meant, and products of smaller ones do not overflow.
constexpr std::int64_t kMaxAttribute = std::int64_t{1} << 24;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }
std::int64_t divide_down(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

/// The attribute, checked, or `rank` times `otherwise` when it is absent.
Ints read_list(const Node& node, std::string_view name, std::size_t length, std::int64_t otherwise,
               std::int64_t least) {
  Ints v = node.attrs.integers(name, Ints(length, otherwise));
  if (v.size() != length)
    throw Error(ErrorCode::bad_input,
                "the attribute '" + std::string(name) + "' has " + std::to_string(v.size()) +
                    " numbers instead of " + std::to_string(length),
                place_of(node));
  for (std::int64_t n : v)
    if (n < least || n > kMaxAttribute)
      throw Error(ErrorCode::bad_input,
                  "the attribute '" + std::string(name) + "' holds " + std::to_string(n) +
                      ", which must be at least " + std::to_string(least) + " and at most " +
                      std::to_string(kMaxAttribute),
                  place_of(node));
  return v;
}

AutoPad read_auto_pad(const Node& node) {
  const std::string name = node.attrs.text("auto_pad", "NOTSET");
  if (name == "NOTSET" || name.empty() || name == "VALID") return AutoPad::none;
  if (name == "SAME_UPPER") return AutoPad::same_upper;
  if (name == "SAME_LOWER") return AutoPad::same_lower;
  throw Error(ErrorCode::bad_input, "the attribute 'auto_pad' is '" + name + "'", place_of(node),
              "it must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
}

}  // namespace

std::pair<std::int64_t, std::int64_t> WindowAxis::taps(std::int64_t o, std::int64_t from, std::int64_t to) const {
  const std::int64_t start = at(o, 0);
  const std::int64_t first = std::clamp<std::int64_t>(divide_up(from - start, dilation), 0, kernel);
  return {first, std::clamp<std::int64_t>(divide_up(to - start, dilation), first, kernel)};
}

std::pair<std::int64_t, std::int64_t> WindowAxis::windows(std::int64_t k) const {
  const std::int64_t start = at(0, k);
  const std::int64_t first = std::clamp<std::int64_t>(divide_up(-start, stride), 0, out);
  return {first, std::clamp<std::int64_t>(divide_up(in - start, stride), first, out)};
}

Window Window::read(const Node& node, std::size_t rank, std::span<const std::int64_t> kernel) {
  if (rank < 1 || rank > 3)
    throw Error(ErrorCode::unsupported, "the operator has " + std::to_string(rank) + " spatial axes",
                place_of(node), "limn slides windows over one to three axes");
  Window w;
  w.where = place_of(node);
  w.kernel = kernel.empty() ? read_list(node, "kernel_shape", rank, 0, 1) : Ints(kernel.begin(), kernel.end());
  w.stride = read_list(node, "strides", rank, 1, 1);
  w.dilation = read_list(node, "dilations", rank, 1, 1);
  Ints pads = read_list(node, "pads", 2 * rank, 0, 0);
  if (node.attrs.text("auto_pad", "NOTSET") == "VALID") pads.assign(2 * rank, 0);
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(rank);
  w.begin.assign(pads.begin(), middle);
  w.end.assign(middle, pads.end());
  w.auto_pad = read_auto_pad(node);
  w.ceil_mode = node.attrs.integer("ceil_mode", 0) != 0;
  return w;
}

Dim Window::output(std::size_t axis, const Dim& in) const {
  if (in.known()) return on(axis, in.value).out;
  const bool same = auto_pad != AutoPad::none || begin[axis] + end[axis] == extent(axis) - 1;
  return same && stride[axis] == 1 ? in : Dim();
}

WindowAxis Window::on(std::size_t axis, std::int64_t in) const {
  WindowAxis a{in, 0, kernel[axis], stride[axis], dilation[axis], begin[axis], end[axis]};
  if (auto_pad != AutoPad::none) {
    a.out = divide_up(in, a.stride);
    const std::int64_t total = std::max<std::int64_t>((a.out - 1) * a.stride + extent(axis) - in, 0);
    a.begin = auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
    a.end = total - a.begin;
  } else {
    const std::int64_t room = in + a.begin + a.end - extent(axis);
    a.out = (ceil_mode ? divide_up(room, a.stride) : divide_down(room, a.stride)) + 1;
    if (ceil_mode && a.out > 1 && (a.out - 1) * a.stride >= in + a.begin) --a.out;
  }
  if (a.out < 1)
    throw Error(ErrorCode::bad_input,
                "a window over " + std::to_string(extent(axis)) + " elements does not fit into an input of " +
                    std::to_string(in) + " with padding " + std::to_string(a.begin) + " and " +
                    std::to_string(a.end),
                where, "give the network a larger image");
  return a;
}

SpatialAxes Window::on(std::span<const std::int64_t> dims) const {
  SpatialAxes a;
  for (std::size_t i = 0; i < rank(); ++i) a[3 - rank() + i] = on(i, dims[2 + i]);
  return a;
}

std::optional<Ints> Window::pads(const std::optional<Shape>& shape) const {
  Ints b, e;
  for (std::size_t i = 0; i < rank(); ++i) {
    // With stride 1, SAME padding is the same for every size.
    const bool fixed = auto_pad == AutoPad::none || stride[i] == 1;
    if (!fixed && !(shape && (*shape)[2 + i].known())) return std::nullopt;
    const bool sized = auto_pad != AutoPad::none;
    const WindowAxis a = sized ? on(i, fixed ? extent(i) : (*shape)[2 + i].value) : WindowAxis{};
    b.push_back(sized ? a.begin : begin[i]);
    e.push_back(sized ? a.end : end[i]);
  }
  b.insert(b.end(), e.begin(), e.end());
  return b;
}

std::vector<std::int64_t> known_pads(const Window& window, const std::optional<Shape>& shape) {
  if (auto pads = window.pads(shape)) return *pads;
  throw Error(ErrorCode::unsupported, "SAME padding with a stride depends on an image size that is not known",
              window.where, "fix the height and width of the input first");
}

std::optional<Shape> sizes_in(Value shape) { return shape.in->info(shape.id).content; }

Value cut_spatial(Value x, Value shape) {
  GraphBuilder& g = *x.in;
  const auto rank = static_cast<std::int64_t>(x.shape().size());
  Ints axes;
  for (std::int64_t i = 2; i < rank; ++i) axes.push_back(i);
  const Value ends = g.add("Slice", {shape, int64_constant(g, {2}), int64_constant(g, {rank})});
  return g.add("Slice", {x, int64_constant(g, Ints(axes.size(), 0)), ends, int64_constant(g, axes)});
}

Value spread_windows(Value dy, Value w, const Window& window, std::int64_t group, Value x_shape) {
  const std::optional<Shape> target = sizes_in(x_shape);
  const Shape small = dy.shape();
  Ints pads = known_pads(window, target), output_padding;
  bool cut = false;
  for (std::size_t i = 0; i < window.rank(); ++i) {
    const std::int64_t stride = window.stride[i], padding = pads[i] + pads[window.rank() + i];
    const Dim in = target ? (*target)[2 + i] : Dim(), out = small[2 + i];
    // What the last windows leave over at the end; negative where they reach beyond it (ceil_mode).
    std::int64_t rest = stride - 1;
    if (in.known() && out.known())
      rest = in.value - (stride * (out.value - 1) + window.extent(i) - padding);
    else
      cut = cut || stride > 1;
    pads[window.rank() + i] += std::max<std::int64_t>(-rest, 0);
    output_padding.push_back(std::clamp<std::int64_t>(rest, 0, stride - 1));
  }
  const Value dx = dy.in->add("ConvTranspose", {dy, w},
                              {{"strides", window.stride},
                               {"dilations", window.dilation},
                               {"kernel_shape", window.kernel},
                               {"pads", pads},
                               {"output_padding", output_padding},
                               {"group", group}});
  return cut ? cut_spatial(dx, x_shape) : dx;
}

}  // namespace limn
