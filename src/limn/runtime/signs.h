#pragma once
// Which values have one sign whatever the inputs are.

#include <vector>

#include "limn/graph.h"

namespace limn {

/// By value: whether no element of it can be below zero, as after a rectifier, and as the cotangents of guided
/// backpropagation are from the last rectifier down. False where that cannot be told.
std::vector<char> values_never_negative(const Graph& graph);

}  // namespace limn
