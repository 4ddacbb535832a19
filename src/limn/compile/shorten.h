#pragma once
// An explanation in fewer passes over the pixels. What is appended to a model is run node by node, as no runtime
// knows how to fuse it: each of these nodes reads and writes whole maps.

#include "limn/graph.h"

namespace limn {

/// A factor for each channel (the derivative of batch normalisation) in front of a ConvGrad goes into its weights:
/// ConvGrad(dy * s, W) = ConvGrad(dy, s * W). Only where s and W come of constants alone, so that a runtime
/// multiplies them once, when it loads the file; no weight is written again.
Graph with_scaled_weights(const Graph& graph);

/// In standard operators:
/// - an Expand is left out where the operator that reads it repeats its elements itself;
/// - a Reshape to the sizes of another value gets those sizes where one of them at most is open;
/// - the derivative of y = x * Sigmoid(x) becomes dy * (s + y * (1 - s)) with the model's own s and y, in place of
///   dy * s + dy * x * (s - s * s).
Graph with_fewer_passes(const Graph& graph);

}  // namespace limn
