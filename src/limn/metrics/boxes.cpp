#include <algorithm>
#include <ranges>

#include "limn/metrics.h"

namespace limn {
namespace {

/// Both kinds of areas: `extra` is what a side is longer than the difference of its edges.
double overlap(const Box& a, const Box& b, double extra) {
  const auto area = [&](double width, double height) { return std::max(width, 0.0) * std::max(height, 0.0); };
  const double both = area(std::min(a.x1, b.x1) - std::max(a.x0, b.x0) + extra,
                           std::min(a.y1, b.y1) - std::max(a.y0, b.y0) + extra);
  const double either =
      area(a.width() + extra, a.height() + extra) + area(b.width() + extra, b.height() + extra) - both;
  return either > 0 ? both / either : 0;
}

double area_of(const Region& region) { return region.box.width() * region.box.height(); }

}  // namespace

double iou(const Box& a, const Box& b) { return overlap(a, b, 0); }
double iou_inclusive(const Box& a, const Box& b) { return overlap(a, b, 1); }

double best_iou(const Box& box, std::span<const Box> truths) {
  double best = 0;
  for (const Box& truth : truths) best = std::max(best, iou(box, truth));
  return best;
}

std::optional<Box> predicted_box(const Heatmap& map, double fraction, RegionRule rule) {
  if (rule == RegionRule::pixels) return largest_box(map, fraction);
  const float maximum = peak(map).value;
  if (maximum <= 0) return std::nullopt;
  const auto regions = regions_above(map, fraction * maximum);
  if (regions.empty()) return std::nullopt;
  return std::ranges::max_element(regions | std::views::reverse, {}, area_of)->box;
}

double localization_bar(const Box& truth) {
  constexpr double kSlack = 10, kMost = 0.5;
  const double m = truth.width(), n = truth.height();
  return std::min(kMost, m * n / ((m + kSlack) * (n + kSlack)));
}

bool localizes(const Box& predicted, std::span<const Box> truths) {
  return std::ranges::any_of(truths, [&](const Box& t) { return iou(predicted, t) >= localization_bar(t); });
}

}  // namespace limn
