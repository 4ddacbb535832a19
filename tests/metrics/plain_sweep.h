#pragma once
// The best IoU at every threshold the slow way: all regions are looked at again at each. What box_curve() is held
// against, in tests and in bench/.

#include <algorithm>
#include <utility>
#include <vector>

#include "limn/metrics.h"

namespace limn::test {

class PlainSweep {
 public:
  PlainSweep(const Heatmap& map, std::span<const double> thresholds)
      : map_(map),
        steps_(thresholds.size()),
        index_(thresholds.size()),
        parent_(map.values.size(), -1),
        by_root_(map.values.size()) {
    for (std::size_t i = 0; i < map.values.size(); ++i) {
      const auto above = std::ranges::lower_bound(thresholds, static_cast<double>(map.values[i]));
      if (above != thresholds.begin())
        steps_[static_cast<std::size_t>(above - thresholds.begin()) - 1].push_back(static_cast<int>(i));
    }
  }
  /// Adds the pixels above the next lower threshold; false after the lowest.
  bool next() {
    if (index_ == 0) return false;
    for (const int pixel : steps_[--index_]) add(pixel);
    std::erase_if(roots_, [&](int pixel) { return parent_[static_cast<std::size_t>(pixel)] != pixel; });
    regions_.clear();
    for (const int root : roots_) regions_.push_back(at(root));
    return true;
  }
  std::size_t threshold_index() const { return index_; }
  std::span<const Region> regions() const { return regions_; }

 private:
  Region& at(int pixel) { return by_root_[static_cast<std::size_t>(pixel)]; }
  int& parent(int pixel) { return parent_[static_cast<std::size_t>(pixel)]; }
  int root_of(int pixel) {
    while (parent(pixel) != pixel) pixel = parent(pixel) = parent(parent(pixel));
    return pixel;
  }
  void add(int pixel) {
    const int x = pixel % map_.width, y = pixel / map_.width;
    parent(pixel) = pixel;
    at(pixel) = {{static_cast<double>(x), static_cast<double>(y), x + 1.0, y + 1.0}, 1, map_.at(x, y)};
    roots_.push_back(pixel);
    for (int ny = std::max(y - 1, 0); ny <= std::min(y + 1, map_.height - 1); ++ny)
      for (int nx = std::max(x - 1, 0); nx <= std::min(x + 1, map_.width - 1); ++nx) {
        const int neighbour = ny * map_.width + nx;
        if (parent(neighbour) < 0) continue;
        int a = root_of(pixel), b = root_of(neighbour);
        if (a == b) continue;
        if (at(a).pixels < at(b).pixels) std::swap(a, b);
        parent(b) = a;
        Region& into = at(a);
        const Region& other = at(b);
        into.box = {std::min(into.box.x0, other.box.x0), std::min(into.box.y0, other.box.y0),
                    std::max(into.box.x1, other.box.x1), std::max(into.box.y1, other.box.y1)};
        into.pixels += other.pixels;
        into.heat += other.heat;
      }
  }

  const Heatmap& map_;
  std::vector<std::vector<int>> steps_;  ///< the pixels that each threshold adds
  std::size_t index_;
  std::vector<int> parent_;  ///< of every pixel; -1 while it is background
  std::vector<Region> by_root_;
  std::vector<int> roots_;
  std::vector<Region> regions_;
};

inline BoxCurve plain_box_curve(const Heatmap& map, std::span<const Box> truths) {
  const std::size_t size = sweep_fractions().size();
  BoxCurve curve{std::vector<double>(size), std::vector<double>(size)};
  const float maximum = peak(map).value;
  if (maximum <= 0) return curve;
  std::vector<double> thresholds;
  for (const double fraction : sweep_fractions()) thresholds.push_back(fraction * maximum);
  PlainSweep sweep(map, thresholds);
  while (sweep.next()) {
    const auto regions = sweep.regions();
    if (regions.empty()) continue;
    const std::size_t i = sweep.threshold_index();
    curve.largest[i] = best_iou(std::ranges::min_element(regions, is_larger)->box, truths);
    for (const Region& region : regions) curve.any[i] = std::max(curve.any[i], best_iou(region.box, truths));
  }
  return curve;
}

}  // namespace limn::test
