#include "limn/study/map_at_input.h"

#include <algorithm>

namespace limn {

Heatmap map_at_input(const RawMap& raw, int width, int height, Upsampling mode) {
  const auto size = [&](std::size_t axis) { return static_cast<int>(raw.dims[axis]); };
  if (raw.kind == MapKind::attribution) return max_abs_over_channels(raw.data, size(0), size(1), size(2));
  return upsample(Heatmap(size(1), size(0), raw.data), width, height, mode);
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

}  // namespace limn
