#pragma once
// The attributes of limn::Overlay(map [1 or N, C, H, W], window [1 or N, C, h, w], places [N, rows, 2]): a crop
// [N, C, size] of each image's map with the window laid over it. places[n, r] are a row and a column of the map.

#include <cstdint>

#include "limn/graph.h"

namespace limn {

struct OverlayRows {
  std::int64_t window = -1, crop = -1;  ///< the row of places where each begins; -1 for the map's first element
  double outside = 0;                   ///< what the crop holds beyond the map

  static OverlayRows read(const Node& node);
};

}  // namespace limn
