#pragma once

#include <vector>

#include "limn/graph.h"
#include "limn/model.h"
#include "limn/onnx/model_parts.h"
#include "limn/onnx/tensors.h"

namespace limn {

struct Assembled {
  Graph graph;
  std::vector<UnsupportedNode> unsupported;  ///< these became nodes whose outputs have no type
};

/// The graph of a model: constants, inputs, and its nodes in order, upgraded to the form of opset 18.
/// Throws Error{bad_input} for a graph that cannot be right.
Assembled assemble(const ModelParts& parts, TensorReader& tensors);

/// The Error{unsupported} that reports all of them, and what to do. `opset` is that of the default domain.
Error report(const std::vector<UnsupportedNode>& nodes, std::int64_t opset);

}  // namespace limn
