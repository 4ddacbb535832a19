// Outer borders of regions. A border encloses its region and the holes in it: whatever cannot be reached from
// outside over sides of pixels. What two borders enclose never touches, not even at a corner.

#include <algorithm>
#include <cstdint>

#include "limn/image/runs.h"
#include "limn/metrics.h"

namespace limn {
namespace {

/// The runs that cannot be reached from outside the map over those below the threshold.
std::vector<Run> holes(const Heatmap& map, const std::vector<Run>& below) {
  const std::vector<std::size_t> sets = sets_of(below, false);
  std::vector<std::uint8_t> is_outside(below.size());  // by set
  for (std::size_t i = 0; i < below.size(); ++i) {
    const Run& run = below[i];
    if (run.y == 0 || run.y == map.height - 1 || run.begin == 0 || run.end == map.width) is_outside[sets[i]] = 1;
  }
  std::vector<Run> found;
  for (std::size_t i = 0; i < below.size(); ++i)
    if (is_outside[sets[i]] == 0) found.push_back(below[i]);
  return found;
}

/// Of what lies above the threshold or in a hole of it.
std::vector<Run> enclosed(const Heatmap& map, double threshold) {
  const auto above = runs_of(map, [=](float v) { return v > threshold; });
  const auto inside = holes(map, runs_of(map, [=](float v) { return !(v > threshold); }));
  std::vector<Run> both;
  std::ranges::merge(above, inside, std::back_inserter(both),
                     [](const Run& a, const Run& b) { return a.y != b.y ? a.y < b.y : a.begin < b.begin; });
  std::vector<Run> whole;
  for (const Run& run : both) {
    if (!whole.empty() && whole.back().y == run.y && whole.back().end == run.begin)
      whole.back().end = run.end;
    else
      whole.push_back(run);
  }
  return whole;
}

}  // namespace

std::vector<Contour> outer_contours(const Heatmap& map, double threshold) {
  check_finite(map.values, "the heatmap");
  const std::vector<Run> runs = enclosed(map, threshold);
  const std::vector<std::size_t> sets = sets_of(runs, true);
  std::vector<Contour> contours;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    const auto begin = static_cast<double>(run.begin), end = static_cast<double>(run.end);
    if (sets[i] == contours.size()) contours.push_back({{begin, static_cast<double>(run.y), end, 0}, 0});
    Box& box = contours[sets[i]].box;
    box = {std::min(box.x0, begin), box.y0, std::max(box.x1, end), run.y + 1.0};
  }
  // The polygon runs through the centres of pixels: where four enclosed pixels meet it holds a whole square, where
  // three do half of one. Three do at either end of the columns that two runs share, where one of them goes on.
  for_each_touching(runs, false, [&](std::size_t i, std::size_t j) {
    const Run &a = runs[i], &b = runs[j];
    double& area = contours[sets[i]].area;
    area += std::min(a.end, b.end) - std::max(a.begin, b.begin) - 1;
    area += (a.begin != b.begin ? 0.5 : 0) + (a.end != b.end ? 0.5 : 0);
  });
  std::ranges::reverse(contours);
  return contours;
}

}  // namespace limn
