#pragma once
// Nodes, values and tensors of a graph as the classes of onnx.proto.

#include <onnx/onnx_pb.h>

#include <cstdint>

#include "limn/graph.h"

namespace limn {

/// Name, element type and shape, as far as they are known; symbolic sizes by their names.
void set_type(const ValueInfo& value, onnx::ValueInfoProto& proto);

/// Element type, sizes and numbers.
void set_tensor(const Tensor& tensor, onnx::TensorProto& proto);

/// What an output that has to share its value with another is made by: it hands the value on.
onnx::NodeProto identity(const std::string& from, const std::string& to);

/// The node in the words of `opset`. An input that has become an attribute there is gone: the inputs that are left
/// are the first ones of `node`. Throws Error{unsupported} for limn's own operators and what the opset lacks.
onnx::NodeProto to_proto(const Graph& graph, const Node& node, std::int64_t opset);

}  // namespace limn
