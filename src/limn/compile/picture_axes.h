#pragma once
// The geometry of a preprocessing as nodes of a graph, for pictures whose size is known only when the graph runs.
// Everything is an integer: places are counted in halves of pixels, so that nothing is rounded.

#include <cstdint>

#include "limn/graph.h"
#include "limn/preprocess.h"

namespace limn {

/// One axis of the picture on its way to the network; scalars of int64 unless said otherwise.
struct PictureAxis {
  Value original;        ///< pixels of the picture
  Value full;            ///< after the resize
  Value left;            ///< pixels cut away in front
  Value length;          ///< pixels that enter the network
  bool resized = false;  ///< whether `full` may differ from `original`
};
struct PictureAxes {
  PictureAxis down, across;
};

/// The axes of `picture` [N, H, W, 3]. Throws Error{bad_input} when the crop is larger than the resized picture,
/// and Error{unsupported} when that depends on the picture's shape: a graph has no way to refuse one.
PictureAxes picture_axes(Value picture, const Preprocess&);

/// Constants, and what the nodes of pictures share.
Value int64_scalar(GraphBuilder&, std::int64_t);
/// 0, 1, ... count - 1; count is a scalar.
Value counting(Value count);
/// Down and clamped to [0, 255]: x + 0.5 of a number, for bytes.
Value rounded_to_byte(Value x);

}  // namespace limn
