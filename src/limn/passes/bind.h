#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "limn/graph.h"

namespace limn {

/// What becomes of symbolic sizes that are not named.
enum class Unnamed { one, keep };

/// The graph for concrete sizes: symbolic sizes of the inputs are replaced by `symbols`, every
/// type is inferred again, and what follows from constants and known shapes becomes constant. Large constants are
/// not transposed or expanded here; programs do better by reading them as they are.
/// Throws Error{unsupported} for an input without shape, Error{bad_input} for a size that is not positive.
LIMN_API Graph bind(const Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                    Unnamed unnamed = Unnamed::one);

/// The graph for batches of that many images: binds what the inputs call their first size, where it is a symbol
/// that stands for no other size of theirs. The graph itself where there is none, or an input without shape.
LIMN_API Graph with_batch(const Graph& graph, std::int64_t images);

}  // namespace limn
