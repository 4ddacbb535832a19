#include "limn/onnx/downgrade.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "limn/error.h"

namespace limn {
namespace {

struct Since {
  std::string_view op;
  std::int64_t opset;
};
/// Operators younger than opset 13.
constexpr std::array kSince{Since{"HardSwish", 14},
                            Since{"Trilu", 14},
                            Since{"BlackmanWindow", 17},
                            Since{"HammingWindow", 17},
                            Since{"HannWindow", 17},
                            Since{"LayerNormalization", 17},
                            Since{"MelWeightMatrix", 17},
                            Since{"BitwiseAnd", 18},
                            Since{"BitwiseNot", 18},
                            Since{"BitwiseOr", 18},
                            Since{"BitwiseXor", 18},
                            Since{"Mish", 18},
                            Since{"Gelu", 20},
                            Since{"GroupNormalization", 21},
                            Since{"Swish", 24}};
/// Reductions whose axes are an attribute before opset 18.
constexpr std::array<std::string_view, 9> kReductions{"ReduceL1",        "ReduceL2",   "ReduceLogSum",
                                                      "ReduceLogSumExp", "ReduceMax",  "ReduceMin",
                                                      "ReduceMean",      "ReduceProd", "ReduceSumSquare"};

Error refuse(const Node& node, std::int64_t opset, std::string_view what, std::int64_t needed) {
  return Error(ErrorCode::unsupported, fmt::format("opset {} has no {}", opset, what),
               fmt::format("node '{}' ({})", node.name, node.op), fmt::format("write opset {}", needed));
}

bool has_input(const Node& node, std::size_t i) { return i < node.in.size() && node.in[i] != kAbsent; }

void erase_attribute(onnx::NodeProto& proto, std::string_view name) {
  auto& list = *proto.mutable_attribute();
  for (int i = list.size(); i-- > 0;)
    if (list[i].name() == name) list.DeleteSubrange(i, 1);
}

/// Drops the last input, and those before it that are left out then.
void drop_inputs_from(onnx::NodeProto& proto, int first) {
  while (proto.input_size() > first) proto.mutable_input()->RemoveLast();
}

/// The axes, a constant input, as an attribute.
void axes_to_attribute(const Graph& graph, const Node& node, std::int64_t opset, onnx::NodeProto& proto) {
  if (node.attrs.integer("noop_with_empty_axes", 0) != 0)
    throw refuse(node, opset, "reduction that does nothing without axes", 18);
  erase_attribute(proto, "noop_with_empty_axes");
  if (!has_input(node, 1)) return;
  const Tensor* axes = graph.constant(node.in[1]);
  if (axes == nullptr) throw refuse(node, opset, "reduction over axes that are computed", 18);
  drop_inputs_from(proto, 1);
  const auto numbers = axes->to_int64();
  if (numbers.empty()) return;
  auto& attribute = *proto.add_attribute();
  attribute.set_name("axes");
  attribute.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t axis : numbers) attribute.add_ints(axis);
}

void check_scatter(const Node& node, std::int64_t opset) {
  const std::string reduction = node.attrs.text("reduction", "none");
  if ((reduction == "add" || reduction == "mul") && opset < 16)
    throw refuse(node, opset, "scatter with a reduction", 16);
  if ((reduction == "max" || reduction == "min") && opset < 18)
    throw refuse(node, opset, fmt::format("scatter with the reduction '{}'", reduction), 18);
}

void check_resize(const Node& node, std::int64_t opset, onnx::NodeProto& proto) {
  const bool plain = node.attrs.integer("antialias", 0) == 0 && !node.attrs.has("axes") &&
                     node.attrs.text("keep_aspect_ratio_policy", "stretch") == "stretch";
  if (!plain) throw refuse(node, opset, "resize with antialias, axes or a policy", 18);
  for (const char* name : {"antialias", "keep_aspect_ratio_policy"}) erase_attribute(proto, name);
}

}  // namespace

void downgrade(const Graph& graph, const Node& node, std::int64_t opset, onnx::NodeProto& proto) {
  const auto since = std::ranges::find(kSince, node.op, &Since::op);
  if (since != kSince.end() && opset < since->opset) throw refuse(node, opset, node.op, since->opset);
  if (node.op == "ScatterElements" || node.op == "ScatterND") check_scatter(node, opset);
  if (node.op == "AveragePool" && opset < 19) {
    const auto dilations = node.attrs.integers("dilations");
    if (std::ranges::any_of(dilations, [](std::int64_t d) { return d != 1; }))
      throw refuse(node, opset, "average pooling with dilations", 19);
    erase_attribute(proto, "dilations");
  }
  if (node.op == "Pad" && opset < 19 && node.attrs.text("mode", "constant") == "wrap")
    throw refuse(node, opset, "padding by wrapping", 19);
  if (opset >= 18) return;
  if (std::ranges::find(kReductions, node.op) != kReductions.end()) axes_to_attribute(graph, node, opset, proto);
  if (node.op == "Split") erase_attribute(proto, "num_outputs");
  if (node.op == "Pad" && has_input(node, 3)) throw refuse(node, opset, "padding of chosen axes", 18);
  if (node.op == "Resize") check_resize(node, opset, proto);
}

}  // namespace limn
