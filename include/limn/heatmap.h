#pragma once
// Float maps and what is done to them between a method's raw output and a picture: upsampling, normalisation,
// the box of the largest region. Pure functions of numbers.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "limn/error.h"
#include "limn/export.h"
#include "limn/geometry.h"

namespace limn {

/// A float map, `values` is [height, width].
struct LIMN_API Heatmap {
  int width = 0, height = 0;
  std::vector<float> values;

  Heatmap() = default;
  /// All zero. Throws Error{bad_input} unless both sizes are positive.
  Heatmap(int width, int height);
  /// Copies height * width values; throws Error{bad_input} when there are not so many.
  Heatmap(int width, int height, std::span<const float> values);

  float& at(int x, int y) { return values[static_cast<std::size_t>(y) * width + x]; }
  float at(int x, int y) const { return values[static_cast<std::size_t>(y) * width + x]; }
  bool operator==(const Heatmap&) const = default;
};

/// Throws Error{bad_input} when a value is NaN or infinite; `name` says of what, e.g. "the Grad-CAM map".
LIMN_API void check_finite(std::span<const float> values, std::string_view name);

/// How a map grows to the size of the network's input; all with half-pixel centres (align_corners = false).
enum class Upsampling {
  bilinear,
  nearest,  ///< source index floor(i * in / out)
  bicubic   ///< Keys kernel with a = -0.75, borders repeated; overshoots the range of the map
};
/// "bilinear", "nearest", "bicubic"; Error{bad_input} otherwise.
LIMN_API Upsampling parse_upsampling(std::string_view text);
LIMN_API std::string_view name_of(Upsampling);

/// The map at another size. No antialiasing: meant for growing. Throws Error{bad_input} for sizes below 1.
LIMN_API Heatmap upsample(const Heatmap&, int width, int height, Upsampling = Upsampling::bilinear);

struct NormalisedHeatmap {
  Heatmap heatmap;                 ///< in [0, 1]; all zero when degenerate
  float raw_min = 0, raw_max = 0;  ///< of the map before
  bool degenerate = false;         ///< the map was constant: max - min <= 1e-12 * max(1, |max|)
};
/// Guarded min-max: t = map - min, then t / max t unless the map is degenerate. Throws Error{bad_input} when
/// a value is not finite; `name` says of what.
LIMN_API NormalisedHeatmap normalise(Heatmap, std::string_view name = "the heatmap");

/// max over channels of |g| for an attribution g [channels, height, width]. Throws Error{bad_input} when a value
/// is not finite or their number is wrong.
LIMN_API Heatmap max_abs_over_channels(std::span<const float> attribution, int channels, int height, int width);

/// The pixel with the largest value, the first in row-major order.
struct Peak {
  int x = 0, y = 0;
  float value = 0;
};
LIMN_API Peak peak(const Heatmap&);

/// An 8-connected set of pixels.
struct Region {
  Box box;  ///< bounding, half-open, in heatmap pixels
  std::int64_t pixels = 0;
  double heat = 0;  ///< the sum of its values
};
/// The regions of values above `threshold`, by their first pixels in row-major order.
LIMN_API std::vector<Region> regions_above(const Heatmap&, double threshold);
/// More pixels; of equally many the larger mean, then the smaller y, then the smaller x of the box.
LIMN_API bool is_larger(const Region&, const Region&);

/// The bounding box, in heatmap pixels, of the largest region, see is_larger(), of values above `fraction`
/// of the maximum. Nothing when no value is positive.
LIMN_API std::optional<Box> largest_box(const Heatmap&, double fraction = 0.15);

}  // namespace limn
