#pragma once
// From a method's raw numbers to a map that covers the network's input.

#include "limn/explain.h"
#include "limn/heatmap.h"

namespace limn {

/// A CAM is upsampled to width x height, an attribution becomes the maximum over channels of |g|. Not rescaled.
Heatmap map_at_input(const RawMap&, int width, int height, Upsampling);

/// The heatmap, in [0, 1], as overlays show it. An attribution is a few bright pixels on a dark ground: there the
/// brightest half percent is full heat. A CAM stays as it is.
Heatmap for_display(const Heatmap&, MapKind);

}  // namespace limn
