#pragma once
// From a method's raw numbers to a heatmap at the network's input and a box on the photo.

#include <optional>

#include "limn/explain.h"
#include "limn/geometry.h"
#include "limn/heatmap.h"

namespace limn::cli {

struct RenderedMap {
  Heatmap heatmap;                 ///< [H, W] of the input, in [0, 1]
  float raw_min = 0, raw_max = 0;  ///< of the raw output
  bool degenerate = false;
  std::optional<Box> box;  ///< of the largest region above 15 % of the maximum; original pixels, whole numbers
};

/// A CAM is upsampled to the input and normalised; an attribution becomes the maximum over channels of |g|,
/// normalised.
RenderedMap render(const RawMap&, const Geometry&, Upsampling);

/// The box with its edges on whole pixels, at least one pixel wide and high, inside the original image.
Box on_whole_pixels(const Box&, const Geometry&);

}  // namespace limn::cli
