#pragma once
// Do heatmaps rank places as occlusion does (Selvaraju et al. 2017, section 4.2)?

#include <memory>

#include "limn/study/experiment.h"

namespace limn {

/// The rules of an occlusion map as a manifest says them, and back.
Json rules_json(const OcclusionRules&);
OcclusionRules rules_from(const Json&);

/// Columns: `spearman` and `argsort`, the correlation of a map with the occlusion map of the image's first true
/// class, both shrunk to 14 x 14 (or to the positions of the patch, where there are fewer): of average ranks, and
/// of the orders that sort each; nothing where a map is constant. `drop`, how much the class loses under the worst
/// patch.
std::unique_ptr<const Experiment> make_occlusion(const ExperimentOptions&);

}  // namespace limn
