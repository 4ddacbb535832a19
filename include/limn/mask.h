#pragma once
// Which pixels of a picture show an object, as people outlined it.

#include <cstdint>
#include <vector>

#include "limn/export.h"
#include "limn/geometry.h"

namespace limn {

/// In the order of precedence: what covers a pixel twice is the larger.
enum class MaskPixel : std::uint8_t {
  background,
  ignored,  ///< nobody says whether the object is here
  object
};

/// A pixel for each of a picture, `pixels` is [height, width].
struct LIMN_API Mask {
  int width = 0, height = 0;
  std::vector<MaskPixel> pixels;

  Mask() = default;
  /// All background. Throws Error{bad_input} unless both sizes are positive, Error{limit} above 256 megapixels.
  Mask(int width, int height);

  MaskPixel& at(int x, int y) { return pixels[static_cast<std::size_t>(y) * width + x]; }
  MaskPixel at(int x, int y) const { return pixels[static_cast<std::size_t>(y) * width + x]; }
  /// Covers each pixel with that of another mask of the same size, where that is larger.
  void cover(const Mask&);
  bool operator==(const Mask&) const = default;
};

/// The mask of the original image in pixels of the network's input, by resize and crop: of n pixels that become m,
/// pixel i of the resized image is pixel floor(i * n / m). The mask may be of a picture of another size, as long as
/// the proportions are the same within a pixel; throws Error{bad_input} otherwise.
LIMN_API Mask to_input(const Mask&, const Geometry&);

}  // namespace limn
