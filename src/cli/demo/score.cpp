#include "demo/score.h"

#include <algorithm>
#include <vector>

namespace limn::cli {

double iou(const Box& a, const Box& b) {
  const double width = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  const double height = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (width <= 0 || height <= 0) return 0;
  const double both = width * height;
  return both / (a.width() * a.height() + b.width() * b.height() - both);
}

Finding finding_of(const RenderedMap& map, const Geometry& geometry) {
  if (map.degenerate) return {};
  const Peak top = peak(map.heatmap);
  return {Point{geometry.to_original_x(top.x + 0.5), geometry.to_original_y(top.y + 0.5)}, map.box};
}

Meeting meets(const Finding& finding, const Box& garment) {
  constexpr double kEnough = 0.5;
  Meeting meeting;
  if (const auto& p = finding.peak)
    meeting.peak = p->x >= garment.x0 && p->x < garment.x1 && p->y >= garment.y0 && p->y < garment.y1;
  meeting.box = finding.box && iou(*finding.box, garment) >= kEnough;
  return meeting;
}

void Tally::add(const Finding& finding, const Box& asked, const Box& other) {
  const Meeting with_asked = meets(finding, asked), with_other = meets(finding, other);
  ++count;
  peak_asked += with_asked.peak;
  peak_other += with_other.peak;
  box_asked += with_asked.box;
  box_other += with_other.box;
}

Finding centre_finding(int width, int height) {
  return {Point{width / 2.0, height / 2.0}, Box{width * 0.25, height * 0.25, width * 0.75, height * 0.75}};
}

Finding random_finding(std::mt19937& random, int map_width, int map_height, const Geometry& geometry) {
  std::uniform_real_distribution<float> uniform(0, 1);
  std::vector<float> values(static_cast<std::size_t>(map_width) * static_cast<std::size_t>(map_height));
  for (float& value : values) value = uniform(random);
  const RawMap raw{MapKind::cam, {map_height, map_width}, values};
  return finding_of(render(raw, geometry, Upsampling::bilinear), geometry);
}

}  // namespace limn::cli
