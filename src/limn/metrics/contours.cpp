// Outer borders of regions. A border encloses its region and the holes in it: whatever cannot be reached from
// outside over sides of pixels. What two borders enclose never touches, not even at a corner.

#include <algorithm>
#include <utility>

#include "limn/metrics.h"

namespace limn {
namespace {

enum Cell : int { kOutside = -1, kEnclosed, kFirst };  // and then a number for each border, from kFirst

/// The pixels of a map in a frame of outside.
struct Cells {
  int width, height;
  std::vector<int> values;
  int& at(int x, int y) { return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + x]; }
};

/// Gives the cells of one value that hang together another value, and returns their bounding box.
template <std::size_t N>
Box flood(Cells& cells, int x, int y, int to, const std::array<std::pair<int, int>, N>& steps) {
  const int from = cells.at(x, y);
  int x0 = x, y0 = y, x1 = x, y1 = y;
  std::vector<std::pair<int, int>> waiting{{x, y}};
  cells.at(x, y) = to;
  while (!waiting.empty()) {
    const auto [cx, cy] = waiting.back();
    waiting.pop_back();
    x0 = std::min(x0, cx);
    y0 = std::min(y0, cy);
    x1 = std::max(x1, cx);
    y1 = std::max(y1, cy);
    for (const auto& [dx, dy] : steps) {
      const int nx = cx + dx, ny = cy + dy;
      if (nx < 0 || ny < 0 || nx >= cells.width || ny >= cells.height || cells.at(nx, ny) != from) continue;
      cells.at(nx, ny) = to;
      waiting.emplace_back(nx, ny);
    }
  }
  return {static_cast<double>(x0), static_cast<double>(y0), x1 + 1.0, y1 + 1.0};
}

constexpr std::array kSides{std::pair(1, 0), std::pair(-1, 0), std::pair(0, 1), std::pair(0, -1)};
constexpr std::array kAround{std::pair(1, 0), std::pair(-1, 0), std::pair(0, 1),  std::pair(0, -1),
                             std::pair(1, 1), std::pair(1, -1), std::pair(-1, 1), std::pair(-1, -1)};

Cells enclosed(const Heatmap& map, double threshold) {
  constexpr int kBackground = -2;
  Cells cells{map.width + 2, map.height + 2, {}};
  cells.values.assign(static_cast<std::size_t>(cells.width) * static_cast<std::size_t>(cells.height), kBackground);
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < map.width; ++x)
      if (map.at(x, y) > threshold) cells.at(x + 1, y + 1) = kEnclosed;
  flood(cells, 0, 0, kOutside, kSides);
  std::ranges::replace(cells.values, kBackground, int{kEnclosed});
  return cells;
}

/// The polygon runs through the centres of pixels: where four enclosed pixels meet it holds a whole square, where
/// three do half of one.
void add_areas(Cells& cells, std::vector<Contour>& contours) {
  for (int y = 1; y + 1 < cells.height; ++y)
    for (int x = 1; x + 1 < cells.width; ++x) {
      const std::array corner{cells.at(x, y), cells.at(x + 1, y), cells.at(x, y + 1), cells.at(x + 1, y + 1)};
      const auto outside = std::ranges::count(corner, int{kOutside});
      if (outside > 1) continue;
      const auto border = static_cast<std::size_t>(std::ranges::max(corner) - kFirst);
      contours[border].area += outside == 0 ? 1 : 0.5;
    }
}

}  // namespace

std::vector<Contour> outer_contours(const Heatmap& map, double threshold) {
  check_finite(map.values, "the heatmap");
  Cells cells = enclosed(map, threshold);
  std::vector<Contour> contours;
  for (int y = 1; y <= map.height; ++y)
    for (int x = 1; x <= map.width; ++x) {
      if (cells.at(x, y) != kEnclosed) continue;
      const Box box = flood(cells, x, y, kFirst + static_cast<int>(contours.size()), kAround);
      contours.push_back({{box.x0 - 1, box.y0 - 1, box.x1 - 1, box.y1 - 1}, 0});
    }
  add_areas(cells, contours);
  std::ranges::reverse(contours);
  return contours;
}

}  // namespace limn
