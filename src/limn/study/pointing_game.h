#pragma once
// The pointing game (Zhang et al. 2016): does the hottest pixel lie on the object?

#include <memory>

#include "limn/study/experiment.h"

namespace limn {

/// Columns: `pairs` of the image and a true class, `hits` among them, `near_hits` with the tolerance; `all_hit`, no
/// pair was missed; `predicted_hit`, the most probable class is true and its map points at it; `x`, `y` of the
/// first class's hottest pixel; `energy` inside the boxes, the mean over true classes; `degenerate`, how many maps
/// were constant; `cells`, for each of the five most probable classes [true, hit, maximum of the map].
std::unique_ptr<const Experiment> make_pointing_game(const ExperimentOptions&);

}  // namespace limn
