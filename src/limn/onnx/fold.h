#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// The outputs of a node about to be added, when they can be told already: the sizes of a known shape, or a small
/// result of small constants. Shape arithmetic ends this way on entry, because operators that take sizes or axes
/// need them while the graph is built. Nothing when the node has to stay.
std::optional<std::vector<Tensor>> fold(const GraphBuilder& graph, const Node& node, std::size_t outputs);

}  // namespace limn
