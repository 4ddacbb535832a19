#pragma once

#include <span>
#include <string>

#include "limn/graph.h"

namespace limn {

/// Exports for opsets without LayerNormalization (below 17), Gelu (below 20) and Swish (below 24) write them out in
/// nine, five and two nodes. Where such a group computes one layer and nothing else reads its inner values, it
/// becomes that one node again, whose kernel and derivative are cheaper. Values named in `keep` stay. The last
/// value of a group keeps its name.
LIMN_API Graph join_layers(const Graph& graph, std::span<const std::string> keep = {});

}  // namespace limn
