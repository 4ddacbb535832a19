#pragma once

#include "limn/graph.h"

namespace limn {

/// Add(Pad(a), Pad(b), ...) where each fills with zeros the places of the others becomes Concat(a, b, ...): the
/// cotangent of a value that was taken apart, as attention takes apart its queries, keys and values.
LIMN_API Graph join_parts(const Graph& graph);

}  // namespace limn
