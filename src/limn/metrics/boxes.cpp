#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "limn/error.h"
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

RegionRule parse_region_rule(std::string_view text) {
  for (const RegionRule rule : kRegionRules)
    if (text == name_of(rule)) return rule;
  throw Error(ErrorCode::bad_input, fmt::format("there is no box by '{}'", text), "--box",
              "write region, rectangle or contour");
}

std::string_view name_of(RegionRule rule) {
  switch (rule) {
    case RegionRule::region: return "region";
    case RegionRule::rectangle: return "rectangle";
    case RegionRule::contour: return "contour";
  }
  return {};
}

namespace {

/// Nothing when no value is positive.
std::optional<double> threshold_of(const Heatmap& map, double fraction) {
  const float maximum = peak(map).value;
  return maximum > 0 ? std::optional(fraction * maximum) : std::nullopt;
}

Box with_most_pixels(std::span<const Region> regions) { return std::ranges::min_element(regions, is_larger)->box; }
Box largest_rectangle(std::span<const Region> regions) {
  return std::ranges::max_element(regions | std::views::reverse, {}, area_of)->box;
}
Box largest_contour(std::span<const Contour> contours) {
  return std::ranges::max_element(contours, {}, &Contour::area)->box;
}

}  // namespace

std::array<std::optional<Box>, kRegionRules.size()> predicted_boxes(const Heatmap& map, double fraction) {
  const auto threshold = threshold_of(map, fraction);
  if (!threshold) return {};
  const auto regions = regions_above(map, *threshold);
  if (regions.empty()) return {};
  return {with_most_pixels(regions), largest_rectangle(regions), largest_contour(outer_contours(map, *threshold))};
}

std::optional<Box> predicted_box(const Heatmap& map, double fraction, RegionRule rule) {
  const auto threshold = threshold_of(map, fraction);
  if (!threshold) return std::nullopt;
  if (rule == RegionRule::contour) {
    const auto contours = outer_contours(map, *threshold);
    return contours.empty() ? std::nullopt : std::optional(largest_contour(contours));
  }
  const auto regions = regions_above(map, *threshold);
  if (regions.empty()) return std::nullopt;
  return rule == RegionRule::region ? with_most_pixels(regions) : largest_rectangle(regions);
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
