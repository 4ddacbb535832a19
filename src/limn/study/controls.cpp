#include "limn/study/controls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limn/base/random.h"
#include "limn/error.h"

namespace limn {
namespace {

Heatmap centred_gaussian(int width, int height) {
  constexpr double kDeviation = 0.2;
  const auto axis = [](int i, int size) { return ((i + 0.5) / size - 0.5) / kDeviation; };
  Heatmap map(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double dx = axis(x, width), dy = axis(y, height);
      map.at(x, y) = static_cast<float>(std::exp(-(dx * dx + dy * dy) / 2));
    }
  return map;
}

Heatmap centre_box(int width, int height) {
  constexpr double kSide = 180.0 / 224;
  const auto covers = [](int i, int size) { return std::abs((i + 0.5) / size - 0.5) < kSide / 2; };
  Heatmap map(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) map.at(x, y) = covers(x, width) && covers(y, height) ? 1.0F : 0.0F;
  return map;
}

Heatmap random_map(int width, int height, std::uint64_t key) {
  constexpr int kCells = 14;
  Heatmap cells(kCells, kCells);
  for (std::size_t i = 0; i < cells.values.size(); ++i) cells.values[i] = static_cast<float>(random_unit(key, i));
  return upsample(cells, width, height);
}

}  // namespace

Heatmap control_map(std::string_view name, int width, int height, std::uint64_t key) {
  if (name == "centre-box") return centre_box(width, height);
  if (name == "centred-gaussian") return centred_gaussian(width, height);
  if (name == "random-map") return random_map(width, height, key);
  Heatmap map(width, height);
  if (name == "whole-image") {
    std::ranges::fill(map.values, 1.0F);
  } else if (name == "centre-point") {
    map.at(width / 2, height / 2) = 1;
  } else {
    throw Error(ErrorCode::not_found, fmt::format("there is no control '{}'", name));
  }
  return map;
}

bool control_is_drawn(std::string_view name) { return name == "random-map"; }

}  // namespace limn
