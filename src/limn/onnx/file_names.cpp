#include "limn/onnx/file_names.h"

#include <algorithm>

#include "limn/onnx/element_types.h"

namespace limn {
namespace {

void add_names(const onnx::NodeProto& node, std::set<std::string>& names);

void add_names(const onnx::GraphProto& graph, std::set<std::string>& names) {
  for (const auto& input : graph.input()) names.insert(input.name());
  for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
  for (const auto& node : graph.node()) add_names(node, names);
}

void add_names(const onnx::NodeProto& node, std::set<std::string>& names) {
  names.insert(node.name());
  names.insert(node.output().begin(), node.output().end());
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) add_names(attribute.g(), names);
    for (const auto& graph : attribute.graphs()) add_names(graph, names);
  }
}

bool other_float(std::int64_t type) {
  return type >= 0 && type <= 64 && element_type(static_cast<std::int32_t>(type)).widened;
}

bool makes_other_floats(const onnx::NodeProto& node) {
  return std::ranges::any_of(node.attribute(), [](const onnx::AttributeProto& attribute) {
    if (attribute.has_t() && other_float(attribute.t().data_type())) return true;
    return (attribute.name() == "to" || attribute.name() == "dtype") && other_float(attribute.i());
  });
}

}  // namespace

std::set<std::string> value_names(const ModelParts& parts) {
  std::set<std::string> names;
  for (const auto& input : parts.inputs) names.insert(input.name());
  for (const auto& tensor : parts.initializers) names.insert(tensor.name);
  for (const auto& node : parts.nodes) names.insert(node.output().begin(), node.output().end());
  names.erase("");
  return names;
}

std::set<std::string> taken_names(const ModelParts& parts) {
  std::set<std::string> names = value_names(parts);
  for (const auto& node : parts.nodes) add_names(node, names);
  return names;
}

bool has_other_floats(const ModelParts& parts) {
  return std::ranges::any_of(parts.inputs,
                             [](const auto& i) { return other_float(i.type().tensor_type().elem_type()); }) ||
         std::ranges::any_of(parts.initializers, [](const auto& t) { return other_float(t.element_type); }) ||
         std::ranges::any_of(parts.nodes, makes_other_floats);
}

}  // namespace limn
