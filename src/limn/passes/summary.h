#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// What `limn inspect` tells of a network as a whole.
struct Summary {
  std::vector<std::pair<std::string, std::size_t>> operators;  ///< how often each occurs, most frequent first
  std::int64_t parameters = 0;  ///< elements of the float tensors that nodes read, scalars apart
  /// Multiplications with addition that one image takes in convolutions, dense layers and matrix products; nothing
  /// when a size is unknown (height and width left open).
  std::optional<std::int64_t> multiply_adds;
};

/// `graph` as imported. Its batch, the first size of its inputs, counts as 1 where it is a symbol.
LIMN_API Summary summarize(const Graph& graph);

}  // namespace limn
