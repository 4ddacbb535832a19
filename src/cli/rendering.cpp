#include "rendering.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace limn::cli {
namespace {

Heatmap at_input_size(const RawMap& raw, const Geometry& geometry, Upsampling upsampling) {
  const auto size = [&](std::size_t axis) { return static_cast<int>(raw.dims[axis]); };
  if (raw.kind == MapKind::attribution) return max_abs_over_channels(raw.data, size(0), size(1), size(2));
  return upsample(Heatmap(size(1), size(0), raw.data), geometry.input_width, geometry.input_height, upsampling);
}

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

Heatmap for_display(const Heatmap& heatmap, MapKind kind) {
  constexpr double kFullHeat = 0.995;
  Heatmap shown = heatmap;
  if (kind == MapKind::cam) return shown;
  std::vector<float> sorted = heatmap.values;
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(kFullHeat * static_cast<double>(sorted.size() - 1));
  std::ranges::nth_element(sorted, nth);
  if (*nth <= 0) return shown;
  for (float& value : shown.values) value = std::min(value / *nth, 1.0F);
  return shown;
}

RenderedMap render(const RawMap& raw, const Geometry& geometry, Upsampling upsampling) {
  RenderedMap rendered;
  const auto [min, max] = std::ranges::minmax_element(raw.data);
  rendered.raw_min = *min;
  rendered.raw_max = *max;
  auto normalised = normalise(at_input_size(raw, geometry, upsampling));
  rendered.heatmap = std::move(normalised.heatmap);
  rendered.degenerate = normalised.degenerate;
  if (rendered.degenerate) return rendered;
  if (const auto box = largest_box(rendered.heatmap))
    rendered.box = on_whole_pixels(geometry.to_original(*box), geometry);
  return rendered;
}

}  // namespace limn::cli
