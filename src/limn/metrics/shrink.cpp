// Antialiased shrinking, as scikit-image's resize does it by default.

#include <algorithm>
#include <cmath>

#include "limn/metrics.h"

namespace limn {
namespace {

/// Beyond the borders the row is mirrored, without its last element twice.
std::size_t mirrored(std::int64_t i, std::int64_t size) {
  if (size == 1) return 0;
  const std::int64_t period = 2 * (size - 1), phase = ((i % period) + period) % period;
  return static_cast<std::size_t>(std::min(phase, period - phase));
}

/// A Gaussian cut at four deviations, normalised; the middle one first.
std::vector<double> gaussian(double deviation) {
  constexpr double kCut = 4;
  const auto radius = static_cast<int>(kCut * deviation + 0.5);
  std::vector<double> weights(static_cast<std::size_t>(radius) + 1, 1.0);
  double sum = 1;
  for (std::size_t k = 1; k < weights.size(); ++k) {
    const double t = static_cast<double>(k) / deviation;
    weights[k] = std::exp(-t * t / 2);
    sum += 2 * weights[k];
  }
  for (double& w : weights) w /= sum;
  return weights;
}

std::vector<double> blurred(const std::vector<double>& row, double deviation) {
  const auto weights = gaussian(deviation);
  const auto size = static_cast<std::int64_t>(row.size());
  std::vector<double> out;
  for (std::int64_t i = 0; i < size; ++i) {
    double sum = weights[0] * row[static_cast<std::size_t>(i)];
    for (std::size_t k = 1; k < weights.size(); ++k) {
      const auto step = static_cast<std::int64_t>(k);
      sum += weights[k] * (row[mirrored(i - step, size)] + row[mirrored(i + step, size)]);
    }
    out.push_back(sum);
  }
  return out;
}

/// One row of the map with `out` elements instead.
std::vector<double> shrunk_row(const std::vector<double>& row, int out) {
  const double factor = static_cast<double>(row.size()) / out;
  const auto smooth = blurred(row, (factor - 1) / 2);
  std::vector<double> samples;
  for (int i = 0; i < out; ++i) {
    const double at = (i + 0.5) * factor - 0.5, below = std::floor(at);
    const auto first = static_cast<std::size_t>(below);
    const std::size_t second = std::min(first + 1, row.size() - 1);
    samples.push_back(smooth[first] + (at - below) * (smooth[second] - smooth[first]));
  }
  return samples;
}

}  // namespace

Heatmap shrink(const Heatmap& map, int width, int height) {
  if (width < 1 || height < 1 || width > map.width || height > map.height)
    throw Error(ErrorCode::bad_input, "a map can only be shrunk to a smaller size");
  std::vector<std::vector<double>> rows;
  for (int y = 0; y < map.height; ++y) {
    std::vector<double> row;
    for (int x = 0; x < map.width; ++x) row.push_back(map.at(x, y));
    rows.push_back(width == map.width ? std::move(row) : shrunk_row(row, width));
  }
  const auto [low, high] = std::ranges::minmax(map.values);
  Heatmap out(width, height);
  for (int x = 0; x < width; ++x) {
    std::vector<double> column;
    for (const auto& row : rows) column.push_back(row[static_cast<std::size_t>(x)]);
    if (height != map.height) column = shrunk_row(column, height);
    for (int y = 0; y < height; ++y)
      out.at(x, y) = std::clamp(static_cast<float>(column[static_cast<std::size_t>(y)]), low, high);
  }
  return out;
}

}  // namespace limn
