// The rank correlations that the KTH study of Grad-CAM published, from its own files; and what correlating sorting
// orders, as it did, makes of maps whose agreement is known.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <numbers>
#include <sstream>

#include "limn/base/file.h"
#include "limn/base/random.h"
#include "limn/statistics.h"

namespace limn {
namespace {

using Values = std::vector<double>;

class PublishedOcclusion : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(folder())) GTEST_SKIP() << "the study's files of shared/data are not here";
  }
  static std::filesystem::path folder() { return std::filesystem::path(LIMN_SHARED_DATA) / "study" / "occlusion"; }
  static Values read(const std::string& method) {
    std::istringstream lines(read_text_file(folder() / ("result_" + method + ".csv")));
    Values values;
    for (double v = 0; lines >> v;) values.push_back(v);
    EXPECT_EQ(values.size(), 120U);
    return values;
  }
  static Values differences(const std::string& a, const std::string& b) {
    Values d = read(a), other = read(b);
    for (std::size_t i = 0; i < d.size(); ++i) d[i] -= other[i];
    return d;
  }
};

void expect_published(const Values& values, double mean, double deviation, double low, double high) {
  const auto summary = *summarise_mean(values, 0);
  EXPECT_NEAR(summary.mean, mean, 5e-5);
  EXPECT_NEAR(summary.deviation, deviation, 5e-5);
  EXPECT_NEAR(summary.interval.low, low, 2e-3);
  EXPECT_NEAR(summary.interval.high, high, 2e-3);
}

TEST_F(PublishedOcclusion, MeansAndDeviations) {
  expect_published(read("gradcam"), .0505, .1283, .027, .074);
  expect_published(read("guided_backprop"), .0095, .1240, -.013, .031);
  expect_published(read("guided_gradcam"), .0526, .1287, .030, .076);
}

TEST_F(PublishedOcclusion, PairedTests) {
  const Values d = differences("gradcam", "guided_backprop");
  EXPECT_NEAR(paired_t(d)->t, 2.4761, 5e-5);
  EXPECT_NEAR(paired_t(d)->p, .014689, 5e-7);
  EXPECT_NEAR(*wilcoxon_signed_rank(d), .0237, 5e-5);
  const auto guided = *paired_t(differences("guided_gradcam", "gradcam"));
  EXPECT_NEAR(guided.t, .66, 5e-3);
  EXPECT_NEAR(guided.p, .51, 5e-3);
  EXPECT_NEAR(*pearson(read("gradcam"), read("guided_gradcam")), .964, 5e-4);
}

/// Standard normal numbers.
double gaussian(std::uint64_t key, std::uint64_t i) {
  const double radius = std::sqrt(-2 * std::log(1 - random_unit(key, 2 * i)));
  return radius * std::cos(2 * std::numbers::pi * random_unit(key, 2 * i + 1));
}

constexpr std::int64_t kSide = 14;

/// A map of 14 x 14 independent cells, or of their means weighted by a Gaussian.
Values drawn_map(std::uint64_t key, double deviation) {
  Values cells, smooth;
  for (std::uint64_t i = 0; i < kSide * kSide; ++i) cells.push_back(gaussian(key, i));
  if (deviation == 0) return cells;
  for (std::int64_t at = 0; at < kSide * kSide; ++at) {
    double sum = 0, squares = 0;
    for (std::int64_t from = 0; from < kSide * kSide; ++from) {
      const auto dx = static_cast<double>(at % kSide - from % kSide),
                 dy = static_cast<double>(at / kSide - from / kSide);
      const double weight = std::exp(-(dx * dx + dy * dy) / (2 * deviation * deviation));
      sum += weight * cells[static_cast<std::size_t>(from)];
      squares += weight * weight;
    }
    smooth.push_back(sum / std::sqrt(squares));  // of variance 1
  }
  return smooth;
}

struct Drawn {
  double by_ranks = 0, by_argsort = 0, deviation = 0;  ///< means, and the deviation of the latter
};

/// Correlations of 500 pairs of maps whose cells have the correlation `r`.
Drawn drawn_correlations(double r, double smoothness) {
  Values ranks, argsorts;
  for (std::uint64_t draw = 0; draw < 500; ++draw) {
    const Values a = drawn_map(2 * draw, smoothness);
    Values b = drawn_map(2 * draw + 1, smoothness);
    for (std::size_t i = 0; i < a.size(); ++i) b[i] = r * a[i] + std::sqrt(1 - r * r) * b[i];
    ranks.push_back(*spearman(a, b));
    argsorts.push_back(*spearman_of_argsort(a, b));
  }
  const auto of_argsorts = *summarise_mean(argsorts, 0);
  return {summarise_mean(ranks, 0)->mean, of_argsorts.mean, of_argsorts.deviation};
}

struct Agreement {
  double smoothness, r, by_ranks, by_argsort, deviation;
};

TEST(SortingOrders, HardlyCorrelateForMapsThatAgree) {
  // Computed apart with 300 to 500 draws; within three standard errors of two such means.
  const Agreement table[] = {{0, 0, -.003, .004, .072},  {0, .6, .578, .005, .073}, {0, .9, .889, .024, .074},
                             {0, .99, .988, .077, .077}, {1.5, 0, .0, .002, .118},  {1.5, .9, .884, .143, .135}};
  for (const Agreement& want : table) {
    const Drawn got = drawn_correlations(want.r, want.smoothness);
    const double errors = want.smoothness == 0 ? .015 : .04;
    EXPECT_NEAR(got.by_ranks, want.by_ranks, errors) << want.r;
    EXPECT_NEAR(got.by_argsort, want.by_argsort, errors) << want.r;
    EXPECT_NEAR(got.deviation, want.deviation, .015) << want.r;
  }
}

}  // namespace
}  // namespace limn
