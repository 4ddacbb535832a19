#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "limn/error.h"
#include "limn/statistics.h"

namespace limn {
namespace {

void check_lengths(std::size_t a, std::size_t b) {
  if (a != b) throw Error(ErrorCode::bad_input, fmt::format("{} values cannot be paired with {}", a, b));
}

/// The indices that sort the values; equal ones stay in order.
std::vector<std::size_t> sorting_order(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return values[i]; });
  return order;
}

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

std::vector<double> average_ranks(std::span<const double> values) {
  const auto order = sorting_order(values);
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    const double shared = (static_cast<double>(first + end) + 1) / 2;
    for (std::size_t i = first; i < end; ++i) ranks[order[i]] = shared;
    first = end;
  }
  return ranks;
}

std::optional<double> pearson(std::span<const double> a, std::span<const double> b) {
  check_lengths(a.size(), b.size());
  if (a.size() < 2) return std::nullopt;
  const double mean_a = mean_of(a), mean_b = mean_of(b);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double da = a[i] - mean_a, db = b[i] - mean_b;
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  if (aa <= 0 || bb <= 0) return std::nullopt;
  return std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0);
}

std::optional<double> spearman(std::span<const double> a, std::span<const double> b) {
  return pearson(average_ranks(a), average_ranks(b));
}

std::optional<double> spearman_of_argsort(std::span<const double> a, std::span<const double> b) {
  const auto as_numbers = [](const std::vector<std::size_t>& order) {
    return std::vector<double>(order.begin(), order.end());
  };
  return spearman(as_numbers(sorting_order(a)), as_numbers(sorting_order(b)));
}

std::optional<double> kendall_tau_b(std::span<const double> a, std::span<const double> b) {
  check_lengths(a.size(), b.size());
  double balance = 0, untied_a = 0, untied_b = 0;
  const auto sign = [](double v) { return v > 0 ? 1.0 : v < 0 ? -1.0 : 0.0; };
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = i + 1; j < a.size(); ++j) {
      const double sa = sign(a[i] - a[j]), sb = sign(b[i] - b[j]);
      balance += sa * sb;
      untied_a += std::abs(sa);
      untied_b += std::abs(sb);
    }
  if (untied_a == 0 || untied_b == 0) return std::nullopt;
  return balance / std::sqrt(untied_a * untied_b);
}

std::optional<double> roc_auc(std::span<const double> scores, std::span<const bool> labels) {
  check_lengths(scores.size(), labels.size());
  const auto ranks = average_ranks(scores);
  double positives = 0, rank_sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    positives += labels[i] ? 1 : 0;
    rank_sum += labels[i] ? ranks[i] : 0;
  }
  const double negatives = static_cast<double>(labels.size()) - positives;
  if (positives == 0 || negatives == 0) return std::nullopt;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

double percentile(std::span<const double> values, double q) {
  if (values.empty()) throw Error(ErrorCode::bad_input, "a percentile of no values was asked for");
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const double place = static_cast<double>(sorted.size() - 1) * std::clamp(q, 0.0, 100.0) / 100;
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double trapezoid(std::span<const double> x, std::span<const double> y) {
  check_lengths(x.size(), y.size());
  double area = 0;
  for (std::size_t i = 1; i < x.size(); ++i) area += (y[i - 1] + y[i]) / 2 * (x[i] - x[i - 1]);
  return area;
}

}  // namespace limn
