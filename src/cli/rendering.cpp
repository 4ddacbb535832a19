#include "rendering.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "limn/study/map_at_input.h"

namespace limn::cli {
namespace {

/// Both edges rounded, and moved apart where they meet.
std::pair<double, double> rounded(double begin, double end, int limit) {
  begin = std::clamp(std::round(begin), 0.0, limit - 1.0);
  return {begin, std::clamp(std::round(end), begin + 1, static_cast<double>(limit))};
}

}  // namespace

Box on_whole_pixels(const Box& box, const Geometry& geometry) {
  const auto [x0, x1] = rounded(box.x0, box.x1, geometry.original_width);
  const auto [y0, y1] = rounded(box.y0, box.y1, geometry.original_height);
  return {x0, y0, x1, y1};
}

RenderedMap render(const RawMap& raw, const Geometry& geometry, Upsampling upsampling) {
  RenderedMap rendered;
  const auto [min, max] = std::ranges::minmax_element(raw.data);
  rendered.raw_min = *min;
  rendered.raw_max = *max;
  auto normalised = normalise(map_at_input(raw, geometry.input_width, geometry.input_height, upsampling));
  rendered.heatmap = std::move(normalised.heatmap);
  rendered.degenerate = normalised.degenerate;
  if (rendered.degenerate) return rendered;
  if (const auto box = largest_box(rendered.heatmap))
    rendered.box = on_whole_pixels(geometry.to_original(*box), geometry);
  return rendered;
}

}  // namespace limn::cli
