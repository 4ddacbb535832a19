#pragma once
// Which nodes of a graph become one step.

#include <cstddef>
#include <optional>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// Nodes that are computed together, in order; what they pass on to each other exists nowhere in memory.
/// - A convolution (or dense layer) with what follows it: an added residual, a rectifier.
/// - A chain of operators that work element by element on equally shaped values.
/// - Any other node alone.
struct Group {
  enum class Kind { single, convolution, dense, chain };
  Kind kind = Kind::single;
  std::vector<std::size_t> nodes;
  ValueId residual = kAbsent;            ///< what a convolution adds to its result
  std::optional<std::size_t> rectifier;  ///< the Relu or Clip at the end of a convolution or dense layer
};

/// Partition of the nodes into groups, ordered so that a group comes after everything that it reads.
std::vector<Group> fuse(const Graph& graph);

}  // namespace limn
