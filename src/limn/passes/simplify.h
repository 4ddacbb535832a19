#pragma once

#include "limn/graph.h"

namespace limn {

/// Removes nodes that change nothing (Identity, Dropout, Reshape to the same shape, adding 0, multiplying by 1, the
/// mean of what was repeated ...)
/// and writes a few patterns in a cheaper form:
/// - two transpositions become one, or none;
/// - a product with a transposed matrix reads the matrix as it is;
/// - an average pooling after a convolution of kernel 1 comes before it, where there are fewer pixels;
/// - the mask of a rectifier before max pooling is applied to the pooled cotangent, which is smaller.
/// Meant for graphs with concrete sizes; others are left as they are where a shape is needed.
LIMN_API Graph simplify(const Graph& graph);

}  // namespace limn
