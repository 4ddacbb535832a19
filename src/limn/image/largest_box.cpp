#include <algorithm>
#include <cmath>
#include <tuple>

#include "limn/heatmap.h"

namespace limn {
namespace {

/// A connected set of pixels, by its bounds, number and heat.
struct Region {
  int left = 0, top = 0, right = 0, bottom = 0;  ///< of pixels inside
  std::int64_t pixels = 0;
  double heat = 0;

  void add(int x, int y, float value) {
    left = std::min(left, x);
    right = std::max(right, x);
    top = std::min(top, y);
    bottom = std::max(bottom, y);
    ++pixels;
    heat += value;
  }
  bool before(const Region& other) const {
    const auto rank = [](const Region& r) {
      return std::tuple(-r.pixels, -r.heat / static_cast<double>(r.pixels), r.top, r.left);
    };
    return rank(*this) < rank(other);
  }
  Box box() const { return {static_cast<double>(left), static_cast<double>(top), right + 1.0, bottom + 1.0}; }
};

/// Collects the 8-connected region around a foreground pixel and takes it out of `foreground`.
Region take_region(const Heatmap& map, std::vector<char>& foreground, int x, int y, std::vector<int>& stack) {
  Region region{x, y, x, y, 0, 0};
  const auto visit = [&](int i) {
    foreground[static_cast<std::size_t>(i)] = 0;
    stack.push_back(i);
  };
  visit(y * map.width + x);
  while (!stack.empty()) {
    const int at = stack.back();
    stack.pop_back();
    const int px = at % map.width, py = at / map.width;
    region.add(px, py, map.values[static_cast<std::size_t>(at)]);
    for (int ny = std::max(py - 1, 0); ny <= std::min(py + 1, map.height - 1); ++ny)
      for (int nx = std::max(px - 1, 0); nx <= std::min(px + 1, map.width - 1); ++nx)
        if (foreground[static_cast<std::size_t>(ny * map.width + nx)] != 0) visit(ny * map.width + nx);
  }
  return region;
}

}  // namespace

std::optional<Box> largest_box(const Heatmap& map, double fraction) {
  check_finite(map.values, "the heatmap");
  const float maximum = peak(map).value;
  if (maximum <= 0) return std::nullopt;
  const double threshold = fraction * maximum;
  std::vector<char> foreground(map.values.size());
  for (std::size_t i = 0; i < foreground.size(); ++i) foreground[i] = map.values[i] > threshold;

  std::optional<Region> largest;
  std::vector<int> stack;
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < map.width; ++x) {
      if (foreground[static_cast<std::size_t>(y * map.width + x)] == 0) continue;
      const Region region = take_region(map, foreground, x, y, stack);
      if (!largest || region.before(*largest)) largest = region;
    }
  if (!largest) return std::nullopt;
  return largest->box();
}

}  // namespace limn
