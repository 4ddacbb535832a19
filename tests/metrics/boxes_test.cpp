// Boxes from maps, and what they are measured by.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/base/random.h"
#include "limn/metrics.h"

namespace limn {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

/// Two regions of nine pixels: a block at (1, 1) of heat 1, and an angle of heat .5 below.
Heatmap block_and_angle() {
  Heatmap map(10, 10);
  for (int y = 1; y <= 3; ++y)
    for (int x = 1; x <= 3; ++x) map.at(x, y) = 1;
  for (int x = 2; x <= 8; ++x) map.at(x, 6) = 0.5F;
  map.at(7, 7) = map.at(8, 8) = 0.5F;
  map.at(9, 9) = 0.1F;
  return map;
}

TEST(PredictedBox, LargestRegionAndLargestRectangleDiffer) {
  const Heatmap map = block_and_angle();
  EXPECT_EQ(predicted_box(map, 0.15, RegionRule::pixels), (Box{1, 1, 4, 4}));  // of nine pixels both: the hotter
  EXPECT_EQ(predicted_box(map, 0.15, RegionRule::rectangle), (Box{2, 6, 9, 9}));
  EXPECT_FALSE(predicted_box(Heatmap(4, 4), 0.15, RegionRule::rectangle));
}

TEST(PredictedBox, EqualRectanglesGoToTheLaterOne) {
  Heatmap map(5, 5);
  map.at(0, 0) = map.at(4, 0) = map.at(2, 4) = 1;
  EXPECT_EQ(predicted_box(map, 0.15, RegionRule::rectangle), (Box{2, 4, 3, 5}));
  EXPECT_EQ(predicted_box(map, 0.15, RegionRule::pixels), (Box{0, 0, 1, 1}));
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
TEST(RegionSweep, FindsTheBoxesOfAnUnimodalMap) {
  const Heatmap map(5, 4, std::vector<float>{0, 0,   0,   0,   0,    //
                                             0, 102, 102, 102, 153,  //
                                             0, 102, 255, 204, 153,  //
                                             0, 102, 102, 102, 153});
  const std::vector<double> thresholds{0, 51, 102, 153, 204};
  std::vector<Box> boxes(5);
  RegionSweep sweep(map, thresholds);
  while (sweep.next()) {
    ASSERT_EQ(sweep.regions().size(), 1U);
    boxes[sweep.threshold_index()] = sweep.regions()[0].box;
  }
  EXPECT_THAT(boxes,
              ElementsAre(Box{1, 1, 5, 4}, Box{1, 1, 5, 4}, Box{2, 1, 5, 4}, Box{2, 2, 4, 3}, Box{2, 2, 3, 3}));
}

TEST(RegionSweep, AgreesWithOneThresholdAtATime) {
  Heatmap map(23, 17);
  for (std::size_t i = 0; i < map.values.size(); ++i)
    map.values[i] = static_cast<float>(std::floor(12 * random_unit(3, i)) / 12);
  std::vector<double> thresholds;
  for (int i = 0; i < 20; ++i) thresholds.push_back(i / 20.0);
  RegionSweep sweep(map, thresholds);
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
