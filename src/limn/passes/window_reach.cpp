#include "limn/passes/window_reach.h"

#include <algorithm>
#include <limits>

#include "limn/passes/node_facts.h"

namespace limn {
namespace {

bool is_image(const Graph& graph, ValueId id) {
  const auto& type = graph.value(id).type;
  return is_float(type.dtype) && type.shape && type.shape->size() == 4 && is_known(*type.shape);
}

/// A constant with the same number at every place, as a bias of channels.
bool is_even(const Tensor& t) {
  const auto& dims = t.dims();
  return std::all_of(
      dims.begin() + static_cast<std::ptrdiff_t>(dims.size() - std::min<std::size_t>(dims.size(), 2)), dims.end(),
      [](std::int64_t d) { return d == 1; });
}

/// Whether every input is of the size of the output, or an even constant. Parameters of operators that spread them
/// over channels themselves are even by their meaning.
bool keeps_places(const Graph& graph, const Node& node) {
  const bool by_channel = node.op == "BatchNormalization";
  for (std::size_t i = 0; i < node.in.size(); ++i) {
    if (node.in[i] == kAbsent) continue;
    const Tensor* constant = graph.constant(node.in[i]);
    if (constant != nullptr
            ? !(is_even(*constant) || (by_channel && i > 0))
            : !is_image(graph, node.in[i]) || !std::ranges::equal(std::span(graph.shape(node.in[i])).subspan(2),
                                                                  std::span(graph.shape(node.out[0])).subspan(2)))
      return false;
  }
  return true;
}

/// Maps alone: a constant would have to be cut.
bool joins_channels(const Graph& graph, const Node& node) {
  const std::int64_t axis = node.attrs.integer("axis", 1);
  const bool maps = std::ranges::none_of(node.in, [&](ValueId id) { return graph.constant(id) != nullptr; });
  return maps && (axis == 1 || axis == -3);
}

std::array<WindowAxis, 2> axes_of_window(const Graph& graph, const Node& node,
                                         std::span<const std::int64_t> kernel) {
  const Shape& x = graph.shape(node.in[0]);
  const Window window = Window::read(node, 2, kernel);
  return {window.on(0, x[2].value), window.on(1, x[3].value)};
}

std::optional<WindowReach> reach_of_convolution(const Graph& graph, const Node& node) {
  const Tensor* w = graph.constant(node.in[1]);
  if (w == nullptr) return std::nullopt;
  return WindowReach{axes_of_window(graph, node, std::span(w->dims()).subspan(2)), 0.0};
}

std::optional<WindowReach> reach_of_pooling(const Graph& graph, const Node& node) {
  const auto axes = axes_of_window(graph, node, {});
  if (node.op == "MaxPool") return WindowReach{axes, std::numeric_limits<float>::lowest()};
  // The divisor of an average must not depend on the place.
  const bool counts_padding = node.attrs.integer("count_include_pad", 0) != 0;
  for (const WindowAxis& a : axes) {
    const std::int64_t after = a.at(a.out - 1, a.kernel - 1) + 1 - a.in;
    if (counts_padding ? after > a.end : a.begin > 0 || after > 0) return std::nullopt;
  }
  return WindowReach{axes, 0.0};
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }
std::int64_t divide_down(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

Span Span::joined(const Span& other) const {
  if (empty()) return other;
  if (other.empty()) return *this;
  return {std::min(begin, other.begin), std::max(end, other.end)};
}

Span WindowReach::through(std::size_t axis, const Span& in) const {
  if (!sliding || in.empty()) return in;
  const WindowAxis& a = (*sliding)[axis];
  const std::int64_t first = divide_up(in.begin - a.at(0, a.kernel - 1), a.stride);
  const std::int64_t last = divide_down(in.end - 1 - a.at(0, 0), a.stride);
  return {std::clamp<std::int64_t>(first, 0, a.out), std::clamp<std::int64_t>(last + 1, 0, a.out)};
}

std::optional<WindowReach> window_reach(const Graph& graph, const Node& node) {
  if (node.in.empty() || node.in[0] == kAbsent || !has_one_output(node)) return std::nullopt;
  if (!is_image(graph, node.out[0])) return std::nullopt;
  if (node.op == "Conv" && is_image(graph, node.in[0])) return reach_of_convolution(graph, node);
  if ((node.op == "MaxPool" || node.op == "AveragePool") && is_image(graph, node.in[0]))
    return reach_of_pooling(graph, node);
  if (node.op == "Concat" && joins_channels(graph, node)) return WindowReach{};
  const bool by_place = is_by_element(node.op) || node.op == "BatchNormalization" || node.op == "LRN";
  return by_place && keeps_places(graph, node) ? std::optional(WindowReach{}) : std::nullopt;
}

Attrs without_padding(const Node& node) {
  Attrs attrs = node.attrs;
  for (const std::string_view name : {"pads", "auto_pad", "ceil_mode"}) attrs.erase(name);
  return attrs;
}

}  // namespace limn
