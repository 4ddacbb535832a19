#pragma once

#include <cstdint>

#include "limn/graph.h"

namespace limn {

/// The same graph in operators that ONNX has in that opset, without nodes that no output needs. Values keep their
/// names.
Graph in_onnx_operators(const Graph& graph, std::int64_t opset);

}  // namespace limn
