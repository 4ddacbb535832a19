#include <algorithm>
#include <tuple>

#include "limn/heatmap.h"

namespace limn {
namespace {

void add_pixel(Region& region, int x, int y, float value) {
  region.box.x0 = std::min(region.box.x0, static_cast<double>(x));
  region.box.y0 = std::min(region.box.y0, static_cast<double>(y));
  region.box.x1 = std::max(region.box.x1, x + 1.0);
  region.box.y1 = std::max(region.box.y1, y + 1.0);
  ++region.pixels;
  region.heat += value;
}

/// Collects the 8-connected region around a foreground pixel and takes it out of `foreground`.
Region take_region(const Heatmap& map, std::vector<char>& foreground, int x, int y, std::vector<int>& stack) {
  Region region{{static_cast<double>(x), static_cast<double>(y), x + 1.0, y + 1.0}, 0, 0};
  const auto visit = [&](int i) {
    foreground[static_cast<std::size_t>(i)] = 0;
    stack.push_back(i);
  };
  visit(y * map.width + x);
  while (!stack.empty()) {
    const int at = stack.back();
    stack.pop_back();
    const int px = at % map.width, py = at / map.width;
    add_pixel(region, px, py, map.values[static_cast<std::size_t>(at)]);
    for (int ny = std::max(py - 1, 0); ny <= std::min(py + 1, map.height - 1); ++ny)
      for (int nx = std::max(px - 1, 0); nx <= std::min(px + 1, map.width - 1); ++nx)
        if (foreground[static_cast<std::size_t>(ny * map.width + nx)] != 0) visit(ny * map.width + nx);
  }
  return region;
}

}  // namespace

std::vector<Region> regions_above(const Heatmap& map, double threshold) {
  check_finite(map.values, "the heatmap");
  std::vector<char> foreground(map.values.size());
  for (std::size_t i = 0; i < foreground.size(); ++i) foreground[i] = map.values[i] > threshold;
  std::vector<Region> regions;
  std::vector<int> stack;
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < map.width; ++x)
      if (foreground[static_cast<std::size_t>(y * map.width + x)] != 0)
        regions.push_back(take_region(map, foreground, x, y, stack));
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
