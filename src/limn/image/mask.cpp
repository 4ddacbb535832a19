#include "limn/mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limn/error.h"

namespace limn {
namespace {

/// For each pixel of an axis of the input the pixel of a mask with `size` of them.
std::vector<int> sources(int size, int original, int input, double scale, double offset) {
  const auto resized = std::llround(original / scale), first = std::llround(offset / scale);
  std::vector<int> out(static_cast<std::size_t>(input));
  for (int i = 0; i < input; ++i) {
    const auto source = (first + i) * size / resized;
    out[static_cast<std::size_t>(i)] = static_cast<int>(std::clamp<long long>(source, 0, size - 1));
  }
  return out;
}

}  // namespace

Mask::Mask(int w, int h) : width(w), height(h) {
  if (width <= 0 || height <= 0)
    throw Error(ErrorCode::bad_input, fmt::format("a mask cannot have {}x{} pixels", width, height));
  constexpr std::size_t kMost = 256'000'000;
  const auto all = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  if (all > kMost) throw Error(ErrorCode::limit, fmt::format("a mask of {}x{} pixels is too large", width, height));
  pixels.resize(all);
}

void Mask::cover(const Mask& other) {
  std::ranges::transform(pixels, other.pixels, pixels.begin(),
                         [](MaskPixel a, MaskPixel b) { return std::max(a, b); });
}

Mask to_input(const Mask& mask, const Geometry& g) {
  const double copy = static_cast<double>(g.original_width) / mask.width;
  if (std::abs(mask.height * copy - g.original_height) > std::max(1.0, copy))
    throw Error(ErrorCode::bad_input,
                fmt::format("the mask of {}x{} pixels does not fit the image of {}x{}", mask.width, mask.height,
                            g.original_width, g.original_height),
                {}, "check that annotation and picture belong together");
  const auto columns = sources(mask.width, g.original_width, g.input_width, g.scale_x, g.offset_x);
  const auto rows = sources(mask.height, g.original_height, g.input_height, g.scale_y, g.offset_y);
  Mask out(g.input_width, g.input_height);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      out.at(x, y) = mask.at(columns[static_cast<std::size_t>(x)], rows[static_cast<std::size_t>(y)]);
  return out;
}

}  // namespace limn
