#pragma once

#include "limn/graph.h"

namespace limn {

/// The weights W [classes, K] of a classifier that is linear behind a global average pool of `activation`:
/// either pool, then one dense layer; or a 1x1 convolution (with an optional rectifier), then the pool.
/// Throws Error{unsupported} that says what was found instead.
Value class_weights(Value logits, Value activation);

}  // namespace limn
