#pragma once
// What passes ask of a node.

#include <string_view>

#include "limn/graph.h"

namespace limn {

/// Whether the operator computes every element of its result from the elements at the same place of its inputs
/// alone, which broadcast as numpy's do.
bool is_by_element(std::string_view op);
/// Whether the node has its first output, and no other.
bool has_one_output(const Node& node);

}  // namespace limn
