#pragma once
// Which nodes of a graph become one step.

#include <cstddef>
#include <optional>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// Nodes that are computed together, in order; what they pass on to each other exists nowhere in memory.
/// - A convolution or dense layer with what follows it: an added bias, an added residual, an activation. Before a
///   pointwise convolution, the factors of its channels: Mul with [N, C, 1, 1] (squeeze and excitation).
/// - The gradient of a convolution with what follows it: another cotangent that is added, a Relu, the mask of a
///   rectifier, factors of the channels (a normalisation's) or of the elements (slopes of an activation).
/// - The gradient of a max pool with a Relu.
/// - A chain of operators that work element by element on equally shaped values, and the sum of its planes.
/// - Any other node alone.
struct Group {
  enum class Kind { single, convolution, gradient, dense, chain };
  Kind kind = Kind::single;
  std::vector<std::size_t> nodes;
  ValueId gate = kAbsent;                      ///< the factors; the first node is the Mul then, the second the Conv
  ValueId bias = kAbsent;                      ///< the constant that is added to every row of a dense layer
  ValueId residual = kAbsent;                  ///< what is added to the result, shaped like it
  std::optional<std::size_t> activation = {};  ///< Relu, Clip, Gelu, Swish or SwishAndSlope
  ValueId scale = kAbsent;                     ///< a constant factor of every channel at the end of a gradient
  ValueId slopes = kAbsent;                    ///< a factor of every element there
  std::optional<std::size_t> mask = {};        ///< ReluGrad or ClipGrad behind a gradient
  std::optional<std::size_t> plane_sum = {};   ///< what adds up the planes of what a chain makes
};

/// A constant matrix that a node reads as it lies, or through a Transpose.
struct ConstantMatrix {
  ValueId id;
  bool transposed;
};
std::optional<ConstantMatrix> constant_matrix(const Graph& graph, ValueId id);

class GradientFusion;

struct FusionOptions {
  bool gates = true;  ///< otherwise a Mul before a convolution stays by itself
  /// Which convolutions and gradients of them take up what follows beyond the usual; none do without.
  const GradientFusion* gradients = nullptr;
};

/// Partition of the nodes into groups, ordered so that a group comes after everything that it reads.
std::vector<Group> fuse(const Graph& graph, const FusionOptions& options);

}  // namespace limn
