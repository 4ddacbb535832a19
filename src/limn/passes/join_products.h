#pragma once

#include "limn/graph.h"

namespace limn {

/// Whether the node multiplies a matrix [rows, K] with a constant one that is larger than a cache, so that reading
/// it is what the product costs.
bool reads_large_matrix(const Graph& graph, const Node& node);

/// Products of several matrices with the same large constant matrix become one, so that it is read from memory
/// once: the cotangents of several classes, or of several rules, on their way through dense layers. Products that
/// depend on each other stay apart, and so do those that depend on inputs of different kinds: a forward pass must
/// not wait for a target. Sizes must be known.
Graph join_products(const Graph& graph);

}  // namespace limn
