#pragma once

#include "limn/graph.h"
#include "limn/onnx/tensors.h"

namespace limn {

/// The attributes of a node. Tensors are read with `tensors`. Throws Error{unsupported} for kinds that limn has no
/// use for (subgraphs, sparse tensors, types), Error{bad_input} for a damaged tensor.
Attrs to_attrs(const onnx::NodeProto& node, TensorReader& tensors);

}  // namespace limn
