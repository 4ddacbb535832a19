// Boxes from maps, and what they are measured by.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/base/random.h"
#include "limn/metrics.h"
#include "plain_sweep.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

/// Two regions of nine pixels: a block at (1, 1) of heat 1, and an angle of heat .5 below.
Heatmap block_and_angle() {
  Heatmap map(10, 10);
  for (int y = 1; y <= 3; ++y)
    for (int x = 1; x <= 3; ++x) map.at(x, y) = 1;
  for (int x = 2; x <= 8; ++x) map.at(x, 6) = 0.5F;
  map.at(8, 7) = map.at(8, 8) = 0.5F;
  map.at(9, 9) = 0.1F;
  return map;
}

TEST(PredictedBox, TheRulesDiffer) {
  const Heatmap map = block_and_angle();
  EXPECT_THAT(predicted_boxes(map, 0.15),
              ElementsAre(Box{1, 1, 4, 4}, Box{2, 6, 9, 9}, Box{1, 1, 4, 4}));  // nine pixels both: the hotter
  EXPECT_EQ(predicted_box(map, 0.15, RegionRule::rectangle), (Box{2, 6, 9, 9}));
  for (const auto& box : predicted_boxes(Heatmap(4, 4), 0.15)) EXPECT_FALSE(box);
}

/// A line has more pixels and the larger rectangle, but no area.
TEST(PredictedBox, AContourRunsThroughCentres) {
  Heatmap map(9, 9);
  for (int x = 0; x < 9; ++x) map.at(x, x) = 1;
  for (const auto& [x, y] : {std::pair(0, 7), {1, 7}, {0, 8}, {1, 8}}) map.at(x, y) = 1;
  EXPECT_THAT(predicted_boxes(map, 0.15), ElementsAre(Box{0, 0, 9, 9}, Box{0, 0, 9, 9}, Box{0, 7, 2, 9}));
}

TEST(PredictedBox, OfEqualOnesTheLater) {
  Heatmap map(5, 5);
  map.at(0, 0) = map.at(4, 0) = map.at(2, 4) = 1;
  EXPECT_EQ(predicted_box(map, 0.15, RegionRule::rectangle), (Box{2, 4, 3, 5}));
  EXPECT_EQ(predicted_box(map, 0.15, RegionRule::contour), (Box{2, 4, 3, 5}));
  EXPECT_EQ(predicted_box(map, 0.15, RegionRule::region), (Box{0, 0, 1, 1}));
}

TEST(RegionRules, HaveNames) {
  for (const RegionRule rule : kRegionRules) EXPECT_EQ(parse_region_rule(name_of(rule)), rule);
  EXPECT_ERROR(parse_region_rule("area"), ErrorCode::bad_input, HasSubstr("region, rectangle or contour"));
}

TEST(Iou, OfHalfOpenAndOfInclusiveBoxes) {
  const Box truth{2, 1, 5, 5}, block{1, 1, 4, 4};
  EXPECT_NEAR(iou(block, truth), 6.0 / 15, 1e-12);
  EXPECT_EQ(iou({2, 6, 9, 9}, truth), 0);
  EXPECT_NEAR(iou_inclusive(block, truth), 12.0 / 24, 1e-12);
  EXPECT_NEAR(iou_inclusive({1, 2, 5, 6}, {3, 1, 4, 5}), 8.0 / 27, 1e-12);
  EXPECT_EQ(iou({1, 1, 1, 1}, {1, 1, 1, 1}), 0);
}

TEST(Iou, IsSymmetricAndOneOnItself) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    const auto edge = [&](std::uint64_t n) { return 100 * random_unit(7, 8 * i + n); };
    const Box a{edge(0), edge(1), edge(0) + edge(2) + 1, edge(1) + edge(3) + 1};
    const Box b{edge(4), edge(5), edge(4) + edge(6) + 1, edge(5) + edge(7) + 1};
    EXPECT_DOUBLE_EQ(iou(a, b), iou(b, a));
    EXPECT_NEAR(iou(a, a), 1, 1e-12);
    EXPECT_LE(iou(a, b), 1);
  }
}

TEST(LocalizationBar, RelaxesForSmallBoxes) {
  const auto bar = [](double m, double n) { return localization_bar({0, 0, m, n}); };
  EXPECT_NEAR(bar(3, 4), 0.0659, 5e-5);
  EXPECT_NEAR(bar(20, 20), 0.4444, 5e-5);
  EXPECT_NEAR(bar(24, 24), 0.4983, 5e-5);
  EXPECT_EQ(bar(25, 25), 0.5);
  EXPECT_EQ(bar(30, 20), 0.5);
  EXPECT_NEAR(bar(224, 10), 0.4786, 5e-5);
}

TEST(Localizes, AnyTruthByItsOwnBar) {
  const Box predicted{0, 0, 10, 10};
  EXPECT_FALSE(localizes(predicted, std::vector<Box>{{7, 0, 17, 10}}));  // IoU 3/17, bar 1/4
  EXPECT_TRUE(localizes(predicted, std::vector<Box>{{50, 50, 60, 60}, {4, 0, 12, 10}}));
  EXPECT_FALSE(localizes(predicted, {}));
}

/// One region, whose box shrinks as the threshold rises.
TEST(BoxCurve, FollowsTheBoxOfAnUnimodalMap) {
  const Heatmap map(5, 4, std::vector<float>{0, 0,   0,   0,   0,    //
                                             0, 102, 102, 102, 153,  //
                                             0, 102, 255, 204, 153,  //
                                             0, 102, 102, 102, 153});
  const std::vector<std::pair<std::size_t, Box>> expected{
      {0, {1, 1, 5, 4}}, {20, {1, 1, 5, 4}}, {40, {2, 1, 5, 4}}, {60, {2, 2, 4, 3}}, {80, {2, 2, 3, 3}}};
  for (const auto& [i, box] : expected) {
    const BoxCurve curve = box_curve(map, std::vector<Box>{box});
    EXPECT_EQ(curve.largest[i], 1) << i;
    EXPECT_EQ(curve.any[i], 1) << i;
  }
}

/// A map of one of five kinds: noise, noise with few values, grown noise, grown noise with plateaus, mirrored noise
/// (whose regions come in pairs of equal size and heat).
Heatmap made_map(std::uint64_t seed, int width, int height) {
  const auto noise = [&](int w, int h) {
    Heatmap map(w, h);
    for (std::size_t i = 0; i < map.values.size(); ++i)
      map.values[i] = static_cast<float>(random_unit(seed, i)) - 0.2F;
    return map;
  };
  const auto stepped = [](Heatmap map, float steps) {
    for (float& v : map.values) v = std::floor(v * steps) / steps;
    return map;
  };
  const auto grown = [&] { return upsample(noise(width / 4 + 1, height / 4 + 1), width, height); };
  switch (seed % 5) {
    case 0: return noise(width, height);
    case 1: return stepped(noise(width, height), 12);
    case 2: return grown();
    case 3: return stepped(grown(), 7);
    default: break;
  }
  Heatmap map = noise(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = width / 2; x < width; ++x) map.at(x, y) = map.at(width - 1 - x, y);
  return map;
}

TEST(BoxCurve, IsBitForBitThatOfAllRegionsAtEveryThreshold) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto draw = [&](std::uint64_t n, int most) {
      return static_cast<int>(random_unit(seed + 1000, n) * most);
    };
    const int width = 1 + draw(0, 40), height = 1 + draw(1, 40);
    const Heatmap map = made_map(seed, width, height);
    std::vector<Box> truths;
    for (std::uint64_t t = 0; t < seed % 4; ++t) {
      const double x = draw(10 + t, width), y = draw(20 + t, height);
      truths.push_back({x, y, x + 1 + draw(30 + t, width), y + 0.5 + draw(40 + t, height)});
    }
    const BoxCurve fast = box_curve(map, truths), plain = test::plain_box_curve(map, truths);
    EXPECT_EQ(fast.largest, plain.largest) << seed;
    EXPECT_EQ(fast.any, plain.any) << seed;
  }
}

/// The plain way itself, against regions that are filled one at a time.
TEST(PlainSweep, AgreesWithOneThresholdAtATime) {
  Heatmap map(23, 17);
  for (std::size_t i = 0; i < map.values.size(); ++i)
    map.values[i] = static_cast<float>(std::floor(12 * random_unit(3, i)) / 12);
  std::vector<double> thresholds;
  for (int i = 0; i < 20; ++i) thresholds.push_back(i / 20.0);
  test::PlainSweep sweep(map, thresholds);
  while (sweep.next()) {
    const auto one_by_one = regions_above(map, thresholds[sweep.threshold_index()]);
    const auto found = sweep.regions();
    ASSERT_EQ(found.size(), one_by_one.size());
    for (const Region& region : one_by_one)
      EXPECT_TRUE(std::ranges::any_of(found, [&](const Region& r) {
        return r.box == region.box && r.pixels == region.pixels && std::abs(r.heat - region.heat) < 1e-6;
      }));
    if (found.empty()) continue;
    EXPECT_EQ(std::ranges::min_element(found, is_larger)->pixels,
              std::ranges::min_element(one_by_one, is_larger)->pixels);
  }
}

TEST(BoxCurve, TakesTheBestOfAllRegionsOrTheLargest) {
  const Heatmap map = block_and_angle();
  const BoxCurve curve = box_curve(map, std::vector<Box>{{2, 6, 9, 9}});
  ASSERT_EQ(curve.largest.size(), 100U);
  EXPECT_EQ(curve.largest[15], 0);
  EXPECT_EQ(curve.any[15], 1);
  EXPECT_EQ(curve.any[49], 1);
  EXPECT_EQ(curve.any[51], 0);
  EXPECT_EQ(box_curve(Heatmap(3, 3), std::vector<Box>{{0, 0, 1, 1}}).any[0], 0);
}

TEST(MaxBoxAccuracy, TakesTheBestThresholdForEachBar) {
  const std::vector<std::vector<double>> curves{{.35, .55, .72}, {.62, .52, .28}};
  EXPECT_THAT(box_accuracy(curves, 0.3), ElementsAre(1, 1, .5));
  EXPECT_THAT(box_accuracy(curves, 0.5), ElementsAre(.5, 1, .5));
  EXPECT_THAT(box_accuracy(curves, 0.7), ElementsAre(0, 0, .5));
  EXPECT_EQ(max_box_accuracy(curves), 1);
  EXPECT_NEAR(max_box_accuracy_v2(curves), 0.83333, 1e-5);
}

TEST(CalibratedIndex, IsTheLowestOfTheSmoothedMaxima) {
  EXPECT_EQ(calibrated_index(std::vector<double>{0, 0, 1, 1, 1, 1, 1, 1, 0, 0}), 4U);
  EXPECT_EQ(calibrated_index(std::vector<double>{.2, .2, .2}), 0U);
  EXPECT_EQ(calibrated_index({}), 0U);
}

TEST(PointsAt, ClosedAndHalfOpenBounds) {
  const std::vector<Box> truths{{10, 10, 20, 20}};
  EXPECT_TRUE(points_at(10, 10, truths));
  EXPECT_TRUE(points_at(19, 19, truths));
  EXPECT_FALSE(points_at(20, 10, truths));
  EXPECT_TRUE(points_at(20, 20, truths, Bounds::closed));
  EXPECT_FALSE(points_at(21, 20, truths, Bounds::closed));
  EXPECT_FALSE(points_at(9, 10, truths, Bounds::closed));
}

TEST(PointsAt, ToleranceIsADistance) {
  const std::vector<Box> truths{{10, 10, 20, 20}};
  EXPECT_TRUE(points_at(34, 15, truths, Bounds::half_open, 15));
  EXPECT_FALSE(points_at(35, 15, truths, Bounds::half_open, 15));
  EXPECT_FALSE(points_at(32, 32, truths, Bounds::half_open, 15));  // 12.5 both ways: farther than 15
  EXPECT_TRUE(points_at(30, 30, truths, Bounds::half_open, 15));
}

TEST(EnergyInside, CountsPositiveHeatOnce) {
  const Heatmap map(2, 2, std::vector<float>{1, 2, -5, 1});
  EXPECT_NEAR(*energy_inside(map, std::vector<Box>{{1, 0, 2, 1}, {1, 0, 2, 1}}), 0.5, 1e-12);
  EXPECT_FALSE(energy_inside(Heatmap(2, 2), std::vector<Box>{{0, 0, 1, 1}}));
}

TEST(WithRejection, IsAnAgreementOfAllCells) {
  const std::vector<PointingCell> cells{{true, true, .9},   {false, false, .6}, {false, false, .2},
                                        {false, false, .4}, {true, false, .3},  {false, false, .7}};
  const RejectionScores scores = with_rejection(cells, 0.5);
  EXPECT_DOUBLE_EQ(scores.agreement, 0.5);
  EXPECT_DOUBLE_EQ(*scores.recall, 0.5);
  EXPECT_DOUBLE_EQ(*scores.precision, 1.0 / 3);
  EXPECT_DOUBLE_EQ(with_rejection(cells, 100).agreement, 4.0 / 6);  // rejecting everything
  EXPECT_FALSE(with_rejection(cells, 100).precision);
}

}  // namespace
}  // namespace limn
