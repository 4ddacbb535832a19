#pragma once

#include "limn/graph.h"

namespace limn {

/// The same network for images [N, C, H, W], where the input `image` is [N, H, W, C]: the input keeps its name, and
/// a Transpose behind it makes what the network reads. Networks exported from TensorFlow begin with the inverse
/// Transpose, and simplify() removes both.
LIMN_API Graph with_channels_first(const Graph& graph, ValueId image);

/// A graph that began as with_channels_first() and has more nodes, for images [N, H, W, C] again: what the network
/// reads is the input itself, and nodes added since get [N, C, H, W] by a Transpose.
LIMN_API Graph with_channels_last(const Graph& graph, ValueId image);

}  // namespace limn
