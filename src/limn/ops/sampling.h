#pragma once
// What GridSample and its derivative share.

#include <vector>

#include "limn/ops/op.h"

namespace limn {

struct Sampling {
  enum class Mode { bilinear, nearest, bicubic };
  enum class Padding { zeros, border, reflection };

  Mode mode = Mode::bilinear;
  Padding padding = Padding::zeros;
  bool align_corners = false;

  /// Throws Error{bad_input} for other words than ONNX's.
  static Sampling read(const Node& node);
  /// Where reflection turns round on an axis of n elements, and what lies in the padding begins.
  double low() const { return align_corners ? 0 : -0.5; }
  double high(std::int64_t n) const { return static_cast<double>(n) - (align_corners ? 1 : 0.5); }
};

/// Cotangents of the images and of the grid, through the elements around each place.
std::vector<Value> grid_sample_vjp(const VjpContext& c);

}  // namespace limn
