#pragma once
// Pictures for compiled models that take some.

#include <random>
#include <utility>
#include <vector>

#include "limn/image.h"
#include "limn/tensor.h"

namespace limn::test {

/// Noise over broad steps, so that neither flat places nor edges are missing.
inline Image picture(int width, int height, unsigned seed) {
  std::mt19937 random(seed);
  Image image(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < 3 * width; ++x) {
      const unsigned ground = (static_cast<unsigned>(x / 24) * 97 + static_cast<unsigned>(y / 8) * 61) % 256;
      image.row(y)[x] = static_cast<std::uint8_t>(random() % 3 == 0 ? random() % 256 : ground);
    }
  return image;
}

/// One tensor [N, H, W, 3] of pictures of one size.
inline Tensor stacked(const std::vector<Image>& pictures) {
  std::vector<std::uint8_t> bytes;
  for (const Image& p : pictures) bytes.insert(bytes.end(), p.pixels.begin(), p.pixels.end());
  return Tensor::of<std::uint8_t>(
      {static_cast<std::int64_t>(pictures.size()), pictures[0].height, pictures[0].width, 3},
      std::span(std::as_const(bytes)));
}

}  // namespace limn::test
