#pragma once
// Which values of an imported network are its class scores, and which a class activation map can be made of.

#include <optional>
#include <vector>

#include "limn/graph.h"

namespace limn {

struct Logits {
  ValueId value = kAbsent;
  /// The network ends in a softmax or sigmoid (or an arg-max), and `value` is what enters it.
  bool behind_activation = false;
};

/// The class scores: of the outputs that depend on the image, the first that looks like [N, classes], otherwise the
/// first. Throws Error{unsupported} when no output depends on an input.
LIMN_API Logits find_logits(const Graph& graph);

/// The layer that `auto` means: walking back from the logits past reshaping, dropout, pooling, dense layers and any
/// 1x1 convolution with as many outputs as classes (with its rectifier), the first value [N, K, h, w] with h*w > 1.
/// Unknown sizes count as greater than 1. Nothing when the walk ends without such a value.
LIMN_API std::optional<ValueId> auto_target_layer(const Graph& graph, ValueId logits);

/// The values [N, K, h, w], h*w > 1, on the way to the logits that a person would choose from, in graph order: what
/// convolutions, sums, concatenations, poolings and activations make, each at its last stage (after its
/// normalisation and activation).
LIMN_API std::vector<ValueId> candidate_layers(const Graph& graph, ValueId logits);

}  // namespace limn
