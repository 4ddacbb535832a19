#pragma once
// Operators that work element by element, as stages of a chain.

#include <optional>

#include "limn/graph.h"
#include "limn/runtime/kernels.h"

namespace limn {

/// A node that takes a running value to the next.
struct ChainLink {
  ChainStage stage;
  enum class Form { none, full, lanes, batch_norm } form = Form::none;
  ValueId operand = kAbsent;  ///< for full and lanes
};

/// How `node` continues the running value `main`, one of its inputs and shaped like its output; nothing when it
/// cannot.
std::optional<ChainLink> link_of(const Graph& graph, const Node& node, ValueId main);

/// The input that a chain beginning with `node` starts from; nothing when the node is no link.
std::optional<ValueId> chain_start(const Graph& graph, const Node& node);

/// The axes that a reduction of [N, C, H, W] with kept axes goes over, in order; none where they are not given.
std::vector<std::int64_t> reduced_axes(const Graph& graph, const Node& node);

/// Whether the node adds up every plane of [N, C, H, W], to [N, C, 1, 1].
struct PlaneSum {
  bool mean;  ///< of which it takes the mean
};
std::optional<PlaneSum> plane_sum(const Graph& graph, const Node& node);

/// Lower and upper bound of a Relu or of a Clip with constant bounds; nothing for other nodes.
struct Bounds {
  float low, high;
};
std::optional<Bounds> rectifier_bounds(const Graph& graph, const Node& node);

/// Whether the node is a rectifier's derivative: it asks of its input 1 only where that lies between its bounds.
bool is_mask(const Node& node);

/// Whether a Gelu, or its slope, is the approximation by tanh.
bool is_tanh_gelu(const Node& node);

/// Whether a Concat or Split of [N, C, H, W] goes along the channels.
bool is_along_channels(const Node& node);

/// Whether f32 values of one number per channel, [1 or N, C, 1, 1] or [C, 1, 1], beside `like` [N, C, H, W].
bool is_per_channel(const Dims& dims, const Dims& like);

}  // namespace limn
