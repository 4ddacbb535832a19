#pragma once
// Where network-input pixels lie on the original image. One convention everywhere: pixel i of a row covers
// [i, i + 1), boxes are half-open, x runs to the right and y downwards.

#include <optional>

#include "limn/export.h"

namespace limn {

/// A half-open rectangle [x0, x1) x [y0, y1) in pixels.
struct Box {
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;

  double width() const { return x1 - x0; }
  double height() const { return y1 - y0; }
  bool operator==(const Box&) const = default;
};

/// The affine map between the network's input and the original image (after its EXIF orientation was applied):
/// original = offset + scale * input, along each axis.
struct LIMN_API Geometry {
  int original_width = 0, original_height = 0;
  int input_width = 0, input_height = 0;
  double scale_x = 1, scale_y = 1;    ///< original pixels per input pixel
  double offset_x = 0, offset_y = 0;  ///< where the input's left and top edges lie on the original

  double to_original_x(double x) const { return offset_x + scale_x * x; }
  double to_original_y(double y) const { return offset_y + scale_y * y; }
  double to_input_x(double x) const { return (x - offset_x) / scale_x; }
  double to_input_y(double y) const { return (y - offset_y) / scale_y; }

  /// A box in input pixels as a box in original pixels, clipped to the original image.
  Box to_original(const Box&) const;
  /// A box in original pixels as a box in input pixels, clipped to the input; nothing when no part is inside.
  std::optional<Box> to_input(const Box&) const;
  bool operator==(const Geometry&) const = default;
};

/// The map of an input that is the image itself, pixel for pixel.
LIMN_API Geometry identity_geometry(int width, int height);

}  // namespace limn
