#pragma once

#include <span>
#include <string>

#include "limn/graph.h"

namespace limn {

/// Where only a few positions of an axis go on, as the class token of a transformer, they are selected as early as
/// rows do not depend on each other: dense layers, normalisations and the queries of the last attention then
/// compute the rows that somebody reads, and so do their derivatives. A selection is a Gather or Slice of
/// neighbouring positions, at most a quarter of an axis, whose numbers are constants. Values named in `keep` stay
/// whole, and so does what several nodes read differently. Sizes that matter must be known (see with_batch); the
/// graph itself is returned where no product or normalisation would become smaller.
LIMN_API Graph select_early(const Graph& graph, std::span<const std::string> keep = {});

}  // namespace limn
