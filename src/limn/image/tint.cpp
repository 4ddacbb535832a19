#include "limn/image/tint.h"

namespace limn {

TintTable tint_table(Colormap colormap, float opacity) {
  TintTable table;
  for (std::size_t level = 0; level < table.size(); ++level) {
    const float heat = static_cast<float>(level) / 255;
    const Rgb color = color_of(colormap, heat);
    // Cold regions keep more of the photo, so that the eye goes where the heat is.
    const float weight = opacity * (0.7F + 0.3F * heat);
    table[level].keep = 1 - weight;
    for (std::size_t c = 0; c < 3; ++c) table[level].add[c] = static_cast<float>(color[c]) * weight;
  }
  return table;
}

}  // namespace limn
