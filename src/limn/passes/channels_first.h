#pragma once

#include "limn/graph.h"

namespace limn {

/// The same network for images [N, C, H, W], where the input `image` is [N, H, W, C]: the input keeps its name, and
/// a Transpose behind it makes what the network reads. Networks exported from TensorFlow begin with the inverse
/// Transpose, and simplify() removes both.
LIMN_API Graph with_channels_first(const Graph& graph, ValueId image);

}  // namespace limn
