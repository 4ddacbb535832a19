#pragma once

#include "limn/graph.h"

namespace limn {

/// The graph without the nodes and constants that no output depends on. Inputs stay, in order.
LIMN_API Graph prune(const Graph& graph);

}  // namespace limn
