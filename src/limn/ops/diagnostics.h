#pragma once
// Refusals that several operators share.

#include "limn/ops/op.h"

namespace limn {

/// "node 'pool1' (MaxPool)"
std::string place_of(const Node& node);

/// Weights, statistics and other parameters get no cotangent. Throws Error{unsupported} when one of the inputs from
/// `first` on depends on what is differentiated, because its share of the gradient would be missing.
void refuse_parameter_gradients(const VjpContext& c, std::size_t first);

}  // namespace limn
