#pragma once

#include "limn/graph.h"

namespace limn {

/// An activation (Swish, Gelu) and its slope, where both are of the same value, become one node that computes both:
/// the forward pass has all that the slope needs at hand, and the backward pass only multiplies.
Graph join_slopes(const Graph& graph);

}  // namespace limn
