// Worked numbers: computed apart, with SciPy and by hand.

#include "limn/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <numeric>

#include "limn/base/random.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using Values = std::vector<double>;

TEST(Ranks, AreSharedByEqualValues) {
  EXPECT_THAT(average_ranks(Values{1, 2, 2, 4}), ElementsAre(1, 2.5, 2.5, 4));
  EXPECT_THAT(average_ranks(Values{3, 1, 2}), ElementsAre(3, 1, 2));
  EXPECT_TRUE(average_ranks({}).empty());
}

TEST(Correlation, OfRanks) {
  EXPECT_NEAR(*spearman(Values{1, 2, 2, 4}, Values{1, 3, 2, 4}), .948683, 1e-6);
  EXPECT_NEAR(*spearman(Values{.1, .4, .2, .9, .7, .3}, Values{.2, .5, .1, .8, .9, .3}), .885714, 1e-6);
  EXPECT_NEAR(*spearman(Values{3, 1, 2, 4}, Values{30, 10, 40, 20}), .2, 1e-12);
  EXPECT_NEAR(*kendall_tau_b(Values{1, 2, 3, 4}, Values{1, 3, 2, 4}), .666667, 1e-6);
  EXPECT_FALSE(spearman(Values{1, 1, 1}, Values{1, 2, 3}));
  EXPECT_FALSE(kendall_tau_b(Values{1, 1, 1}, Values{1, 2, 3}));
  EXPECT_ERROR(pearson(Values{1}, Values{1, 2}), ErrorCode::bad_input, testing::HasSubstr("paired"));
}

TEST(Correlation, OfSortingOrdersIsSomethingElse) {
  EXPECT_NEAR(*spearman_of_argsort(Values{.1, .4, .2, .9, .7, .3}, Values{.2, .5, .1, .8, .9, .3}), .714286, 1e-6);
  EXPECT_NEAR(*spearman_of_argsort(Values{3, 1, 2, 4}, Values{30, 10, 40, 20}), .8, 1e-12);
}

TEST(Correlation, OfRanksIgnoresAnyRisingFunction) {
  Values a, b, warped;
  for (std::uint64_t i = 0; i < 50; ++i) {
    a.push_back(random_unit(1, i));
    b.push_back(a.back() + random_unit(2, i));
    warped.push_back(std::exp(3 * b.back()));
  }
  EXPECT_DOUBLE_EQ(*spearman(a, b), *spearman(a, warped));
}

TEST(RocArea, CountsTiesHalf) {
  const std::array labels{false, true, false, true};
  EXPECT_NEAR(*roc_auc(Values{.1, .4, .35, .8}, labels), 1.0, 1e-12);
  EXPECT_NEAR(*roc_auc(Values{1, 1, 1, 1}, labels), .5, 1e-12);
  EXPECT_FALSE(roc_auc(Values{1, 2}, std::array{true, true}));
}

TEST(Percentile, IsLinearBetweenValues) {
  const Values values{1, 2, 4, 8, 16};
  EXPECT_NEAR(percentile(values, 1), 1.04, 1e-12);
  EXPECT_NEAR(percentile(values, 10), 1.4, 1e-12);
  EXPECT_NEAR(percentile(values, 50), 4, 1e-12);
  EXPECT_NEAR(percentile(values, 80), 9.6, 1e-12);
  EXPECT_NEAR(percentile(values, 100), 16, 1e-12);
  EXPECT_ERROR(percentile({}, 50), ErrorCode::bad_input, testing::HasSubstr("no values"));
}

TEST(Trapezoid, JoinsPoints) { EXPECT_DOUBLE_EQ(trapezoid(Values{0, 1, 3}, Values{0, 2, 4}), 7); }

void expect_interval(const Interval& interval, double low, double high, double tolerance = 1e-6) {
  EXPECT_NEAR(interval.low, low, tolerance);
  EXPECT_NEAR(interval.high, high, tolerance);
}

TEST(Wilson, WorkedNumbers) {
  expect_interval(wilson(0, 10), 0, .277533);
  expect_interval(wilson(8, 10), .490162, .943318);
  expect_interval(wilson(.5582 * 49986, 49986), .553842, .562549);
  expect_interval(wilson(.8642 * 49986, 49986), .861169, .867175);
  expect_interval(wilson(76, 250), .250303, .363630);
  expect_interval(wilson(0, 0), 0, 1);
}

TEST(Newcombe, HoldsTheDifference) {
  const Interval interval = newcombe(56, 70, 48, 80);  // 0.2: Newcombe 1998, method 10: .0524 to .3339
  expect_interval(interval, .0524, .3339, 5e-5);
}

TEST(Bootstrap, IsRepeatableAndNearTheNormalInterval) {
  Values values;
  for (std::uint64_t i = 0; i < 400; ++i) values.push_back(random_unit(11, i));
  const auto a = summarise_mean(values, 5), b = summarise_mean(values, 5), c = summarise_mean(values, 6);
  EXPECT_EQ(a->interval.low, b->interval.low);
  EXPECT_NE(a->interval.low, c->interval.low);
  EXPECT_EQ(a->count, 400);
  const double half = 1.96 * a->deviation / 20;
  expect_interval(a->interval, a->mean - half, a->mean + half, 0.004);
  const auto bca = bca_interval(values, 5);
  expect_interval(*bca, a->interval.low, a->interval.high, 0.004);
  EXPECT_FALSE(summarise_mean({}, 5));
  EXPECT_FALSE(bca_interval(Values{1, 1, 1}, 5));
}

TEST(Bootstrap, AcceleratedIntervalFollowsTheSkew) {
  Values values;
  for (std::uint64_t i = 0; i < 60; ++i) values.push_back(std::pow(random_unit(12, i), 6));
  const auto plain = summarise_mean(values, 1)->interval;
  const auto bca = *bca_interval(values, 1);
  EXPECT_GT(bca.low, plain.low);
  EXPECT_GT(bca.high, plain.high);
}

TEST(McNemar, WorkedNumbers) {
  EXPECT_NEAR(mcnemar_exact(40, 22), .030016, 1e-6);
  EXPECT_NEAR(mcnemar_chi_squared(40, 22), .030850, 1e-6);
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
  EXPECT_EQ(mcnemar_exact(3, 3), 1);
  EXPECT_NEAR(mcnemar_exact(0, 10), 2 * std::pow(.5, 10), 1e-12);
}

TEST(PairedTests, WorkedNumbers) {
  const Values d{.05, .10, -.02, .20, .01, .03, .08, 0};
  const auto t = paired_t(d);
  EXPECT_NEAR(t->t, 2.2504, 5e-5);
  EXPECT_NEAR(t->p, .05916, 5e-6);
  EXPECT_NEAR(t->effect, .795637, 1e-6);
  EXPECT_NEAR(*sign_flip(d, 0), .046875, 1e-12);
  EXPECT_FALSE(paired_t(Values{1, 1, 1}));
  EXPECT_FALSE(wilcoxon_signed_rank(Values{0, 0}));
}

TEST(Wilcoxon, ExactForFewAndNormalForMany) {
  EXPECT_NEAR(*wilcoxon_signed_rank(Values{1, 2, 3, 4, 5, 6}), 2.0 / 64, 1e-12);
  EXPECT_NEAR(*wilcoxon_signed_rank(Values{1, -2, 3, 4, 5, 6}), 6.0 / 64, 1e-12);  // sums 0, 1, 2: 1 + 1 + 1 ways
  Values many;
  for (int i = 1; i <= 40; ++i) many.push_back(i % 4 == 0 ? -i : i);
  EXPECT_NEAR(*wilcoxon_signed_rank(many), .01043, 5e-4);
}

TEST(SignFlip, SamplesAboveTwentyDifferences) {
  Values d;
  for (std::uint64_t i = 0; i < 30; ++i) d.push_back(random_unit(4, i) - .35);
  const double p = *sign_flip(d, 9);
  EXPECT_NEAR(p, paired_t(d)->p, .02);
  EXPECT_EQ(p, *sign_flip(d, 9));
}

TEST(Corrections, HolmAndBenjaminiHochberg) {
  const Values p{.004, .02, .03, .2};
  EXPECT_THAT(holm(p), ElementsAre(DoubleNear(.016, 1e-12), DoubleNear(.06, 1e-12), DoubleNear(.06, 1e-12),
                                   DoubleNear(.2, 1e-12)));
  EXPECT_THAT(benjamini_hochberg(p), ElementsAre(DoubleNear(.016, 1e-12), DoubleNear(.04, 1e-12),
                                                 DoubleNear(.04, 1e-12), DoubleNear(.2, 1e-12)));
  EXPECT_THAT(holm(Values{.2, .004}), ElementsAre(DoubleNear(.2, 1e-12), DoubleNear(.008, 1e-12)));
}

TEST(Distributions, KnownValues) {
  EXPECT_NEAR(normal_quantile(.975), 1.959963985, 1e-9);
  EXPECT_NEAR(normal_quantile(.001), -3.090232306, 1e-9);
  EXPECT_NEAR(normal_cdf(normal_quantile(.3)), .3, 1e-14);
  EXPECT_NEAR(student_t_cdf(2.2504, 7), 1 - .05916 / 2, 5e-6);
  EXPECT_NEAR(student_t_cdf(-1, 1), .25, 1e-12);
  EXPECT_NEAR(student_t_cdf(12.7062047, 1), .975, 1e-9);
  EXPECT_NEAR(chi_squared_survival(3.841458821), .05, 1e-9);
}

}  // namespace
}  // namespace limn
