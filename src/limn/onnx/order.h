#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "limn/onnx/model_parts.h"

namespace limn {

/// An order of `nodes` in which every value is made before it is read, the file's own order where that will do.
/// `given` are the values that exist from the start. Throws Error{bad_input} for a value that nothing makes, one
/// that two nodes make, and nodes that wait for each other.
std::vector<std::size_t> evaluation_order(const std::vector<onnx::NodeProto>& nodes,
                                          const std::set<std::string>& given);

/// The name of a node, of its first output when it has none.
std::string name_of(const onnx::NodeProto& node);
/// "node 'x' (Conv)"
std::string place_of(const onnx::NodeProto& node);

}  // namespace limn
