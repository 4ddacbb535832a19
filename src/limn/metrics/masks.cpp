// Precision and recall of the pixels of heatmaps.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "limn/error.h"
#include "limn/metrics.h"

namespace limn {
namespace {

/// The last k with k / bins <= score, the edges rounded as multiples of the width.
std::size_t bin_of(double score, std::size_t bins) {
  const double width = 1.0 / static_cast<double>(bins);
  const auto edge = [&](std::size_t k) { return k == bins ? 1.0 : static_cast<double>(k) * width; };
  auto k = static_cast<std::size_t>(score * static_cast<double>(bins));
  while (k > 0 && score < edge(k)) --k;
  while (k < bins && score >= edge(k + 1)) ++k;
  return k;
}

}  // namespace

PixelCounts::PixelCounts(std::size_t bins) : object(bins + 1), background(bins + 1) {
  if (bins == 0) throw Error(ErrorCode::bad_input, "pixels cannot be counted by no bins");
}

void PixelCounts::add(const Heatmap& scores, const Mask& mask) {
  if (scores.width != mask.width || scores.height != mask.height)
    throw Error(ErrorCode::bad_input, fmt::format("a map of {}x{} pixels has a mask of {}x{}", scores.width,
                                                  scores.height, mask.width, mask.height));
  for (std::size_t i = 0; i < mask.pixels.size(); ++i) {
    const double score = scores.values[i];
    if (!(score >= 0 && score <= 1))
      throw Error(ErrorCode::bad_input, fmt::format("the score {} of a pixel is not between 0 and 1", score));
    if (mask.pixels[i] == MaskPixel::ignored) continue;
    auto& counts = mask.pixels[i] == MaskPixel::object ? object : background;
    ++counts[bin_of(score, counts.size() - 1)];
  }
}

void PixelCounts::add(const PixelCounts& more) {
  if (more.object.size() != object.size() || more.background.size() != background.size())
    throw Error(ErrorCode::bad_input, "pixels counted by different bins cannot be added");
  std::ranges::transform(object, more.object, object.begin(), std::plus<>());
  std::ranges::transform(background, more.background, background.begin(), std::plus<>());
}

std::vector<PrecisionRecall> precision_recall(const PixelCounts& counts) {
  std::int64_t objects = 0;
  for (const std::int64_t n : counts.object) objects += n;
  std::vector<PrecisionRecall> curve;
  if (objects == 0) return curve;
  const std::size_t bins = counts.object.size() - 1;
  std::int64_t found = 0, all = 0;
  for (std::size_t k = bins + 1; k-- > 0;) {
    found += counts.object[k];
    all += counts.object[k] + counts.background[k];
    if (all == 0) continue;
    curve.push_back({static_cast<double>(k) / static_cast<double>(bins),
                     static_cast<double>(found) / static_cast<double>(all),
                     static_cast<double>(found) / static_cast<double>(objects)});
  }
  return curve;
}

std::optional<double> pixel_average_precision(const PixelCounts& counts) {
  const auto curve = precision_recall(counts);
  if (curve.empty()) return std::nullopt;
  double area = 0, before = 0;
  for (const auto& point : curve) {
    area += point.precision * (point.recall - before);
    before = point.recall;
  }
  return area;
}

}  // namespace limn
