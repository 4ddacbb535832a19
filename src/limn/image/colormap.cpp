#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limn/image/canvas.h"
#include "limn/image/drawings.h"
#include "limn/overlay.h"

namespace limn {
Colormap parse_colormap(std::string_view text) {
  for (const Colormap map : {Colormap::inferno, Colormap::viridis, Colormap::jet})
    if (text == name_of(map)) return map;
  throw Error(ErrorCode::bad_input, fmt::format("'{}' is not a colormap", text), "--colormap",
              "write inferno, viridis or jet");
}

std::string_view name_of(Colormap map) {
  switch (map) {
    case Colormap::inferno: return "inferno";
    case Colormap::viridis: return "viridis";
    case Colormap::jet: return "jet";
  }
  return {};
}

Rgb color_of(Colormap map, float value) {
  const float clamped = value > 0 ? std::min(value, 1.0F) : 0.0F;  // NaN becomes 0
  const auto& rgb = kColormaps[static_cast<std::size_t>(map)][std::lround(clamped * 255)];
  return {rgb[0], rgb[1], rgb[2]};
}

Image colored(const Heatmap& map, Colormap colormap) {
  check_finite(map.values, "the heatmap");
  Image out(map.width, map.height);
  std::uint8_t* pixel = out.pixels.data();
  for (float v : map.values) {
    const Rgb color = color_of(colormap, v);
    pixel = std::copy(color.begin(), color.end(), pixel);
  }
  return out;
}

}  // namespace limn
