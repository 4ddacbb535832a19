#pragma once
// A network under a sliding patch. A patch changes a window of the image, and of every feature map as long as
// operators keep places apart; only these windows are computed again, for many positions of the patch at a time.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "limn/graph.h"

namespace limn {

struct OccludeOptions {
  std::int64_t batch = 1;                   ///< positions computed together
  std::int64_t patch = 1;                   ///< rows and columns of the square patch
  std::vector<std::int64_t> rows, columns;  ///< where patches begin; parts beyond the image cover nothing
  /// Windows that would cover more of a feature map than this give way to the whole map. 0 computes everything for
  /// every position.
  double most_covered = 0.8;
};

struct OccludedGraph {
  /// Inputs: the network's image [1, C, H, W], `fill` [1, C, patch, patch], `places` [batch, "rows", 2]. Outputs:
  /// `logits` [1, ...] of the image as it is, `occluded` [batch, ...].
  Graph graph;
  /// What to write into `places` for a patch: places[n, r] = (starts[r][0][i], starts[r][1][j]) for the one at
  /// rows[i] and columns[j].
  std::vector<std::array<std::vector<std::int64_t>, 2>> starts;
  std::string whole_from;  ///< the first value that is computed for whole maps; empty when there is none
};

/// `network` takes `image` [N, C, H, W] and computes the value `logits` [N, ...]; its other sizes are known.
OccludedGraph occlude(const Graph& network, const std::string& image, const std::string& logits,
                      const OccludeOptions& options);

}  // namespace limn
