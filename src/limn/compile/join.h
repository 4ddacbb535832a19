#pragma once

#include "limn/graph.h"

namespace limn {

/// One graph of both: an input of `graph` that has the name of an output of `front` is what that makes, and an
/// input of both is one. Names stay, but that values which are outputs of `front` are named as those. The outputs
/// are those of `graph`.
Graph joined(const Graph& front, const Graph& graph);

}  // namespace limn
