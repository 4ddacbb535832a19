#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>

#include "limn/graph.h"

namespace limn {

/// Nodes in the form of opset 18, the one form that the rest of limn knows, on their way into a file of `opset`:
/// turns inputs that were attributes then back into attributes of `proto`. Throws Error{unsupported} naming the
/// node when the opset has no words for it.
void downgrade(const Graph& graph, const Node& node, std::int64_t opset, onnx::NodeProto& proto);

}  // namespace limn
