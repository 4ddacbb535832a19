#pragma once
// Which elements a window sees on one axis, and which windows see an element: what kernels that compute results one
// by one, of pools and depthwise convolutions and of their gradients, read.

#include <vector>

#include "limn/ops/window.h"

namespace limn {

/// What a result is made of: `count` places of what is read, evenly apart, the first of which it sees through tap
/// `tap`. Of a window its elements, of an element the windows that it lies in.
struct Place {
  std::int64_t first = 0, tap = 0, count = 0;
};

/// What all results of an axis are made of.
struct Places {
  std::vector<Place> of;         ///< of each result
  std::int64_t step, taps_step;  ///< from one place of a result to the next, in places and in taps
  std::int64_t read;             ///< length of the axis that is read
  std::int64_t phases;           ///< every so-manieth result may see the same taps
};
/// The elements of each window. Neighbouring taps of the axis count as `apart` taps.
Places elements_of_windows(const WindowAxis& axis, std::int64_t apart = 1);
/// The windows that each element lies in.
Places windows_of_elements(const WindowAxis& axis, std::int64_t apart = 1);

/// Results `to_step` apart that see their places through the same taps, those places being `first_step` apart.
struct PlaceRun {
  std::int64_t to = 0, to_step = 1, results = 1;
  Place place;  ///< of the first result
  std::int64_t first_step = 0;
};
/// All results in as few runs.
std::vector<PlaceRun> runs_of(const Places& places);

}  // namespace limn
