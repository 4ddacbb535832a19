#pragma once
// Antialiased bilinear resampling of 8-bit pictures, of a part of the result only.

#include <cstdint>
#include <span>
#include <vector>

#include "limn/image.h"

namespace limn {

/// A picture of `channels` interleaved bytes a pixel, without gaps; not owned.
struct PixelView {
  const std::uint8_t* data = nullptr;
  int width = 0, height = 0;
  int channels = 3;  ///< 1 or 3

  const std::uint8_t* row(int y) const {
    return data +
           static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  }
};

/// One axis of a resize: which source pixels an output pixel mixes, and how much of each. All mix equally many, so
/// that loops over them are foreseen; those that need fewer have weights of 0.
struct AxisWeights {
  int taps = 0;                       ///< source pixels of each output pixel
  std::vector<int> first;             ///< of each output pixel: its first source pixel, rising
  std::vector<std::int32_t> weights;  ///< [outputs, taps], fixed point with 22 bits
};

/// Weights of output pixels [begin, begin + outputs) when `in` pixels become `out`: a triangle as wide as the
/// step between output pixels, at least two source pixels wide.
AxisWeights axis_weights(int in, std::int64_t out, std::int64_t begin, int outputs);

/// The window [left, left + width) x [top, top + height) of the picture resized to full_width x full_height,
/// equal to resizing all of it and cutting the window out. The full sizes may be far larger than memory.
struct ResizeWindow {
  std::int64_t full_width = 0, full_height = 0;
  std::int64_t left = 0, top = 0;
  int width = 0, height = 0;
};
std::vector<std::uint8_t> resample(const PixelView&, const ResizeWindow&);

}  // namespace limn
