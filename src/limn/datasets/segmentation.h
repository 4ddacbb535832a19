#pragma once
// Masks as COCO writes them: polygons, or the lengths of runs of equal pixels.

#include <string>

#include "limn/image/json.h"
#include "limn/mask.h"

namespace limn {

/// The mask of one object in a picture of width x height pixels, its pixels being `value`. Polygons are [[x0, y0,
/// x1, y1, ...], ...] and cover the pixels whose centres lie inside, an odd number of times where one crosses
/// itself; runs are {"size": [height, width], "counts": [...]}, column by column and background first, or the same
/// counts as a string of COCO's. Throws Error{bad_input} naming `where` for anything that cannot be right.
Mask read_segmentation(const Json&, int width, int height, MaskPixel value, const std::string& where);

}  // namespace limn
