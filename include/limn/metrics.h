#pragma once
// Measures of how well a heatmap agrees with the boxes and masks that people drew, and with another map. Pure
// functions, all in the pixels of one picture; a measure that may be undefined is optional.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "limn/export.h"
#include "limn/geometry.h"
#include "limn/heatmap.h"
#include "limn/mask.h"

namespace limn {

// ---- Boxes

/// Intersection over union of half-open boxes; 0 for boxes without area.
LIMN_API double iou(const Box&, const Box&);
/// The same of boxes whose right and bottom edges are the last pixels inside: sizes are x1 - x0 + 1.
LIMN_API double iou_inclusive(const Box&, const Box&);
/// The largest iou() with any of the truths; 0 without any.
LIMN_API double best_iou(const Box&, std::span<const Box> truths);

/// The outer border of an 8-connected region.
struct Contour {
  Box box;          ///< bounding its pixels, half-open, in heatmap pixels
  double area = 0;  ///< within the polygon through the centres of its pixels: 4 for 3 x 3 pixels, 0 for a line
  friend bool operator==(const Contour&, const Contour&) = default;
};
/// Of the values above `threshold`, but for regions in holes of others; from the last to the first by their first
/// pixels in row-major order. As cv::findContours with RETR_EXTERNAL, and cv::contourArea. Throws Error{bad_input}
/// for values that are not finite.
LIMN_API std::vector<Contour> outer_contours(const Heatmap&, double threshold);

/// Which region of a thresholded map its box is drawn around.
enum class RegionRule {
  region,     ///< most pixels, see is_larger()
  rectangle,  ///< largest bounding rectangle
  contour     ///< largest Contour::area
};
inline constexpr std::array kRegionRules{RegionRule::region, RegionRule::rectangle, RegionRule::contour};
/// "region", "rectangle" or "contour"; Error{bad_input} otherwise.
LIMN_API RegionRule parse_region_rule(std::string_view text);
LIMN_API std::string_view name_of(RegionRule);

/// By each of kRegionRules the box of the values above `fraction` of the maximum; nothing when no value is
/// positive. Of equal rectangles, and of equal contours, the last counts whose first pixel comes in row-major
/// order; a region in a hole of another has no outer border of its own (OpenCV, cv::RETR_EXTERNAL).
LIMN_API std::array<std::optional<Box>, kRegionRules.size()> predicted_boxes(const Heatmap&, double fraction);
/// One of them.
LIMN_API std::optional<Box> predicted_box(const Heatmap&, double fraction, RegionRule);

/// What the IoU with a truth of m x n pixels has to reach: min(0.5, mn / ((m + 10)(n + 10))) (Russakovsky et al.
/// 2015).
LIMN_API double localization_bar(const Box& truth);
/// Whether the IoU with any truth reaches that truth's bar.
LIMN_API bool localizes(const Box& predicted, std::span<const Box> truths);

// ---- Boxes at every threshold (Choe et al. 2020, arXiv 2001.07437)

/// 0, .01, ... .99 of the maximum.
LIMN_API std::span<const double> sweep_fractions();

/// The best IoU of a map's boxes with the truths at each of the sweep_fractions().
struct BoxCurve {
  std::vector<double> largest;  ///< of the box of the largest region (MaxBoxAcc)
  std::vector<double> any;      ///< of the best box of all regions (MaxBoxAccV2)
};
LIMN_API BoxCurve box_curve(const Heatmap&, std::span<const Box> truths);

/// The boxes themselves, of a map that many truths are held against. A box is there at neighbouring thresholds: the
/// regions above a threshold that falls grow, and are united.
struct BoxSweep {
  struct Entry {
    Box box;
    int from, to;  ///< indices of the sweep_fractions(), half-open
  };
  std::vector<Entry> boxes;
  std::vector<int> largest;  ///< by threshold the index of the largest region's box; -1 where there is none
};
LIMN_API BoxSweep box_sweep(const Heatmap&);
LIMN_API BoxCurve box_curve(const BoxSweep&, std::span<const Box> truths);

/// The share of images with an IoU of at least `bar` at each threshold; all curves of one length.
LIMN_API std::vector<double> box_accuracy(std::span<const std::vector<double>> curves, double bar);
/// Its maximum over the thresholds.
LIMN_API double max_box_accuracy(std::span<const std::vector<double>> curves, double bar = 0.5);
/// The mean of the maxima at the bars .3, .5 and .7.
LIMN_API double max_box_accuracy_v2(std::span<const std::vector<double>> curves);
/// The index of the lowest maximum of the curve smoothed by a mean over five points: the threshold to carry over to
/// other images.
LIMN_API std::size_t calibrated_index(std::span<const double> accuracy);

// ---- The pointing game (Zhang et al. 2016, arXiv 1608.00507)

/// Which points of a box count as inside.
enum class Bounds {
  half_open,  ///< x0 <= x + .5 < x1: the centre of the pixel lies in the box
  closed      ///< x0 <= x <= x1
};
/// Whether the pixel lies in a box, or at most `tolerance` pixels from one.
LIMN_API bool points_at(int x, int y, std::span<const Box> truths, Bounds = Bounds::half_open,
                        double tolerance = 0);

/// The share of the positive heat that lies on pixels whose centres are in a box (Wang et al. 2020, arXiv
/// 1910.01279); undefined for a map without positive heat.
LIMN_API std::optional<double> energy_inside(const Heatmap&, std::span<const Box> truths);

/// Pixels of a map above a fraction of its range, negative values taken for 0, and those of them in the box.
struct ActivatedPixels {
  std::int64_t all = 0;     ///< 0 for a map without a range
  std::int64_t inside = 0;  ///< by the centres of pixels
};
/// Counts values v with (v - low) / (high - low) above `fraction`.
LIMN_API ActivatedPixels activated_pixels(const Heatmap&, double fraction, const Box&);

/// One predicted class of an image in the pointing game with rejection.
struct PointingCell {
  bool good = false;   ///< the class is one of the image's
  bool hit = false;    ///< and its map points into a box of the class
  double maximum = 0;  ///< of its map, not rescaled
};
struct RejectionScores {
  double agreement = 0;             ///< hits accepted and wrong classes rejected, among all cells
  std::optional<double> recall;     ///< hits accepted among good cells
  std::optional<double> precision;  ///< hits among accepted cells
};
/// Maps are accepted from a maximum of `threshold` on. Undefined agreement (no cells) is 0.
LIMN_API RejectionScores with_rejection(std::span<const PointingCell>, double threshold);

// ---- Masks (Choe et al. 2020)

/// How many pixels of each score lie on objects and beside them, over any number of images: what precision and
/// recall at the thresholds 0, 1/bins, ... 1 are made of. Sums are exact, in whatever order they are made.
struct LIMN_API PixelCounts {
  std::vector<std::int64_t> object, background;  ///< [bins + 1]: k / bins <= score < (k + 1) / bins; the last: 1

  /// Throws Error{bad_input} for no bins.
  explicit PixelCounts(std::size_t bins);
  /// Counts each pixel of a map of [0, 1] by the mask, but for ignored ones. Throws Error{bad_input} for other
  /// scores, or for a mask of another size.
  void add(const Heatmap& scores, const Mask&);
  /// Throws Error{bad_input} for other bins.
  void add(const PixelCounts&);
  bool operator==(const PixelCounts&) const = default;
};

struct PrecisionRecall {
  double threshold = 0;
  double precision = 0;  ///< of the pixels with at least this score, the share on objects
  double recall = 0;     ///< of the pixels on objects, the share with at least this score
};
/// From the highest threshold that any pixel reaches to 0; empty without pixels on objects.
LIMN_API std::vector<PrecisionRecall> precision_recall(const PixelCounts&);
/// PxAP, the area under that curve by steps: the sum of precision times the gain in recall. Undefined without
/// pixels on objects.
LIMN_API std::optional<double> pixel_average_precision(const PixelCounts&);

// ---- Maps compared with maps

/// The map at a smaller size, blurred first: a Gaussian of deviation (factor - 1) / 2 along each axis, mirrored at
/// the borders, then linear between its values; clipped to the range of the map. As scikit-image's resize does by
/// default. Throws Error{bad_input} for a size that is not smaller or the same.
LIMN_API Heatmap shrink(const Heatmap&, int width, int height);

}  // namespace limn
