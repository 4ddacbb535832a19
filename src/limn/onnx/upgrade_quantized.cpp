// Operators on quantized tensors, written with dequantized ones.
#include "limn/onnx/upgrade_forms.h"

namespace limn {
namespace {

/// Input i, with its scale and zero point behind it, as floats.
ValueId dequantized(NodeUpgrade& u, std::size_t i, std::int64_t axis, std::string_view role) {
  return u.before("DequantizeLinear", {u.node.in[i], u.node.in[i + 1], u.node.in[i + 2]}, {{"axis", axis}}, role);
}

/// The node becomes the quantization of `y` with the scale and zero point in inputs 6 and 7.
void become_quantization(NodeUpgrade& u, ValueId y) {
  u.node = {"QuantizeLinear", u.node.name, {y, u.node.in[6], u.node.in[7]}, {}, {}};
  u.node.out.assign(1, kAbsent);
}

void need_inputs(const NodeUpgrade& u, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (!u.has_input(i)) throw u.refuse("input " + std::to_string(i) + " is left out");
}

bool is_one_number(const ValueInfo& v) {
  if (!v.type.shape) return false;
  for (const Dim& d : *v.type.shape)
    if (d != Dim(1)) return false;
  return true;
}

}  // namespace

// The bias is int32, in steps of the scales of x and w multiplied.
void quantized_conv_in_float(NodeUpgrade& u) {
  need_inputs(u, 8);
  const ValueId x = dequantized(u, 0, 1, "x"), w = dequantized(u, 3, 0, "w");
  std::vector<ValueId> in{x, w};
  if (u.has_input(8)) {
    const ValueId step = u.before("Mul", {u.node.in[1], u.node.in[4]}, {}, "bias_scale");
    in.push_back(u.before("DequantizeLinear", {u.node.in[8], step}, {{"axis", std::int64_t{0}}}, "bias"));
  }
  become_quantization(u, u.before("Conv", std::move(in), u.node.attrs, "conv"));
}

void quantized_matmul_in_float(NodeUpgrade& u) {
  need_inputs(u, 8);
  // By row of the left operand and by column of the right one there are rules of their own.
  for (const std::size_t i : {1U, 4U, 6U})
    if (!is_one_number(u.input(i))) throw u.refuse("scales by row or column are not supported");
  const ValueId a = dequantized(u, 0, 0, "a"), b = dequantized(u, 3, 0, "b");
  become_quantization(u, u.before("MatMul", {a, b}, {}, "product"));
}

}  // namespace limn
