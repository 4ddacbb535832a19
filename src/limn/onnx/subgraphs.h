#pragma once
// Graphs inside nodes (the branches of If, the body of Loop) and functions of the model: what they read from
// outside, and copies of them under other names.

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "limn/onnx/model_parts.h"

namespace limn {

/// The subgraph that an attribute of the node holds; nullptr when there is none of that name.
const onnx::GraphProto* subgraph_of(const onnx::NodeProto& node, const std::string& attribute);

/// The values that subgraphs of the node read from outside themselves.
std::vector<std::string> captured_names(const onnx::NodeProto& node);

/// New names by old ones; an empty name leaves a value out.
using Renames = std::unordered_map<std::string, std::string>;
/// Renames what the node and its subgraphs read, and what the node makes.
void rename(onnx::NodeProto& node, const Renames& names);

/// Nodes that stand for another node: the body of a branch, a loop or a function.
struct Body {
  std::vector<std::string> inputs, outputs;
  std::vector<onnx::TensorProto> initializers;
  std::vector<onnx::NodeProto> nodes;

  /// As it takes in a file.
  std::size_t byte_size() const;
};
Body body_of(const onnx::GraphProto& graph);
/// The body of a function as this node calls it: attributes that refer to those of the call are filled in.
Body body_of(const FunctionParts& function, const onnx::NodeProto& call);

}  // namespace limn
