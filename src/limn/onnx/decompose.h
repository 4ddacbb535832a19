#pragma once

#include "limn/graph.h"

namespace limn {

/// The same graph in operators that ONNX has, without nodes that no output needs. Values keep their names.
Graph in_onnx_operators(const Graph& graph);

}  // namespace limn
