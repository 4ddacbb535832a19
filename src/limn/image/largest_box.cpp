#include <algorithm>
#include <tuple>

#include "limn/heatmap.h"
#include "limn/image/runs.h"

namespace limn {
namespace {

void add(Region& region, const Heatmap& map, const Run& run) {
  region.box.x0 = std::min(region.box.x0, static_cast<double>(run.begin));
  region.box.x1 = std::max(region.box.x1, static_cast<double>(run.end));
  region.box.y1 = run.y + 1.0;
  region.pixels += run.end - run.begin;
  for (int x = run.begin; x < run.end; ++x) region.heat += map.at(x, run.y);
}

}  // namespace

std::vector<Region> regions_above(const Heatmap& map, double threshold) {
  check_finite(map.values, "the heatmap");
  const std::vector<Run> runs = runs_of(map, [=](float v) { return v > threshold; });
  const std::vector<std::size_t> sets = sets_of(runs, true);
  std::vector<Region> regions;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    if (sets[i] == regions.size())
      regions.push_back({{static_cast<double>(run.begin), static_cast<double>(run.y), 0, 0}, 0, 0});
    add(regions[sets[i]], map, run);
  }
  return regions;
}

bool is_larger(const Region& a, const Region& b) {
  const auto rank = [](const Region& r) {
    return std::tuple(-r.pixels, -r.heat / static_cast<double>(r.pixels), r.box.y0, r.box.x0);
  };
  return rank(a) < rank(b);
}

std::optional<Box> largest_box(const Heatmap& map, double fraction) {
  const float maximum = peak(map).value;
  if (maximum <= 0) return std::nullopt;
  const auto regions = regions_above(map, fraction * maximum);
  if (regions.empty()) return std::nullopt;
  return std::ranges::min_element(regions, is_larger)->box;
}

}  // namespace limn
