#pragma once
// Interpolation along one axis as a sparse matrix: which inputs each output reads, and with what weights. Resize
// and its gradient apply it axis by axis.

#include <cstdint>
#include <string>
#include <vector>

#include "limn/graph.h"

namespace limn {

enum class Filter { nearest, linear, cubic };
enum class Coordinates {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  align_corners,
  asymmetric,
  tf_half_pixel_for_nn,
  tf_crop_and_resize,
};
enum class Nearest { round_prefer_floor, round_prefer_ceil, floor, ceil };

/// What Resize's attributes say about interpolation.
struct Interpolation {
  Filter filter = Filter::nearest;
  Coordinates coordinates = Coordinates::half_pixel;
  Nearest nearest = Nearest::round_prefer_floor;
  bool antialias = false, exclude_outside = false;
  double cubic_a = -0.75;
  float extrapolation = 0;

  /// Throws Error{bad_input} for modes that ONNX does not know.
  static Interpolation read(const Node& node);
};

/// One axis: `in` elements become `out`. `length` is in times the scale; it need not be whole. The outputs cover
/// the part [begin, end] of the input, in shares of it, for tf_crop_and_resize alone.
struct AxisScale {
  std::int64_t in = 1, out = 1;
  double length = 1, begin = 0, end = 1;

  bool unchanged() const { return in == out && length == static_cast<double>(in) && begin == 0 && end == 1; }
};

/// The matrix [out, in], by rows: output o is the sum of weight[k] * input[index[k]] over first[o] <= k < first[o +
/// 1]. The weights are held in float, so that a constant matrix in a graph says the same. A row that lies outside
/// the input (tf_crop_and_resize) is empty.
struct Taps {
  std::vector<std::size_t> first{0};
  std::vector<std::int64_t> index;
  std::vector<float> weight;

  std::size_t rows() const { return first.size() - 1; }
  bool empty(std::size_t row) const { return first[row] == first[row + 1]; }
};
Taps taps_of(const Interpolation& how, const AxisScale& axis);

/// The same as a tensor [out, in].
Tensor matrix_of(const Interpolation& how, const AxisScale& axis);
/// Linear interpolation with half-pixel centres (align_corners = false) from `in` to `out` elements, [out, in].
Tensor linear_matrix(std::int64_t in, std::int64_t out);

}  // namespace limn
