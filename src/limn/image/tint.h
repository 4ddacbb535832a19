#pragma once
// How heat colours a photo, as tables: for overlay(), and for graphs that do the same.

#include <array>

#include "limn/overlay.h"

namespace limn {

/// What the network did not see loses its colours and keeps this share of its brightness.
constexpr float kDimming = 0.6F;
/// Of red, green and blue, for the brightness that is left.
constexpr std::array<float, 3> kBrightness{0.299F, 0.587F, 0.114F};

/// What becomes of a sample p under one of 256 levels of heat: keep * p + add[channel].
struct Tint {
  float keep = 1;
  std::array<float, 3> add{};
};
using TintTable = std::array<Tint, 256>;

TintTable tint_table(Colormap colormap, float opacity);

}  // namespace limn
