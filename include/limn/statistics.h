#pragma once
// Statistics of an evaluation: ranks and correlations, intervals, paired tests. Pure functions; what is undefined
// is nothing, never NaN.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "limn/export.h"

namespace limn {

// ---- Ranks and correlation

/// From 1; equal values share the mean of the places they occupy.
LIMN_API std::vector<double> average_ranks(std::span<const double>);
/// Pearson's r; nothing when a side does not vary or there are fewer than two values.
LIMN_API std::optional<double> pearson(std::span<const double>, std::span<const double>);
/// Pearson's r of average ranks.
LIMN_API std::optional<double> spearman(std::span<const double>, std::span<const double>);
/// What some programs take for it: the indices that would sort each side, correlated. Those are the inverse of the
/// ranks; here to reproduce numbers that were published so.
LIMN_API std::optional<double> spearman_of_argsort(std::span<const double>, std::span<const double>);
/// Kendall's tau-b, which accounts for ties.
LIMN_API std::optional<double> kendall_tau_b(std::span<const double>, std::span<const double>);
/// The area under the ROC curve of scores by labels; ties count half. Nothing when a label is missing.
LIMN_API std::optional<double> roc_auc(std::span<const double> scores, std::span<const bool> labels);
/// At position (n - 1) q / 100 of the sorted values, linearly between neighbours. Throws Error{bad_input} without
/// values.
LIMN_API double percentile(std::span<const double>, double q);
/// The area under points (x, y) joined by lines.
LIMN_API double trapezoid(std::span<const double> x, std::span<const double> y);

// ---- Intervals

struct Interval {
  double low = 0, high = 0;
};
/// Wilson's interval of 95 % for k successes of n; everything for n = 0.
LIMN_API Interval wilson(double successes, double trials);
/// Newcombe's interval of 95 % for the difference of two independent rates k1 / n1 - k2 / n2.
LIMN_API Interval newcombe(double successes1, double trials1, double successes2, double trials2);

struct MeanSummary {
  std::int64_t count = 0;
  double mean = 0;
  double deviation = 0;  ///< with n - 1; 0 for one value
  Interval interval;     ///< of 95 %, by the bootstrap
};
/// The mean with a percentile bootstrap of 10,000 resamples (fewer above 2,000 values, 1,000 at least), which
/// depend on the seed alone. Nothing without values.
LIMN_API std::optional<MeanSummary> summarise_mean(std::span<const double>, std::uint64_t seed);
/// The bias-corrected and accelerated interval (Efron 1987) from the same resamples.
LIMN_API std::optional<Interval> bca_interval(std::span<const double>, std::uint64_t seed);

// ---- Tests, two-sided

/// McNemar's exact test of b and c discordant pairs.
LIMN_API double mcnemar_exact(std::int64_t b, std::int64_t c);
/// The same by the chi-squared distribution with Edwards' correction.
LIMN_API double mcnemar_chi_squared(std::int64_t b, std::int64_t c);

struct PairedT {
  double t = 0, p = 1;
  double effect = 0;  ///< Cohen's d_z
};
/// Nothing for fewer than two differences, or when they do not vary.
LIMN_API std::optional<PairedT> paired_t(std::span<const double> differences);
/// Wilcoxon's signed ranks, zeros dropped: exact up to 25 differences without ties, else normal with tie
/// correction.
LIMN_API std::optional<double> wilcoxon_signed_rank(std::span<const double> differences);
/// Signs flipped at random: all 2^n flips up to n = 20, else 10,000.
LIMN_API std::optional<double> sign_flip(std::span<const double> differences, std::uint64_t seed);
/// p values corrected for their number, in their order.
LIMN_API std::vector<double> holm(std::span<const double> p);
LIMN_API std::vector<double> benjamini_hochberg(std::span<const double> p);

// ---- Distributions

LIMN_API double normal_cdf(double z);
/// The z with normal_cdf(z) = p, for 0 < p < 1.
LIMN_API double normal_quantile(double p);
/// P(T <= t) with `freedom` degrees of freedom.
LIMN_API double student_t_cdf(double t, double freedom);
/// P(X > x), one degree of freedom.
LIMN_API double chi_squared_survival(double x);

}  // namespace limn
