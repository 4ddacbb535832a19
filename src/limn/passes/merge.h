#pragma once

#include "limn/graph.h"

namespace limn {

/// Nodes of the same operator, attributes and inputs become one, equal constants too: explanation graphs of several
/// methods in one graph then share their forward and backward passes.
LIMN_API Graph merge_equal(const Graph& graph);

}  // namespace limn
