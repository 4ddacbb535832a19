// limn::Overlay: rows of a map and of a window, copied side by side.

#include <algorithm>
#include <cmath>

#include "limn/ops/overlay.h"
#include "limn/runtime/lowering.h"

namespace limn {
namespace {

/// Copies of rows, bound to memory. A plane holds `lanes` channels of one image.
struct Overlaying {
  const float *map, *window, *places;
  float* to;
  std::int64_t images, planes, lanes;
  std::int64_t map_rows, map_columns, window_rows, window_columns, rows, columns;
  std::int64_t map_stride, window_stride, to_stride, places_stride;  ///< from image to image; 0 where all share one
  OverlayRows names;

  std::int64_t start(std::int64_t image, std::int64_t row, std::int64_t axis) const {
    return row < 0 ? 0 : std::lround(places[image * places_stride + row * 2 + axis]);
  }

  void operator()() const {
#pragma omp parallel for collapse(2) schedule(static)
    for (std::int64_t n = 0; n < images; ++n)
      for (std::int64_t p = 0; p < planes; ++p) fill(n, p);
  }

  void fill(std::int64_t n, std::int64_t p) const {
    const std::int64_t top = start(n, names.crop, 0), left = start(n, names.crop, 1);
    const std::int64_t window_top = start(n, names.window, 0), window_left = start(n, names.window, 1);
    const float* from = map + n * map_stride + p * map_rows * map_columns * lanes;
    const float* over = window + n * window_stride + p * window_rows * window_columns * lanes;
    float* out = to + n * to_stride + p * rows * columns * lanes;
    // Columns of the crop that the map has, and those of them that the window has.
    const std::int64_t first = std::clamp<std::int64_t>(-left, 0, columns);
    const std::int64_t last = std::clamp<std::int64_t>(map_columns - left, first, columns);
    const std::int64_t begin = std::clamp<std::int64_t>(window_left - left, first, last);
    const std::int64_t end = std::clamp<std::int64_t>(window_left + window_columns - left, begin, last);
    for (std::int64_t r = 0; r < rows; ++r, out += columns * lanes) {
      const std::int64_t y = r + top, window_y = y - window_top;
      if (y < 0 || y >= map_rows) {
        std::fill_n(out, columns * lanes, static_cast<float>(names.outside));
        continue;
      }
      const bool covered = window_y >= 0 && window_y < window_rows;
      const std::int64_t b = covered ? begin : last, e = covered ? end : last;
      const float* row = from + (y * map_columns + left) * lanes;
      std::fill(out, out + first * lanes, static_cast<float>(names.outside));
      std::copy(row + first * lanes, row + b * lanes, out + first * lanes);
      if (covered) {
        const float* changed = over + (window_y * window_columns + left - window_left) * lanes;
        std::copy(changed + b * lanes, changed + e * lanes, out + b * lanes);
      }
      std::copy(row + e * lanes, row + last * lanes, out + e * lanes);
      std::fill(out + last * lanes, out + columns * lanes, static_cast<float>(names.outside));
    }
  }
};

Bind bind_overlay(const View& map, const View& window, const View& places, const View& to,
                  const OverlayRows& names) {
  return [=](const Memory& memory) -> Run {
    const bool blocked = to.layout == Layout::blocked;
    const std::int64_t lanes = blocked ? channel_block() : 1;
    const auto stride = [](const View& v) { return v.images() == 1 ? 0 : v.image_stride; };
    return Overlaying{memory.at(map),  memory.at(window), memory.at(places),
                      memory.at(to),   to.images(),       round_up(to.channels(), lanes) / lanes,
                      lanes,           map.dims[2],       map.dims[3],
                      window.dims[2],  window.dims[3],    to.dims[2],
                      to.dims[3],      stride(map),       stride(window),
                      to.image_stride, stride(places),    names};
  };
}

}  // namespace

bool lower_overlay(Lowering& l, const Node& node) {
  if (node.op != "limn::Overlay" || l.dtype(node.out[0]) != DType::f32) return false;
  const bool blocked = l.lies(node.in[0], Layout::blocked) || l.lies(node.in[1], Layout::blocked);
  const Layout layout = blocked ? Layout::blocked : Layout::plain;
  const View map = l.read(node.in[0], layout), window = l.read(node.in[1], layout);
  const View places = l.read(node.in[2], Layout::plain);
  const View to = l.allocate(node.out[0], layout);
  l.emit("Overlay " + node.name, "limn:overlay", {map, window, places}, {to},
         bind_overlay(map, window, places, to, OverlayRows::read(node)));
  l.place(node.out[0], to);
  return true;
}

}  // namespace limn
