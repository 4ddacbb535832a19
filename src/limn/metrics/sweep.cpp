// Regions at every threshold: pixels are added from the hottest down, and a union-find keeps the regions.

#include <algorithm>
#include <array>
#include <utility>

#include "limn/metrics.h"

namespace limn {
namespace {

constexpr std::size_t kSteps = 100;

void unite(Region& into, const Region& other) {
  into.box = {std::min(into.box.x0, other.box.x0), std::min(into.box.y0, other.box.y0),
              std::max(into.box.x1, other.box.x1), std::max(into.box.y1, other.box.y1)};
  into.pixels += other.pixels;
  into.heat += other.heat;
}

}  // namespace

RegionSweep::RegionSweep(const Heatmap& map, std::span<const double> thresholds)
    : map_(map),
      steps_(thresholds.size()),
      index_(thresholds.size()),
      parent_(map.values.size(), -1),
      by_root_(map.values.size()) {
  check_finite(map.values, "the heatmap");
  for (std::size_t i = 0; i < map.values.size(); ++i) {
    const auto above = std::ranges::lower_bound(thresholds, static_cast<double>(map.values[i]));
    if (above != thresholds.begin())
      steps_[static_cast<std::size_t>(above - thresholds.begin()) - 1].push_back(static_cast<int>(i));
  }
}

bool RegionSweep::next() {
  if (index_ == 0) return false;
  for (const int pixel : steps_[--index_]) add(pixel);
  collect();
  return true;
}

int RegionSweep::root_of(int pixel) {
  while (parent_[pixel] != pixel) pixel = parent_[pixel] = parent_[parent_[pixel]];
  return pixel;
}

void RegionSweep::add(int pixel) {
  const int x = pixel % map_.width, y = pixel / map_.width;
  parent_[pixel] = pixel;
  by_root_[pixel] = {{static_cast<double>(x), static_cast<double>(y), x + 1.0, y + 1.0}, 1, map_.values[pixel]};
  roots_.push_back(pixel);
  for (int ny = std::max(y - 1, 0); ny <= std::min(y + 1, map_.height - 1); ++ny)
    for (int nx = std::max(x - 1, 0); nx <= std::min(x + 1, map_.width - 1); ++nx) {
      const int neighbour = ny * map_.width + nx;
      if (parent_[neighbour] < 0) continue;
      int a = root_of(pixel), b = root_of(neighbour);
      if (a == b) continue;
      if (by_root_[a].pixels < by_root_[b].pixels) std::swap(a, b);
      parent_[b] = a;
      unite(by_root_[a], by_root_[b]);
    }
}

void RegionSweep::collect() {
  std::erase_if(roots_, [&](int pixel) { return parent_[pixel] != pixel; });
  regions_.clear();
  for (const int root : roots_) regions_.push_back(by_root_[root]);
}

std::span<const double> sweep_fractions() {
  static const auto kFractions = [] {
    std::array<double, kSteps> fractions;
    for (std::size_t i = 0; i < kSteps; ++i) fractions[i] = static_cast<double>(i) / kSteps;
    return fractions;
  }();
  return kFractions;
}

BoxCurve box_curve(const Heatmap& map, std::span<const Box> truths) {
  BoxCurve curve{std::vector<double>(kSteps), std::vector<double>(kSteps)};
  const float maximum = peak(map).value;
  if (maximum <= 0) return curve;
  std::vector<double> thresholds;
  for (const double fraction : sweep_fractions()) thresholds.push_back(fraction * maximum);
  RegionSweep sweep(map, thresholds);
  while (sweep.next()) {
    const auto regions = sweep.regions();
    if (regions.empty()) continue;
    const std::size_t i = sweep.threshold_index();
    curve.largest[i] = best_iou(std::ranges::min_element(regions, is_larger)->box, truths);
    for (const Region& region : regions) curve.any[i] = std::max(curve.any[i], best_iou(region.box, truths));
  }
  return curve;
}

std::vector<double> box_accuracy(std::span<const std::vector<double>> curves, double bar) {
  if (curves.empty()) return {};
  std::vector<double> share(curves[0].size());
  for (const auto& curve : curves)
    for (std::size_t i = 0; i < share.size(); ++i) share[i] += curve[i] >= bar ? 1 : 0;
  for (double& value : share) value /= static_cast<double>(curves.size());
  return share;
}

double max_box_accuracy(std::span<const std::vector<double>> curves, double bar) {
  const auto share = box_accuracy(curves, bar);
  return share.empty() ? 0 : std::ranges::max(share);
}

double max_box_accuracy_v2(std::span<const std::vector<double>> curves) {
  constexpr std::array kBars{0.3, 0.5, 0.7};
  double sum = 0;
  for (const double bar : kBars) sum += max_box_accuracy(curves, bar);
  return sum / static_cast<double>(kBars.size());
}

std::size_t calibrated_index(std::span<const double> accuracy) {
  constexpr std::ptrdiff_t kReach = 2;
  const auto size = static_cast<std::ptrdiff_t>(accuracy.size());
  std::ptrdiff_t best = 0;
  double best_mean = -1;
  for (std::ptrdiff_t i = 0; i < size; ++i) {
    const std::ptrdiff_t first = std::max<std::ptrdiff_t>(i - kReach, 0), last = std::min(i + kReach, size - 1);
    double sum = 0;
    for (std::ptrdiff_t j = first; j <= last; ++j) sum += accuracy[static_cast<std::size_t>(j)];
    const double mean = sum / static_cast<double>(last - first + 1);
    if (mean > best_mean + 1e-12) {
      best_mean = mean;
      best = i;
    }
  }
  return static_cast<std::size_t>(best);
}

}  // namespace limn
