#pragma once
// Whether heat lies where radiologists marked a finding (the study's experiment on ChestX-ray14).

#include <memory>

#include "limn/study/experiment.h"

namespace limn {

/// Every box of a finding is a case. Columns: for each threshold of t %, `share_T`, the share of the pixels above t
/// % of the map's range that lie in the box, as a mean over the image's boxes (0 for a map without a range);
/// `energy`, the share of positive heat in the box, as a mean; `hits`, boxes that the map's box at half of its
/// maximum localizes; `degenerate`, maps without a range; `cases`, a list with [class, part of the input that the
/// box covers, iou, hit, energy or null, [share, ...], [pixels above, ...]] of every box. The map's box
/// is that of ExperimentOptions::box. As published, boxes are cut to whole pixels, and the share of a map without a
/// range is that of the box in the whole input.
std::unique_ptr<const Experiment> make_xray(const ExperimentOptions&);

}  // namespace limn
