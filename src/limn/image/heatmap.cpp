#include "limn/heatmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <utility>

namespace limn {
namespace {

std::size_t checked_area(std::int64_t width, std::int64_t height) {
  if (width < 1 || height < 1)
    throw Error(ErrorCode::bad_input, fmt::format("a map cannot have the size {}x{}", width, height));
  return static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
}

/// A map without pixels, or one whose public members disagree, is the caller's mistake.
void check_map(const Heatmap& map) {
  if (checked_area(map.width, map.height) != map.values.size())
    throw Error(ErrorCode::bad_input,
                fmt::format("a map of {}x{} has {} values", map.width, map.height, map.values.size()));
}

/// One axis of an interpolation: up to four source indices and their weights for an output index.
struct Taps {
  int count = 0;
  std::array<int, 4> index{};
  std::array<float, 4> weight{};
};

/// The source coordinate of an output index's centre.
double source_of(int out, double scale) { return (out + 0.5) * scale - 0.5; }

Taps nearest_taps(int out, int in, int outs) {
  return {1, {static_cast<int>(static_cast<std::int64_t>(out) * in / outs)}, {1.0F}};
}

Taps bilinear_taps(int out, int in, double scale) {
  const double s = std::max(source_of(out, scale), 0.0);
  const int first = std::min(static_cast<int>(s), in - 1);
  const auto t = static_cast<float>(s - first);
  return {2, {first, std::min(first + 1, in - 1)}, {1 - t, t}};
}

/// Keys' cubic convolution kernel with a = -0.75.
double keys(double t) {
  constexpr double a = -0.75;
  t = std::abs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

Taps bicubic_taps(int out, int in, double scale) {
  const double s = source_of(out, scale);
  const int base = static_cast<int>(std::floor(s));
  Taps taps;
  taps.count = 4;
  for (int i = 0; i < 4; ++i) {
    taps.index[i] = std::clamp(base - 1 + i, 0, in - 1);
    taps.weight[i] = static_cast<float>(keys(s - (base - 1 + i)));
  }
  return taps;
}

std::vector<Taps> axis_taps(int in, int outs, Upsampling mode) {
  const double scale = static_cast<double>(in) / outs;
  std::vector<Taps> taps;
  for (int out = 0; out < outs; ++out) {
    switch (mode) {
      case Upsampling::bilinear: taps.push_back(bilinear_taps(out, in, scale)); break;
      case Upsampling::nearest: taps.push_back(nearest_taps(out, in, outs)); break;
      case Upsampling::bicubic: taps.push_back(bicubic_taps(out, in, scale)); break;
    }
  }
  return taps;
}

float mix(const Taps& taps, const float* values, std::size_t stride) {
  float sum = 0;
  for (int i = 0; i < taps.count; ++i)
    sum += taps.weight[i] * values[static_cast<std::size_t>(taps.index[i]) * stride];
  return sum;
}

/// Side by side, as a single minimum would be found one value after the other.
constexpr std::size_t kLanes = 16;

/// The smallest and the largest of finite values, of which there are some.
std::pair<float, float> range_of(std::span<const float> values) {
  std::array<float, kLanes> low, high;
  low.fill(values[0]);
  high.fill(values[0]);
  const auto take = [&](std::size_t lane, float v) {
    low[lane] = v < low[lane] ? v : low[lane];
    high[lane] = v > high[lane] ? v : high[lane];
  };
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (std::size_t l = 0; l < kLanes; ++l) take(l, values[i + l]);
  for (; i < values.size(); ++i) take(0, values[i]);
  return {*std::ranges::min_element(low), *std::ranges::max_element(high)};
}

bool all_finite(std::span<const float> values) {
  constexpr std::uint32_t kMagnitude = 0x7fffffffU, kLargest = 0x7f7fffffU;
  std::uint32_t larger = 0;
  for (const float v : values) larger |= (std::bit_cast<std::uint32_t>(v) & kMagnitude) > kLargest ? 1U : 0U;
  return larger == 0;
}

}  // namespace

Heatmap::Heatmap(int w, int h) : width(w), height(h), values(checked_area(w, h)) {}

Heatmap::Heatmap(int w, int h, std::span<const float> v) : width(w), height(h), values(v.begin(), v.end()) {
  check_map(*this);
}

void check_finite(std::span<const float> values, std::string_view name) {
  if (all_finite(values)) return;
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  throw Error(ErrorCode::bad_input,
              fmt::format("{} holds {} at element {} of {}", name, std::isnan(*bad) ? "NaN" : "an infinite value",
                          bad - values.begin(), values.size()),
              {}, "check the network's weights and the preprocessing");
}

Upsampling parse_upsampling(std::string_view text) {
  for (const Upsampling mode : {Upsampling::bilinear, Upsampling::nearest, Upsampling::bicubic})
    if (text == name_of(mode)) return mode;
  throw Error(ErrorCode::bad_input, fmt::format("'{}' is not an upsampling", text), "--upsample",
              "write bilinear, nearest or bicubic");
}

std::string_view name_of(Upsampling mode) {
  switch (mode) {
    case Upsampling::bilinear: return "bilinear";
    case Upsampling::nearest: return "nearest";
    case Upsampling::bicubic: return "bicubic";
  }
  return {};
}

Heatmap upsample(const Heatmap& map, int width, int height, Upsampling mode) {
  check_map(map);
  Heatmap out(width, height);
  if (map.width == width && map.height == height) return map;
  const std::vector<Taps> across = axis_taps(map.width, width, mode);
  const std::vector<Taps> down = axis_taps(map.height, height, mode);
  Heatmap wide(width, map.height);
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < width; ++x)
      wide.at(x, y) = mix(across[x], &map.values[static_cast<std::size_t>(y) * map.width], 1);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) out.at(x, y) = mix(down[y], &wide.values[x], static_cast<std::size_t>(width));
  return out;
}

NormalisedHeatmap normalise(Heatmap map, std::string_view name) {
  check_map(map);
  check_finite(map.values, name);
  NormalisedHeatmap out;
  std::tie(out.raw_min, out.raw_max) = range_of(map.values);
  const double largest = std::max(1.0, std::abs(static_cast<double>(out.raw_max)));
  out.degenerate = static_cast<double>(out.raw_max) - out.raw_min <= 1e-12 * largest;
  // In double, because the range of a float map may be larger than any float.
  const double range = static_cast<double>(out.raw_max) - out.raw_min;
  if (out.degenerate)
    std::ranges::fill(map.values, 0.0F);
  else
    for (float& v : map.values) v = static_cast<float>((static_cast<double>(v) - out.raw_min) / range);
  out.heatmap = std::move(map);
  return out;
}

Heatmap max_abs_over_channels(std::span<const float> attribution, int channels, int height, int width) {
  const std::size_t area = checked_area(width, height);
  if (channels < 1 || attribution.size() != area * static_cast<std::size_t>(channels))
    throw Error(ErrorCode::bad_input, fmt::format("an attribution of [{}, {}, {}] has {} values", channels, height,
                                                  width, attribution.size()));
  check_finite(attribution, "the attribution");
  Heatmap out(width, height);
  for (int c = 0; c < channels; ++c) {
    const float* plane = attribution.data() + static_cast<std::size_t>(c) * area;
    for (std::size_t i = 0; i < area; ++i) out.values[i] = std::max(out.values[i], std::abs(plane[i]));
  }
  return out;
}

Peak peak(const Heatmap& map) {
  check_map(map);
  // A map that begins with NaN, which nothing equals, has its peak there.
  const auto found = std::ranges::find(map.values, range_of(map.values).second);
  const auto at = found == map.values.end() ? 0 : found - map.values.begin();
  return {static_cast<int>(at % map.width), static_cast<int>(at / map.width), map.values[at]};
}

}  // namespace limn
