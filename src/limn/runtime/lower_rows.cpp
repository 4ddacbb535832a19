// Softmax, the normalization of layers, groups and single channels, and their gradients.

#include <algorithm>

#include "limn/runtime/lowering.h"
#include "limn/runtime/rows.h"

namespace limn {
namespace {

std::size_t axis_of(const Node& node, std::size_t rank) {
  const std::int64_t axis = node.attrs.integer("axis", -1);
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
}

/// Everything from that axis on is one row.
Rows rows_from(const Dims& dims, std::size_t axis) {
  return {element_count(std::span(dims).first(axis)), element_count(std::span(dims).subspan(axis))};
}

/// The rows of a softmax, whose axis has only axes of size 1 behind it.
std::optional<Rows> softmax_rows(const Lowering& l, const Node& node) {
  const Dims& dims = l.dims(node.out[0]);
  const std::size_t axis = axis_of(node, dims.size());
  const Rows rows = rows_from(dims, axis);
  return rows.length == dims[axis] ? std::optional(rows) : std::nullopt;
}

bool lower_softmax(Lowering& l, const Node& node) {
  const auto rows = softmax_rows(l, node);
  if (!rows) return false;
  const View x = l.read(node.in[0], Layout::plain), y = l.allocate(node.out[0], Layout::plain);
  l.emit("Softmax " + node.name, "limn:rows", {x}, {y}, bind_softmax(*rows, x, y));
  l.place(node.out[0], y);
  return true;
}

bool lower_softmax_gradient(Lowering& l, const Node& node) {
  const auto rows = softmax_rows(l, node);
  if (!rows) return false;
  const View dy = l.read(node.in[0], Layout::plain), y = l.read(node.in[1], Layout::plain);
  const View dx = l.allocate(node.out[0], Layout::plain);
  l.emit("SoftmaxGrad " + node.name, "limn:rows", {dy, y}, {dx}, bind_softmax_gradient(*rows, dy, y, dx));
  l.place(node.out[0], dx);
  return true;
}

float epsilon_of(const Node& node) { return static_cast<float>(node.attrs.real("epsilon", 1e-5F)); }

bool only_first_output(const Node& node) {
  return std::all_of(node.out.begin() + 1, node.out.end(), [](ValueId id) { return id == kAbsent; });
}

/// A parameter of `count` numbers; a single constant number is repeated. Nothing for other shapes.
std::optional<View> parameter(Lowering& l, ValueId id, std::int64_t count) {
  if (l.dtype(id) != DType::f32) return std::nullopt;
  const std::int64_t own = element_count(l.dims(id));
  if (own == count) return l.read(id, Layout::plain);
  const Tensor* t = l.constant(id);
  if (own != 1 || t == nullptr) return std::nullopt;
  l.check_numbers(id);
  return l.own_constant(std::vector<float>(static_cast<std::size_t>(count), t->as<float>()[0]), {count});
}

/// y of any of the three normalizations, with scale and bias in inputs 1 and 2.
bool lower_with(Lowering& l, const Node& node, const Normalization& n) {
  const bool has_bias = node.in.size() > 2 && node.in[2] != kAbsent;
  const auto scale = parameter(l, node.in[1], n.channels * n.period);
  const auto bias = has_bias ? parameter(l, node.in[2], n.channels * n.period) : std::nullopt;
  if (!scale || (has_bias && !bias)) return false;
  const View x = l.read(node.in[0], Layout::plain), y = l.allocate(node.out[0], Layout::plain);
  std::vector<View> reads{x, *scale};
  if (bias) reads.push_back(*bias);
  l.emit(node.op + " " + node.name, "limn:rows", reads, {y}, bind_normalization(n, x, *scale, bias, y));
  l.place(node.out[0], y);
  return true;
}

bool lower_layer(Lowering& l, const Node& node) {
  const Dims& dims = l.dims(node.out[0]);
  const Rows rows = rows_from(dims, axis_of(node, dims.size()));
  return only_first_output(node) && lower_with(l, node, {rows, rows.length, 1, 1, epsilon_of(node)});
}

/// `groups` of the channels of [N, C, ...].
bool lower_groups(Lowering& l, const Node& node, std::int64_t groups) {
  const Dims& dims = l.dims(node.out[0]);
  const std::int64_t plane = element_count(std::span(dims).subspan(2)), channels = dims[1] / groups;
  const Rows rows{dims[0] * groups, channels * plane};
  return lower_with(l, node, {rows, channels, plane, groups, epsilon_of(node)});
}

bool lower_layer_gradient(Lowering& l, const Node& node) {
  const Dims& dims = l.dims(node.out[0]);
  const Rows rows = rows_from(dims, axis_of(node, dims.size()));
  const auto scale = parameter(l, node.in[2], rows.length);
  if (!scale) return false;
  const View dy = l.read(node.in[0], Layout::plain), x = l.read(node.in[1], Layout::plain);
  const View dx = l.allocate(node.out[0], Layout::plain);
  l.emit("LayerNormalizationGrad " + node.name, "limn:rows", {dy, x, *scale}, {dx},
         bind_normalization_gradient({rows, rows.length, 1, 1, epsilon_of(node)}, dy, x, *scale, dx));
  l.place(node.out[0], dx);
  return true;
}

}  // namespace

bool lower_rows(Lowering& l, const Node& node) {
  if (node.out.empty() || node.out[0] == kAbsent || l.dtype(node.out[0]) != DType::f32) return false;
  if (node.op == "Softmax") return lower_softmax(l, node);
  if (node.op == "limn::SoftmaxGrad") return lower_softmax_gradient(l, node);
  if (node.op == "LayerNormalization") return lower_layer(l, node);
  if (node.op == "limn::LayerNormalizationGrad") return lower_layer_gradient(l, node);
  if (node.op == "GroupNormalization") return lower_groups(l, node, node.attrs.integer("num_groups", 1));
  return node.op == "InstanceNormalization" && lower_groups(l, node, l.dims(node.out[0])[1]);
}

}  // namespace limn
