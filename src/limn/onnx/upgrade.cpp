#include "limn/onnx/upgrade.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "limn/onnx/element_types.h"
#include "limn/onnx/fold.h"
#include "limn/onnx/model_parts.h"
#include "limn/onnx/upgrade_forms.h"
#include "limn/onnx/upgrade_images.h"

namespace limn {

void NodeUpgrade::set_input(std::size_t i, ValueId value) {
  while (node.in.size() <= i) node.in.push_back(kAbsent);
  node.in[i] = value;
}

void NodeUpgrade::set_input(std::size_t i, Tensor value, std::string_view role) {
  set_input(i, constant(std::move(value), role));
}

ValueId NodeUpgrade::constant(Tensor value, std::string_view role) {
  return graph_.constant(std::move(value), fresh_name(role)).id;
}

void NodeUpgrade::move_integers(std::string_view attribute, std::size_t i) {
  const std::vector<std::int64_t> values = node.attrs.integers(attribute);
  node.attrs.erase(attribute);
  if (values.empty()) return;
  const auto count = static_cast<std::int64_t>(values.size());
  set_input(i, Tensor::of<std::int64_t>({count}, std::span(values)), attribute);
}

ValueId NodeUpgrade::before(std::string_view op, std::vector<ValueId> in, Attrs attrs, std::string_view role) {
  const std::string name = fresh_name(role);
  Node made{std::string(op), name, std::move(in), {}, std::move(attrs)};
  if (const auto folded = fold(graph_, made, 1)) return graph_.constant(folded->front(), name).id;
  return graph_.add_node(std::move(made), {name}).front().id;
}

Error NodeUpgrade::refuse(std::string what) const {
  return Error(ErrorCode::unsupported, std::move(what), fmt::format("node '{}' ({})", node.name, node.op));
}

std::string NodeUpgrade::fresh_name(std::string_view role) {
  std::string name = fmt::format("{}/{}", node.name, role);
  for (int i = 1; !taken_.insert(name).second; ++i) name = fmt::format("{}/{}_{}", node.name, role, i);
  return name;
}

namespace {

Tensor scalar(double value) { return Tensor::scalar(static_cast<float>(value)); }

// One function per operator and change of form, in the order of the table below.

void batch_normalization_without_training(NodeUpgrade& u) {
  if (u.node.attrs.integer("spatial", 1) == 0)
    throw u.refuse("statistics for every position (spatial=0) are not supported");
  if (u.node.attrs.integer("training_mode", 0) != 0)
    throw u.refuse("it is in training mode; export the network for inference");
  for (const char* name : {"spatial", "momentum", "training_mode"}) u.node.attrs.erase(name);
}

/// Half, bfloat16 and double mean float32 here.
void cast_to_held_type(NodeUpgrade& u) {
  const std::int64_t code = u.node.attrs.integer("to", 0);
  const bool small = code >= 0 && code <= std::numeric_limits<std::int32_t>::max();
  const ElementType type = small ? element_type(static_cast<std::int32_t>(code)) : ElementType{};
  if (!type.supported())
    throw u.refuse("casts to " + (small ? element_type_name(static_cast<std::int32_t>(code)) : std::string("?")) +
                   " are not supported");
  if (type.widened) u.node.attrs.set("to", std::int64_t{onnx::TensorProto_DataType_FLOAT});
}

void cast_like_to_cast(NodeUpgrade& u) {
  const DType like = u.has_input(1) ? u.input(1).type.dtype : DType::undefined;
  std::int32_t code = onnx::TensorProto_DataType_FLOAT;
  while (onnx::TensorProto_DataType_IsValid(code) && element_type(code).dtype != like) ++code;
  if (!element_type(code).supported()) throw u.refuse("the element type to cast to is not known");
  u.node.op = "Cast";
  u.keep_first_input();
  u.node.attrs = {{"to", std::int64_t{code}}};
}

void clip_bounds_to_inputs(NodeUpgrade& u) {
  constexpr double kNoBound = std::numeric_limits<float>::max();
  const double low = u.node.attrs.real("min", -kNoBound), high = u.node.attrs.real("max", kNoBound);
  u.node.attrs.erase("min");
  u.node.attrs.erase("max");
  u.keep_first_input();
  if (low > -kNoBound) u.set_input(1, scalar(low), "min");
  if (high < kNoBound) u.set_input(2, scalar(high), "max");
}

bool is_false(const std::optional<Tensor>& t) {
  return t && t->dtype() == DType::boolean && t->count() == 1 && !t->as<bool>()[0];
}
bool is_zero(const std::optional<Tensor>& t) {
  return t && t->dtype() == DType::f32 && t->count() == 1 && t->as<float>()[0] == 0.0F;
}

/// At inference Dropout hands its input on, and in training too when it drops nothing (torchvision's Swin).
void dropout_for_inference(NodeUpgrade& u) {
  const bool drops_nothing = u.has_input(1) && is_zero(u.input(1).constant);
  if (u.has_input(2) && !is_false(u.input(2).constant) && !drops_nothing)
    throw u.refuse("it is in training mode; export the network for inference");
  u.keep_first_input();
  u.node.attrs = {};
}

/// Before opset 21 there were one scale and one bias for each group, now there is one for each channel.
void group_parameters_by_channel(NodeUpgrade& u) {
  const std::int64_t groups = u.node.attrs.integer("num_groups", 0);
  if (!u.has_input(0) || !u.input(0).type.shape || u.input(0).type.shape->size() < 2 || groups < 1) return;
  const Dim channels = (*u.input(0).type.shape)[1];
  constexpr std::int64_t kMostChannels = std::int64_t{1} << 24;
  if (!channels.known() || channels.value > kMostChannels)
    throw u.refuse("the number of its channels is not known, or too large");
  for (std::size_t i = 1; i < 3; ++i) {
    if (!u.has_input(i) || !u.input(i).constant) throw u.refuse("its scale and bias must be constants");
    const Tensor t = u.input(i).constant->converted(DType::f32);
    if (t.count() != groups || channels.value % groups != 0)
      throw u.refuse("it needs a scale and a bias per group");
    std::vector<float> values;
    for (const float v : t.as<float>())
      values.insert(values.end(), static_cast<std::size_t>(channels.value / groups), v);
    u.set_input(i, Tensor::of<float>({channels.value}, std::span<const float>(values)), i == 1 ? "scale" : "bias");
  }
}

void pad_to_inputs(NodeUpgrade& u) {
  const double value = u.node.attrs.real("value", 0);
  u.move_integers(u.node.attrs.has("paddings") ? "paddings" : "pads", 1);
  u.node.attrs.erase("value");
  if (value != 0) u.set_input(2, scalar(value), "value");
}

void axes_to_input(NodeUpgrade& u) { u.move_integers("axes", 1); }

void reshape_to_input(NodeUpgrade& u) {
  if (!u.has_input(1)) u.move_integers("shape", 1);
}

void sum_then_log(NodeUpgrade& u) {
  const ValueId sum = u.before("ReduceSum", u.node.in, u.node.attrs, "sum");
  u.node.op = "Log";
  u.node.in = {sum};
  u.node.attrs = {};
}

void scatter_by_new_name(NodeUpgrade& u) { u.node.op = "ScatterElements"; }

void slice_to_inputs(NodeUpgrade& u) {
  if (u.node.attrs.integers("starts").size() != u.node.attrs.integers("ends").size())
    throw Error(ErrorCode::bad_input, "there must be as many starts as ends",
                fmt::format("node '{}' ({})", u.node.name, u.node.op));
  u.move_integers("starts", 1);
  u.move_integers("ends", 2);
  u.move_integers("axes", 3);
}

/// The one axis longer than 1 from `first` on, if there is just one: normalising over all of them is then
/// normalising over it.
std::optional<std::size_t> single_axis(const Shape& shape, std::size_t first) {
  std::optional<std::size_t> found;
  for (std::size_t i = first; i < shape.size(); ++i) {
    if (shape[i] == Dim(1)) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found ? found : shape.size() - 1;
}

/// Before opset 13, Softmax and its kin treated all axes from `axis` on as one.
void normalise_over_one_axis(NodeUpgrade& u) {
  const std::int64_t axis = u.node.attrs.integer("axis", 1);
  if (!u.has_input(0)) return;
  const Type type = u.input(0).type;
  if (type.shape && !type.shape->empty()) {
    const auto rank = static_cast<std::int64_t>(type.shape->size());
    const std::int64_t first = axis < 0 ? axis + rank : axis;
    if (first >= 0 && first < rank) {
      if (const auto single = single_axis(*type.shape, static_cast<std::size_t>(first))) {
        u.node.attrs.set("axis", static_cast<std::int64_t>(*single));
        return;
      }
    }
  }
  const ValueId x = u.node.in[0];
  const ValueId flat = u.before("Flatten", {x}, {{"axis", axis}}, "flat");
  const ValueId y = u.before(u.node.op, {flat}, {{"axis", std::int64_t{1}}}, "rows");
  const ValueId sizes = u.before("Shape", {x}, {}, "sizes");
  u.node.op = "Reshape";
  u.node.in = {y, sizes};
  u.node.attrs = {};
}

void split_to_input(NodeUpgrade& u) {
  if (!u.has_input(1)) u.move_integers("split", 1);
}

void split_into_equal_parts(NodeUpgrade& u) {
  if (!u.has_input(1) && !u.node.attrs.has("num_outputs"))
    u.node.attrs.set("num_outputs", static_cast<std::int64_t>(u.node.out.size()));
}

void top_k_to_input(NodeUpgrade& u) {
  const std::int64_t k = u.node.attrs.integer("k", -1);
  u.node.attrs.erase("k");
  if (k >= 0) u.set_input(1, Tensor::of<std::int64_t>({1}, {k}), "k");
}

struct Row {
  std::string_view op;
  std::int64_t before;  ///< applies to opsets below this one
  void (*change)(NodeUpgrade&);
};
constexpr std::int64_t kAlways = std::numeric_limits<std::int64_t>::max();

// Rows of one operator apply in this order.
constexpr Row kRows[] = {
    {"Add", 7, broadcast_by_axis},
    {"AffineGrid", kAlways, affine_grid_as_product},
    {"And", 7, broadcast_by_axis},
    {"BatchNormalization", 7, batch_norm_for_test},
    {"BatchNormalization", kAlways, batch_normalization_without_training},
    {"Cast", 6, cast_by_name},
    {"Cast", kAlways, cast_to_held_type},
    {"CastLike", kAlways, cast_like_to_cast},
    {"Clip", 11, clip_bounds_to_inputs},
    {"Concat", 4, concat_along_channels},
    {"Div", 7, broadcast_by_axis},
    {"Dropout", kAlways, dropout_for_inference},
    {"Einsum", kAlways, einsum_as_products},
    {"Equal", 7, broadcast_by_axis},
    {"GlobalLpPool", 2, power_to_integer},
    {"Greater", 7, broadcast_by_axis},
    {"GridSample", kAlways, grid_sample_names},
    {"GroupNormalization", 21, group_parameters_by_channel},
    {"Hardmax", 13, normalise_over_one_axis},
    {"Less", 7, broadcast_by_axis},
    {"LogSoftmax", 13, normalise_over_one_axis},
    {"LpPool", 2, power_to_integer},
    {"Mul", 7, broadcast_by_axis},
    {"Or", 7, broadcast_by_axis},
    {"PRelu", 7, slopes_by_channel},
    {"Pad", 11, pad_to_inputs},
    {"Pow", 7, broadcast_by_axis},
    {"QLinearConv", kAlways, quantized_conv_in_float},
    {"QLinearMatMul", kAlways, quantized_matmul_in_float},
    {"ReduceL1", 18, axes_to_input},
    {"ReduceL2", 18, axes_to_input},
    {"ReduceLogSum", 18, axes_to_input},
    {"ReduceLogSum", kAlways, sum_then_log},
    {"ReduceLogSumExp", 18, axes_to_input},
    {"ReduceMax", 18, axes_to_input},
    {"ReduceMean", 18, axes_to_input},
    {"ReduceMin", 18, axes_to_input},
    {"ReduceProd", 18, axes_to_input},
    {"ReduceSum", 13, axes_to_input},
    {"ReduceSumSquare", 18, axes_to_input},
    {"Reshape", 14, reshape_to_input},
    {"Resize", 11, resize_as_upsample},
    {"Resize", kAlways, resize_without_empty_inputs},
    {"RoiAlign", 16, roi_align_without_shift},
    {"Scatter", kAlways, scatter_by_new_name},
    {"Slice", 10, slice_to_inputs},
    {"Softmax", 13, normalise_over_one_axis},
    {"Split", 13, split_to_input},
    {"Split", 18, split_into_equal_parts},
    {"Squeeze", 13, axes_to_input},
    {"Sub", 7, broadcast_by_axis},
    {"Tile", 6, tile_one_axis},
    {"TopK", 10, top_k_to_input},
    {"Unsqueeze", 13, axes_to_input},
    {"Upsample", kAlways, resize_as_upsample},
    {"Xor", 7, broadcast_by_axis},
};

}  // namespace

bool has_upgrade(std::string_view op) { return std::ranges::find(kRows, op, &Row::op) != std::end(kRows); }

void upgrade(NodeUpgrade& u) {
  const std::string op = u.node.op;  // a change may rename the node
  for (const Row& row : kRows)
    if (row.op == op && u.opset < row.before) row.change(u);
}

}  // namespace limn
