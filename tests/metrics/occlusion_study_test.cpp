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

struct Drawn {
  double by_ranks = 0, by_argsort = 0;
};

/// Mean correlations of pairs of maps of 196 independent cells whose own correlation is `r`.
Drawn mean_correlations(double r) {
  constexpr std::uint64_t kDraws = 500, kCells = 196;
  Drawn sum;
  for (std::uint64_t draw = 0; draw < kDraws; ++draw) {
    Values a, b;
    for (std::uint64_t i = 0; i < kCells; ++i) {
      a.push_back(gaussian(2 * draw, i));
      b.push_back(r * a.back() + std::sqrt(1 - r * r) * gaussian(2 * draw + 1, i));
    }
    sum.by_ranks += *spearman(a, b) / kDraws;
    sum.by_argsort += *spearman_of_argsort(a, b) / kDraws;
  }
  return sum;
}

struct Agreement {
  double r, by_ranks, by_argsort;
};

TEST(SortingOrders, HardlyCorrelateForMapsThatAgree) {
  // Within three standard errors of two means of hundreds of draws.
  const Agreement table[] = {{0, -.003, .004}, {.6, .578, .005}, {.9, .889, .024}, {.99, .988, .077}};
  for (const Agreement& want : table) {
    const Drawn got = mean_correlations(want.r);
    EXPECT_NEAR(got.by_ranks, want.by_ranks, .015) << want.r;
    EXPECT_NEAR(got.by_argsort, want.by_argsort, .015) << want.r;
  }
}

}  // namespace
}  // namespace limn
