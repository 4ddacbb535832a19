#pragma once
// Which values of an imported network are its class scores, and which a class activation map can be made of.

#include <optional>
#include <string_view>
#include <vector>

#include "limn/graph.h"

namespace limn {

struct Logits {
  ValueId value = kAbsent;
  /// The operator that the network ends in (Softmax, LogSoftmax, Sigmoid, ArgMax) where `value` is what enters it.
  std::string activation;
};

/// The class scores: the output of that name or, without a name, of the outputs that depend on the image the first
/// that looks like [N, classes], otherwise the first. Throws Error{unsupported} when no output depends on an input,
/// Error{not_found} for an unknown name, listing the outputs.
LIMN_API Logits find_logits(const Graph& graph, std::string_view output = {});

/// The layer that `auto` means: walking back from the logits past reshaping, dropout, pooling, dense layers and any
/// 1x1 convolution with as many outputs as classes (with its rectifier), the first feature map with more than one
/// position, be it [N, K, h, w], [N, h, w, K] or tokens (see feature_layout.h). Where the walk meets the choice of
/// a class token, it is the tokens that enter the last attention instead: patch tokens behind it do not reach the
/// scores. Unknown sizes count as greater than 1. Nothing when the walk ends without such a value.
LIMN_API std::optional<ValueId> auto_target_layer(const Graph& graph, ValueId logits);

/// The feature maps with more than one position on the way to the logits that a person would choose from, in graph
/// order: what convolutions, sums, concatenations, poolings and activations make, each at its last stage (after its
/// normalisation and activation); of tokens, normalisations and sums.
LIMN_API std::vector<ValueId> candidate_layers(const Graph& graph, ValueId logits);

}  // namespace limn
