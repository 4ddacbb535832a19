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

/// The elements of each window. Neighbouring taps of the axis count as `apart` taps.
std::vector<Place> elements_of_windows(const WindowAxis& axis, std::int64_t apart);
/// The windows that each element lies in.
std::vector<Place> windows_of_elements(const WindowAxis& axis, std::int64_t apart);

/// From one place of a result to the next.
struct PlaceStep {
  std::int64_t places, taps;
};
PlaceStep step_of_elements(const WindowAxis& axis);
PlaceStep step_of_windows(const WindowAxis& axis);

/// Results `to_step` apart that see their places through the same taps, those places being `first_step` apart.
struct PlaceRun {
  std::int64_t to = 0, to_step = 1, results = 1;
  Place place;  ///< of the first result
  std::int64_t first_step = 0;
};
/// All results in as few runs. Every `phases`-th may see the same taps.
std::vector<PlaceRun> runs_of(const std::vector<Place>& places, std::int64_t phases);

}  // namespace limn
