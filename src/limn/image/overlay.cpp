#include "limn/overlay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limn/image/canvas.h"
#include "limn/image/tint.h"

namespace limn {
namespace {

/// One axis of looking heat up at original pixels: two neighbouring cells and the share of the second. Cells
/// have half-pixel centres.
struct Lookup {
  bool inside = false;  ///< whether the centre of the original pixel lies in the network's input
  int first = 0, second = 0;
  float share = 0;
};

std::vector<Lookup> lookups(int original, int input, int cells, double scale, double offset) {
  std::vector<Lookup> table(static_cast<std::size_t>(original));
  for (int i = 0; i < original; ++i) {
    const double at = (i + 0.5 - offset) / scale;
    const double s = std::clamp(at * cells / input - 0.5, 0.0, static_cast<double>(cells - 1));
    Lookup& entry = table[static_cast<std::size_t>(i)];
    entry.inside = at >= 0 && at < input;
    entry.first = static_cast<int>(s);
    entry.second = std::min(entry.first + 1, cells - 1);
    entry.share = static_cast<float>(s - entry.first);
  }
  return table;
}

float heat_at(const Heatmap& map, const Lookup& x, const Lookup& y) {
  const float top = map.at(x.first, y.first) * (1 - x.share) + map.at(x.second, y.first) * x.share;
  const float bottom = map.at(x.first, y.second) * (1 - x.share) + map.at(x.second, y.second) * x.share;
  return top * (1 - y.share) + bottom * y.share;
}

std::uint8_t byte_of(float v) { return static_cast<std::uint8_t>(std::clamp(v + 0.5F, 0.0F, 255.0F)); }

void tint(std::uint8_t* pixel, float heat, const TintTable& table) {
  const Tint& t = table[byte_of(heat * 255)];
  for (std::size_t c = 0; c < 3; ++c) pixel[c] = byte_of(static_cast<float>(pixel[c]) * t.keep + t.add[c]);
}

void dim(std::uint8_t* pixel) {
  float grey = 0;
  for (std::size_t c = 0; c < 3; ++c) grey += kBrightness[c] * static_cast<float>(pixel[c]);
  std::fill_n(pixel, 3, byte_of(grey * kDimming));
}

}  // namespace

Image overlay(const Image& photo, const Heatmap& map, const Geometry& geometry, const OverlayOptions& options) {
  if (geometry.original_width != photo.width || geometry.original_height != photo.height)
    throw Error(ErrorCode::bad_input,
                fmt::format("the heatmap belongs to an image of {}x{} pixels, not to one of {}x{}",
                            geometry.original_width, geometry.original_height, photo.width, photo.height));
  check_finite(map.values, "the heatmap");
  const auto across = lookups(photo.width, geometry.input_width, map.width, geometry.scale_x, geometry.offset_x);
  const auto down = lookups(photo.height, geometry.input_height, map.height, geometry.scale_y, geometry.offset_y);
  const TintTable tints = tint_table(options.colormap, options.opacity);
  Image out = photo;
  for (int y = 0; y < out.height; ++y) {
    std::uint8_t* pixel = out.row(y);
    for (int x = 0; x < out.width; ++x, pixel += 3) {
      if (across[x].inside && down[y].inside)
        tint(pixel, heat_at(map, across[x], down[y]), tints);
      else
        dim(pixel);
    }
  }
  if (options.box) draw_box(out, *options.box);
  return options.color_bar ? beside(out, color_bar(options.colormap, out.height)) : out;
}

Image attribution_picture(std::span<const float> attribution, int channels, int height, int width) {
  if (channels != 1 && channels != 3)
    throw Error(ErrorCode::unsupported, fmt::format("an attribution of {} channels is no picture", channels));
  const Heatmap magnitude = max_abs_over_channels(attribution, channels, height, width);
  const float largest = peak(magnitude).value;
  Image out(width, height);
  const std::size_t area = magnitude.values.size();
  for (std::size_t i = 0; i < area; ++i)
    for (std::size_t c = 0; c < 3; ++c) {
      const float v = attribution[(channels == 3 ? c : 0) * area + i];
      out.pixels[3 * i + c] = byte_of(largest > 0 ? 127.5F + 127.5F * (v / largest) : 127.5F);
    }
  return out;
}

}  // namespace limn
