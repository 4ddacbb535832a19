#pragma once

#include <span>
#include <string>

#include "limn/graph.h"

namespace limn {

/// Every BatchNormalization that alone reads a convolution is folded into the weights and the bias of that
/// convolution, whose output then has the name of the normalised value. Values named in `keep` stay: a convolution
/// among them is not folded. Batch normalisation elsewhere stays as it is.
LIMN_API Graph fold_batch_norm(const Graph& graph, std::span<const std::string> keep = {});

}  // namespace limn
