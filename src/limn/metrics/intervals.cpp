#include <algorithm>
#include <cmath>
#include <numeric>

#include "limn/base/random.h"
#include "limn/statistics.h"

namespace limn {
namespace {

constexpr double kZ = 1.959964;  // of 95 %

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values, double mean) {
  if (values.size() < 2) return 0;
  double sum = 0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

/// Means of resamples with replacement, sorted.
std::vector<double> bootstrap_means(std::span<const double> values, std::uint64_t seed) {
  constexpr std::size_t kDraws = 20'000'000, kFewest = 1000, kMost = 10'000;
  const std::size_t resamples = std::clamp(kDraws / values.size(), kFewest, kMost);
  const std::uint64_t key = random_key(seed, "bootstrap");
  const auto size = static_cast<double>(values.size());
  std::vector<double> means(resamples);
  std::uint64_t draw = 0;
  for (double& mean : means) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      sum += values[static_cast<std::size_t>(random_unit(key, draw++) * size)];
    mean = sum / size;
  }
  std::ranges::sort(means);
  return means;
}

Interval between(std::span<const double> sorted_means, double low, double high) {
  return {percentile(sorted_means, 100 * low), percentile(sorted_means, 100 * high)};
}

}  // namespace

Interval wilson(double successes, double trials) {
  if (trials <= 0) return {0, 1};
  const double p = successes / trials, z2 = kZ * kZ / trials;
  const double centre = (p + z2 / 2) / (1 + z2);
  const double half = kZ * std::sqrt(p * (1 - p) / trials + z2 / (4 * trials)) / (1 + z2);
  return {std::max(centre - half, 0.0), std::min(centre + half, 1.0)};
}

Interval newcombe(double successes1, double trials1, double successes2, double trials2) {
  if (trials1 <= 0 || trials2 <= 0) return {-1, 1};
  const double p1 = successes1 / trials1, p2 = successes2 / trials2;
  const Interval a = wilson(successes1, trials1), b = wilson(successes2, trials2);
  return {p1 - p2 - std::hypot(p1 - a.low, b.high - p2), p1 - p2 + std::hypot(a.high - p1, p2 - b.low)};
}

std::optional<MeanSummary> summarise_mean(std::span<const double> values, std::uint64_t seed) {
  if (values.empty()) return std::nullopt;
  MeanSummary summary;
  summary.count = static_cast<std::int64_t>(values.size());
  summary.mean = mean_of(values);
  summary.deviation = deviation_of(values, summary.mean);
  constexpr double kTail = 0.025;
  summary.interval = between(bootstrap_means(values, seed), kTail, 1 - kTail);
  return summary;
}

std::optional<Interval> bca_interval(std::span<const double> values, std::uint64_t seed) {
  if (values.size() < 2) return std::nullopt;
  const auto means = bootstrap_means(values, seed);
  const double mean = mean_of(values);
  const auto below = std::ranges::lower_bound(means, mean) - means.begin();
  const auto share = static_cast<double>(below) / static_cast<double>(means.size());
  if (share <= 0 || share >= 1) return std::nullopt;  // the values do not vary
  // Leaving value i out moves the mean by (mean - v_i) / (n - 1): the jackknife in closed form.
  double squares = 0, cubes = 0;
  for (const double v : values) {
    const double moved = v - mean;
    squares += moved * moved;
    cubes += moved * moved * moved;
  }
  const double z0 = normal_quantile(share), acceleration = cubes / (6 * std::pow(squares, 1.5));
  const auto level = [&](double z) { return normal_cdf(z0 + (z0 + z) / (1 - acceleration * (z0 + z))); };
  return between(means, level(-kZ), level(kZ));
}

}  // namespace limn
