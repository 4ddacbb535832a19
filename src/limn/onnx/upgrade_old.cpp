// Forms of opsets 1 to 6: broadcasting by attributes, Cast by name, switches between training and test.
#include "limn/onnx/model_parts.h"
#include "limn/onnx/upgrade_forms.h"

namespace limn {
namespace {

/// The rank of input i; nothing when it is unknown.
std::optional<std::int64_t> rank_of(const NodeUpgrade& u, std::size_t i) {
  if (!u.has_input(i) || !u.input(i).type.shape) return std::nullopt;
  return static_cast<std::int64_t>(u.input(i).type.shape->size());
}

/// Puts `count` axes of size 1 behind those of input i.
void append_axes(NodeUpgrade& u, std::size_t i, std::int64_t count) {
  const std::int64_t rank = rank_of(u, i).value_or(0);
  std::vector<std::int64_t> axes;
  for (std::int64_t k = 0; k < count; ++k) axes.push_back(rank + k);
  if (axes.empty()) return;
  const ValueId list = u.constant(Tensor::of<std::int64_t>({count}, std::span<const std::int64_t>(axes)), "axes");
  u.set_input(i, u.before("Unsqueeze", {u.node.in[i], list}, {}, "aligned"));
}

}  // namespace

// Without an axis the second operand was aligned at the end, as it is today.
void broadcast_by_axis(NodeUpgrade& u) {
  const bool aligned = u.node.attrs.integer("broadcast", 0) != 0 && u.node.attrs.has("axis");
  const std::int64_t axis = u.node.attrs.integer("axis", 0);
  for (const char* name : {"broadcast", "axis"}) u.node.attrs.erase(name);
  if (!aligned) return;
  const auto a = rank_of(u, 0), b = rank_of(u, 1);
  if (!a || !b) throw u.refuse("it broadcasts operands of unknown ranks");
  append_axes(u, 1, *a - (axis < 0 ? axis + *a : axis) - *b);
}

// One slope for each channel, the second axis.
void slopes_by_channel(NodeUpgrade& u) {
  const auto x = rank_of(u, 0), slope = rank_of(u, 1);
  if (!x || slope != 1 || u.input(1).type.shape->front() == Dim(1)) return;
  append_axes(u, 1, *x - 2);
}

void cast_by_name(NodeUpgrade& u) {
  const auto it = u.node.attrs.all().find("to");
  if (it == u.node.attrs.all().end() || !std::holds_alternative<std::string>(it->second)) return;
  const std::string name = u.node.attrs.text("to", "");
  onnx::TensorProto_DataType code = onnx::TensorProto_DataType_UNDEFINED;
  if (!onnx::TensorProto_DataType_Parse(name, &code)) throw u.refuse("casts to " + name + " are not supported");
  u.node.attrs.set("to", std::int64_t{code});
}

// Statistics were those of the batch unless is_test said otherwise; a network with the one output was meant for
// use.
void batch_norm_for_test(NodeUpgrade& u) {
  const bool trains = u.node.attrs.integer("is_test", 0) == 0 && u.node.out.size() > 1;
  u.node.attrs.erase("is_test");
  if (trains) throw u.refuse("it is in training mode; export the network for inference");
}

void concat_along_channels(NodeUpgrade& u) {
  if (!u.node.attrs.has("axis")) u.node.attrs.set("axis", std::int64_t{1});
}

// Copies along one axis, both in scalars.
void tile_one_axis(NodeUpgrade& u) {
  const auto rank = rank_of(u, 0);
  if (!rank || !u.has_input(2) || !u.input(1).constant || !u.input(2).constant)
    throw u.refuse("it repeats an axis that is only known at run time");
  std::vector<std::int64_t> repeats(static_cast<std::size_t>(*rank), 1);
  const auto number = [&](std::size_t i) {
    return static_cast<std::int64_t>(u.input(i).constant->converted(DType::f64).as<double>()[0]);
  };
  const std::int64_t axis = number(2);
  if (axis < 0 || axis >= *rank) throw u.refuse("it repeats an axis that does not exist");
  repeats[static_cast<std::size_t>(axis)] = number(1);
  u.keep_first_input();
  u.set_input(1, Tensor::of<std::int64_t>({*rank}, std::span<const std::int64_t>(repeats)), "repeats");
}

void power_to_integer(NodeUpgrade& u) {
  const auto it = u.node.attrs.all().find("p");
  if (it == u.node.attrs.all().end() || !std::holds_alternative<double>(it->second)) return;
  u.node.attrs.set("p", static_cast<std::int64_t>(u.node.attrs.real("p", 2)));
}

}  // namespace limn
