// Shares of images whose boxes are good enough, by threshold.

#include <algorithm>
#include <array>

#include "limn/metrics.h"

namespace limn {

std::vector<double> box_accuracy(std::span<const std::vector<double>> curves, double bar) {
  if (curves.empty()) return {};
  std::vector<double> share(curves[0].size());
  for (const auto& curve : curves)
    for (std::size_t i = 0; i < share.size(); ++i) share[i] += curve[i] >= bar ? 1 : 0;
  for (double& value : share) value /= static_cast<double>(curves.size());
  return share;
}

double max_box_accuracy(std::span<const std::vector<double>> curves, double bar) {
  const auto share = box_accuracy(curves, bar);
  return share.empty() ? 0 : std::ranges::max(share);
}

double max_box_accuracy_v2(std::span<const std::vector<double>> curves) {
  constexpr std::array kBars{0.3, 0.5, 0.7};
  double sum = 0;
  for (const double bar : kBars) sum += max_box_accuracy(curves, bar);
  return sum / static_cast<double>(kBars.size());
}

std::size_t calibrated_index(std::span<const double> accuracy) {
  constexpr std::ptrdiff_t kReach = 2;
  const auto size = static_cast<std::ptrdiff_t>(accuracy.size());
  std::ptrdiff_t best = 0;
  double best_mean = -1;
  for (std::ptrdiff_t i = 0; i < size; ++i) {
    const std::ptrdiff_t first = std::max<std::ptrdiff_t>(i - kReach, 0), last = std::min(i + kReach, size - 1);
    double sum = 0;
    for (std::ptrdiff_t j = first; j <= last; ++j) sum += accuracy[static_cast<std::size_t>(j)];
    const double mean = sum / static_cast<double>(last - first + 1);
    if (mean > best_mean + 1e-12) {
      best_mean = mean;
      best = i;
    }
  }
  return static_cast<std::size_t>(best);
}

}  // namespace limn
