#pragma once
// Methods compared with each other and with controls, image by image.

#include <span>
#include <string>

#include "limn/study/experiment.h"

namespace limn {

/// By successes: every method against the control that does best, by McNemar's exact test. By scores: also every
/// method against every other, by Wilcoxon's signed ranks, with the paired t and flipped signs beside; images where
/// a score is undefined are left out of a pair. p values are corrected by Holm's method over the list.
Json comparisons(RowStore&, const Primary&, std::span<const std::string> methods,
                 std::span<const std::string> controls, std::uint64_t seed);

}  // namespace limn
