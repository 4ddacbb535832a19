#include <algorithm>
#include <cmath>
#include <numeric>

#include "limn/base/random.h"
#include "limn/statistics.h"

namespace limn {
namespace {

std::vector<double> without_zeros(std::span<const double> values) {
  std::vector<double> kept;
  for (const double v : values)
    if (v != 0) kept.push_back(v);
  return kept;
}

std::vector<double> magnitudes(std::span<const double> values) {
  std::vector<double> out;
  for (const double v : values) out.push_back(std::abs(v));
  return out;
}

/// Twice P(W <= w) for the smaller rank sum w of n untied ranks, by counting subsets.
double exact_rank_test(std::size_t n, double smaller) {
  std::vector<double> ways(n * (n + 1) / 2 + 1);
  ways[0] = 1;
  for (std::size_t rank = 1; rank <= n; ++rank)
    for (std::size_t sum = ways.size() - 1; sum >= rank; --sum) ways[sum] += ways[sum - rank];
  const double below = std::accumulate(ways.begin(), ways.begin() + static_cast<std::ptrdiff_t>(smaller) + 1, 0.0);
  return std::min(1.0, 2 * below / std::pow(2.0, static_cast<double>(n)));
}

/// Sum of t^3 - t over groups of t equal ranks.
double tie_term(std::vector<double> ranks) {
  std::ranges::sort(ranks);
  double sum = 0;
  for (auto first = ranks.begin(); first != ranks.end();) {
    const auto end = std::upper_bound(first, ranks.end(), *first);
    const auto t = static_cast<double>(end - first);
    sum += t * t * t - t;
    first = end;
  }
  return sum;
}

/// Steps through p values from the smallest to the largest or back, correcting each.
template <class Correct>
std::vector<double> corrected(std::span<const double> p, bool rising, const Correct& correct) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return p[i]; });
  std::vector<double> out(p.size());
  double bound = rising ? 0 : 1;
  for (std::size_t step = 0; step < p.size(); ++step) {
    const std::size_t rank = rising ? step : p.size() - 1 - step;
    const double value = correct(p[order[rank]], rank);
    bound = rising ? std::max(bound, std::min(value, 1.0)) : std::min(bound, value);
    out[order[rank]] = bound;
  }
  return out;
}

}  // namespace

double mcnemar_exact(std::int64_t b, std::int64_t c) {
  const std::int64_t n = b + c, least = std::min(b, c);
  double below = 0;
  const auto real = [](std::int64_t v) { return static_cast<double>(v); };
  for (std::int64_t k = 0; k <= least; ++k)
    below += std::exp(std::lgamma(real(n + 1)) - std::lgamma(real(k + 1)) - std::lgamma(real(n - k + 1)) -
                      real(n) * std::log(2.0));
  return std::min(1.0, 2 * below);
}

double mcnemar_chi_squared(std::int64_t b, std::int64_t c) {
  if (b + c == 0) return 1;
  const double off = std::max(std::abs(static_cast<double>(b - c)) - 1, 0.0);
  return chi_squared_survival(off * off / static_cast<double>(b + c));
}

std::optional<PairedT> paired_t(std::span<const double> differences) {
  const auto n = static_cast<double>(differences.size());
  if (differences.size() < 2) return std::nullopt;
  const double mean = std::accumulate(differences.begin(), differences.end(), 0.0) / n;
  double squares = 0;
  for (const double d : differences) squares += (d - mean) * (d - mean);
  if (squares <= 0) return std::nullopt;
  const double deviation = std::sqrt(squares / (n - 1));
  PairedT result;
  result.effect = mean / deviation;
  result.t = result.effect * std::sqrt(n);
  result.p = 2 * student_t_cdf(-std::abs(result.t), n - 1);
  return result;
}

std::optional<double> wilcoxon_signed_rank(std::span<const double> differences) {
  constexpr std::size_t kMostExact = 25;
  const auto kept = without_zeros(differences);
  if (kept.empty()) return std::nullopt;
  const auto ranks = average_ranks(magnitudes(kept));
  double positive = 0, all = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    all += ranks[i];
    positive += kept[i] > 0 ? ranks[i] : 0;
  }
  const double smaller = std::min(positive, all - positive), ties = tie_term(ranks);
  if (kept.size() <= kMostExact && ties == 0) return exact_rank_test(kept.size(), smaller);
  const auto n = static_cast<double>(kept.size());
  const double variance = n * (n + 1) * (2 * n + 1) / 24 - ties / 48;
  if (variance <= 0) return std::nullopt;
  return std::min(1.0, 2 * normal_cdf((smaller - all / 2) / std::sqrt(variance)));
}

std::optional<double> sign_flip(std::span<const double> differences, std::uint64_t seed) {
  constexpr std::size_t kMostExact = 20, kFlips = 10'000;
  const std::size_t n = differences.size();
  if (n == 0) return std::nullopt;
  const double observed = std::abs(std::accumulate(differences.begin(), differences.end(), 0.0));
  const bool exact = n <= kMostExact;
  const std::size_t flips = exact ? std::size_t{1} << n : kFlips;
  const std::uint64_t key = random_key(seed, "sign flip");
  const double slack = 1e-12 * std::max(observed, 1e-300);
  std::size_t as_far = 0;
  for (std::size_t flip = 0; flip < flips; ++flip) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const bool minus = exact ? (flip >> i & 1U) != 0 : (random_bits(key, flip * n + i) & 1U) != 0;
      sum += minus ? -differences[i] : differences[i];
    }
    as_far += std::abs(sum) >= observed - slack ? 1 : 0;
  }
  const double add = exact ? 0 : 1;  // the observed signs are one of the flips
  return (static_cast<double>(as_far) + add) / (static_cast<double>(flips) + add);
}

std::vector<double> holm(std::span<const double> p) {
  const auto n = static_cast<double>(p.size());
  return corrected(p, true,
                   [&](double value, std::size_t rank) { return (n - static_cast<double>(rank)) * value; });
}

std::vector<double> benjamini_hochberg(std::span<const double> p) {
  const auto n = static_cast<double>(p.size());
  return corrected(p, false,
                   [&](double value, std::size_t rank) { return n / (static_cast<double>(rank) + 1) * value; });
}

}  // namespace limn
