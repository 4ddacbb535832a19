#pragma once
// What the names in a model's file stand for.

#include <set>
#include <string>

#include "limn/onnx/model_parts.h"

namespace limn {

/// Names of the values of the main graph: inputs, initializers and what nodes make.
std::set<std::string> value_names(const ModelParts& parts);
/// All names that a new value or node must not have: the above, those of nodes, and all of these in subgraphs.
std::set<std::string> taken_names(const ModelParts& parts);
/// Whether some numbers of the model are half, bfloat16 or double, which the importer reads as float32.
bool has_other_floats(const ModelParts& parts);

}  // namespace limn
