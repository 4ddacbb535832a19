#include "limn/heatmap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/expect_error.h"

namespace limn {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing::Pointwise;

Heatmap map_of(int width, int height, std::vector<float> values) { return {width, height, values}; }

std::vector<float> row_of(const Heatmap& map, int y) {
  return {map.values.begin() + y * map.width, map.values.begin() + (y + 1) * map.width};
}

constexpr float kClose = 2e-6F;

TEST(Upsample, BilinearGoldens) {
  const Heatmap a = upsample(map_of(2, 2, {0, 1, 2, 4}), 4, 4);
  EXPECT_THAT(row_of(a, 0), ElementsAre(0, 0.25F, 0.75F, 1));
  EXPECT_THAT(row_of(a, 1), ElementsAre(0.5F, 0.8125F, 1.4375F, 1.75F));
  const Heatmap cam = upsample(map_of(2, 2, {.1F, .1F, 0, .1F}), 4, 4);
  EXPECT_THAT(cam.values, Pointwise(FloatNear(1e-7F),
                                    std::vector<float>{.1F, .1F, .1F, .1F, .075F, .08125F, .09375F, .1F, .025F,
                                                       .04375F, .08125F, .1F, 0.F, .025F, .075F, .1F}));
}

TEST(Upsample, BicubicGoldens) {
  const Heatmap a = upsample(map_of(2, 2, {0, 1, 2, 4}), 4, 4, Upsampling::bicubic);
  EXPECT_THAT(row_of(a, 0),
              Pointwise(FloatNear(kClose), std::vector<float>{-.305283F, -.00827F, .480927F, .777939F}));
  const Heatmap b = upsample(map_of(2, 2, {0, 1, 2, 3}), 4, 4, Upsampling::bicubic);
  EXPECT_THAT(row_of(b, 0),
              Pointwise(FloatNear(kClose), std::vector<float>{-0.316406F, 0.015625F, 0.5625F, 0.894531F}));
  const Heatmap c = upsample(map_of(3, 3, {0, 1, 0, 2, 4, 1, 0, 1, 3}), 5, 5, Upsampling::bicubic);
  EXPECT_THAT(row_of(c, 2), Pointwise(FloatNear(kClose), std::vector<float>{1.808F, 2.992F, 4, 2.308F, .712F}));
}

TEST(Upsample, NearestRepeats) {
  const Heatmap a = upsample(map_of(3, 1, {1, 2, 3}), 7, 2, Upsampling::nearest);
  EXPECT_THAT(row_of(a, 1), ElementsAre(1, 1, 1, 2, 2, 3, 3));
}

TEST(Upsample, TheSameSizeChangesNothing) {
  const Heatmap a = map_of(3, 2, {1, 2, 3, 4, 5, 6});
  for (const auto mode : {Upsampling::bilinear, Upsampling::nearest, Upsampling::bicubic}) {
    EXPECT_EQ(upsample(a, 3, 2, mode), a);
    EXPECT_EQ(parse_upsampling(name_of(mode)), mode);
  }
  EXPECT_ERROR(upsample(a, 0, 3), ErrorCode::bad_input, HasSubstr("0x3"));
  EXPECT_ERROR(parse_upsampling("lanczos"), ErrorCode::bad_input, HasSubstr("lanczos"));
}

TEST(Normalise, MapsToZeroAndOne) {
  const auto n = normalise(map_of(2, 2, {-1, 0, 1, 3}));
  EXPECT_THAT(n.heatmap.values, ElementsAre(0, 0.25F, 0.5F, 1));
  EXPECT_EQ(n.raw_min, -1);
  EXPECT_EQ(n.raw_max, 3);
  EXPECT_FALSE(n.degenerate);
}

TEST(Normalise, KeepsTheWholeRangeOfFloats) {
  constexpr float kMost = std::numeric_limits<float>::max();
  EXPECT_THAT(normalise(map_of(3, 1, {-kMost, 0, kMost})).heatmap.values, ElementsAre(0, 0.5F, 1));
  const auto small = normalise(map_of(2, 1, {0, 1e-9F}));
  EXPECT_FALSE(small.degenerate);
  EXPECT_THAT(small.heatmap.values, ElementsAre(0, 1));
}

TEST(Normalise, AConstantMapIsDegenerateAndZero) {
  for (const float v : {0.0F, 5.0F, -3.0F}) {
    const auto n = normalise(map_of(2, 1, {v, v}));
    EXPECT_TRUE(n.degenerate);
    EXPECT_THAT(n.heatmap.values, ElementsAre(0, 0));
    EXPECT_EQ(n.raw_max, v);
  }
  EXPECT_TRUE(normalise(map_of(2, 1, {0, 1e-13F})).degenerate);
}

TEST(Normalise, ValuesThatAreNoNumbersAreNamed) {
  EXPECT_ERROR(normalise(map_of(2, 1, {0, NAN}), "the Grad-CAM map"), ErrorCode::bad_input,
               HasSubstr("the Grad-CAM map holds NaN at element 1 of 2"));
  EXPECT_ERROR(normalise(map_of(2, 1, {-INFINITY, 0})), ErrorCode::bad_input, HasSubstr("infinite"));
}

TEST(Channels, TheLargestMagnitudeWins) {
  const std::vector<float> g{1, -2, 3, -4, 0.5F, 2};
  EXPECT_THAT(max_abs_over_channels(g, 3, 1, 2).values, ElementsAre(3, 4));
  EXPECT_ERROR(max_abs_over_channels(std::vector<float>{NAN, 5}, 2, 1, 1), ErrorCode::bad_input, HasSubstr("NaN"));
  EXPECT_ERROR(max_abs_over_channels(g, 3, 2, 2), ErrorCode::bad_input, HasSubstr("[3, 2, 2]"));
}

TEST(PeakOfAMap, IsTheFirstLargest) {
  const Peak p = peak(map_of(3, 2, {0, 7, 1, 7, 0, 0}));
  EXPECT_EQ(p.x, 1);
  EXPECT_EQ(p.y, 0);
  EXPECT_EQ(p.value, 7);
}

/// Digits are tenths of the maximum, as a picture of text.
Heatmap drawn(const std::vector<std::string>& rows) {
  Heatmap map(static_cast<int>(rows[0].size()), static_cast<int>(rows.size()));
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < map.width; ++x)
      map.at(x, y) = rows[y][x] == '#' ? 1.0F : static_cast<float>(rows[y][x] - '0') / 10;
  return map;
}

TEST(LargestBox, TakesTheRegionOfMostPixelsNotOfTheLargestRectangle) {
  // Both have nine pixels; the square is hotter. Its rival's rectangle is larger.
  const Heatmap map = drawn({"0000000000", "0###000000", "0###000000", "0###000000", "0000000000", "0000000000",
                             "0055555550", "0000000550", "0000000000", "0000000001"});
  EXPECT_EQ(largest_box(map), (Box{1, 1, 4, 4}));
}

TEST(LargestBox, DiagonalNeighboursAreConnected) {
  EXPECT_EQ(largest_box(drawn({"#000#", "0#00#", "00#00"})), (Box{0, 0, 3, 3}));
}

TEST(LargestBox, TheThresholdItselfIsOutside) {
  Heatmap map(4, 1);
  map.values = {1, 0.5F, 0.25F, 0};
  EXPECT_EQ(largest_box(map, 0.25), (Box{0, 0, 2, 1}));
  EXPECT_EQ(largest_box(map, 0.2), (Box{0, 0, 3, 1}));
  map.values = {2, 0.31F, 0.29F, 0};  // relative to the maximum
  EXPECT_EQ(largest_box(map), (Box{0, 0, 2, 1}));
}

TEST(LargestBox, TiesGoToTheHotterThenTheUpperThenTheLeftOne) {
  EXPECT_EQ(largest_box(drawn({"88000##", "0000000", "8800000"})), (Box{5, 0, 7, 1}));
  EXPECT_EQ(largest_box(drawn({"00##000", "0000000", "##00000"})), (Box{2, 0, 4, 1}));
  EXPECT_EQ(largest_box(drawn({"##000##"})), (Box{0, 0, 2, 1}));
}

TEST(LargestBox, AnEmptyMapHasNone) {
  EXPECT_FALSE(largest_box(Heatmap(3, 3)));
  EXPECT_FALSE(largest_box(map_of(2, 1, {-1, -2})));
  EXPECT_ERROR(largest_box(map_of(2, 1, {NAN, 0})), ErrorCode::bad_input, HasSubstr("NaN"));
  EXPECT_ERROR(largest_box(Heatmap()), ErrorCode::bad_input, HasSubstr("0x0"));
}

TEST(LargestBox, TheWholeMap) { EXPECT_EQ(largest_box(drawn({"###", "###"})), (Box{0, 0, 3, 2})); }

TEST(HeatmapType, ChecksItsSize) {
  EXPECT_ERROR(Heatmap(2, 2, std::vector<float>{1, 2, 3}), ErrorCode::bad_input, HasSubstr("3 values"));
  EXPECT_ERROR(Heatmap(0, 2), ErrorCode::bad_input, HasSubstr("0x2"));
}

}  // namespace
}  // namespace limn
