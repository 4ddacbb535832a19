#pragma once
// Weakly supervised localization: a box around the heat, against the boxes that people drew.

#include <cstdint>
#include <memory>
#include <vector>

#include "limn/study/experiment.h"

namespace limn {

/// The IoUs of a curve are whole numbers of this part.
inline constexpr double kCurveUnit = 50'000;
std::vector<double> unpacked_curve(const std::vector<std::uint16_t>&);

/// Columns, for each threshold of t % and each of kRegionRules: `known_RULE_T`, a map of a true class localizes a
/// box of its class; `top1_RULE_T` and `top5_RULE_T`, the same for true classes that are predicted; `iou_RULE_T`,
/// the best IoU. Then `box`, drawn by ExperimentOptions::box at the first threshold; `degenerate`, how many maps
/// were constant; `curve_largest`, `curve_any`, the IoU at 0, .01, ... .99 in parts of 50,000, rounded down;
/// `pixels`, how many pixels on objects, and how many beside them, have a score from 0, .01, ... .99 and 1 on, as
/// JSON; nothing where the image has no mask.
std::unique_ptr<const Experiment> make_localization(const ExperimentOptions&);

}  // namespace limn
