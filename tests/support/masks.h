#pragma once
// Masks written out pixel by pixel.

#include <utility>
#include <vector>

#include "limn/mask.h"

namespace limn {

inline constexpr auto kObject = MaskPixel::object, kGround = MaskPixel::background, kIgnored = MaskPixel::ignored;

inline Mask mask_of(int width, int height, std::vector<MaskPixel> pixels) {
  Mask mask(width, height);
  mask.pixels = std::move(pixels);
  return mask;
}

}  // namespace limn
