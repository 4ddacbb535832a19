#pragma once

#include <cstdint>

#include "limn/graph.h"

namespace limn {

/// For constant weights [K, C * pixels] or [K, C, pixels...], appends the means [K, C] over the pixels of each
/// channel.
using ChannelMeans = Value (*)(GraphBuilder&, Value weights, std::int64_t channels);
/// As a Reshape and a ReduceMean of the weights.
Value channel_means_as_nodes(GraphBuilder& g, Value weights, std::int64_t channels);

/// Grad-CAM's weights of the channels (eq. 1 of Selvaraju et al.) are means over the pixels of a gradient. A mean
/// is taken before what is linear:
/// - of a pooling's gradient, which hands every number to some pixel: the mean of those numbers, times their share;
/// - of the gradient dy W of a dense layer that reads the flattened map: dy times the means of W, a matrix as many
///   times smaller as there are pixels. In VGG-16 the backward pass then reads 8 MB in place of 411;
/// - of the gradient of a pointwise convolution: its weights times the mean of the cotangent;
/// - of tokens on their grid, in front of the last attention of a transformer (TokenMean).
LIMN_API Graph mean_first(const Graph& graph, ChannelMeans means);

}  // namespace limn
