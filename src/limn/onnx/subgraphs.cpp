#include "limn/onnx/subgraphs.h"

#include <algorithm>
#include <set>

namespace limn {
namespace {

std::set<std::string> names_made_in(const onnx::GraphProto& graph) {
  std::set<std::string> made;
  for (const auto& input : graph.input()) made.insert(input.name());
  for (const auto& tensor : graph.initializer()) made.insert(tensor.name());
  for (const auto& node : graph.node()) made.insert(node.output().begin(), node.output().end());
  return made;
}

/// Calls f(subgraph) for every graph in the attributes of a node.
template <class Node, class F>
void for_each_subgraph(Node& node, F&& f) {
  for (int i = 0; i < node.attribute_size(); ++i) {
    if constexpr (std::is_const_v<Node>) {
      if (node.attribute(i).has_g()) f(node.attribute(i).g());
      for (const auto& g : node.attribute(i).graphs()) f(g);
    } else {
      auto& attribute = *node.mutable_attribute(i);
      if (attribute.has_g()) f(*attribute.mutable_g());
      for (auto& g : *attribute.mutable_graphs()) f(g);
    }
  }
}

void collect_captured(const onnx::GraphProto& graph, std::vector<std::string>& captured) {
  std::vector<std::string> read;
  for (const auto& node : graph.node()) {
    read.insert(read.end(), node.input().begin(), node.input().end());
    for_each_subgraph(node, [&](const onnx::GraphProto& inner) { collect_captured(inner, read); });
  }
  for (const auto& output : graph.output()) read.push_back(output.name());
  const std::set<std::string> made = names_made_in(graph);
  for (const std::string& name : read)
    if (!name.empty() && !made.contains(name)) captured.push_back(name);
}

std::string renamed(const std::string& name, const Renames& names) {
  const auto it = names.find(name);
  return it == names.end() ? name : it->second;
}

void rename_captured(onnx::GraphProto& graph, Renames names) {
  for (const std::string& own : names_made_in(graph)) names.erase(own);
  for (auto& node : *graph.mutable_node()) {
    for (auto& name : *node.mutable_input()) name = renamed(name, names);
    for_each_subgraph(node, [&](onnx::GraphProto& inner) { rename_captured(inner, names); });
  }
  for (auto& output : *graph.mutable_output()) output.set_name(renamed(output.name(), names));
}

/// Puts the attributes of a call, or a function's defaults, where nodes of its body refer to them.
void fill_in(onnx::NodeProto& node, const std::vector<onnx::AttributeProto>& given) {
  for (int i = node.attribute_size(); i-- > 0;) {
    const std::string wanted = node.attribute(i).ref_attr_name(), name = node.attribute(i).name();
    if (wanted.empty()) continue;
    const auto it = std::ranges::find(given, wanted, &onnx::AttributeProto::name);
    if (it == given.end()) {
      node.mutable_attribute()->DeleteSubrange(i, 1);
    } else {
      *node.mutable_attribute(i) = *it;
      node.mutable_attribute(i)->set_name(name);
    }
  }
  for_each_subgraph(node, [&](onnx::GraphProto& graph) {
    for (auto& inner : *graph.mutable_node()) fill_in(inner, given);
  });
}

}  // namespace

const onnx::GraphProto* subgraph_of(const onnx::NodeProto& node, const std::string& attribute) {
  for (const auto& a : node.attribute())
    if (a.name() == attribute && a.has_g()) return &a.g();
  return nullptr;
}

std::vector<std::string> captured_names(const onnx::NodeProto& node) {
  std::vector<std::string> captured;
  for_each_subgraph(node, [&](const onnx::GraphProto& graph) { collect_captured(graph, captured); });
  return captured;
}

void rename(onnx::NodeProto& node, const Renames& names) {
  for (auto& name : *node.mutable_input()) name = renamed(name, names);
  for (auto& name : *node.mutable_output()) name = renamed(name, names);
  for_each_subgraph(node, [&](onnx::GraphProto& graph) { rename_captured(graph, names); });
}

std::size_t Body::byte_size() const {
  std::size_t bytes = 0;
  for (const auto& tensor : initializers) bytes += tensor.ByteSizeLong();
  for (const auto& node : nodes) bytes += node.ByteSizeLong();
  return bytes;
}

Body body_of(const onnx::GraphProto& graph) {
  Body body{
      {}, {}, {graph.initializer().begin(), graph.initializer().end()}, {graph.node().begin(), graph.node().end()}};
  for (const auto& input : graph.input()) body.inputs.push_back(input.name());
  for (const auto& output : graph.output()) body.outputs.push_back(output.name());
  return body;
}

Body body_of(const FunctionParts& function, const onnx::NodeProto& call) {
  const auto& f = function.proto;
  Body body{{f.input().begin(), f.input().end()},
            {f.output().begin(), f.output().end()},
            {},
            {f.node().begin(), f.node().end()}};
  std::vector<onnx::AttributeProto> given(call.attribute().begin(), call.attribute().end());
  given.insert(given.end(), function.defaults.begin(), function.defaults.end());
  for (onnx::NodeProto& node : body.nodes) fill_in(node, given);
  return body;
}

}  // namespace limn
