#pragma once
// Comparison methods that look neither at the image nor at the network: what a method has to beat.

#include <cstdint>
#include <string_view>

#include "limn/heatmap.h"

namespace limn {

/// Maps of the size of the network's input:
///   whole-image       full heat everywhere
///   centre-box        a rectangle of 180/224 of either side in the middle
///   centre-point      one pixel in the middle
///   centred-gaussian  deviation a fifth of either side
///   random-map        14 x 14 uniform numbers, grown bilinearly; `key` decides them
/// Throws Error{not_found} for another name.
Heatmap control_map(std::string_view name, int width, int height, std::uint64_t key);

/// Whether the map depends on the key.
bool control_is_drawn(std::string_view name);

}  // namespace limn
