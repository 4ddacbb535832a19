// Precision and recall of pixels, on examples worked by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/metrics.h"
#include "support/expect_error.h"
#include "support/masks.h"

namespace limn {
namespace {

using testing::HasSubstr;

PixelCounts counted(std::size_t bins, const Heatmap& map, const Mask& mask) {
  PixelCounts counts(bins);
  counts.add(map, mask);
  return counts;
}

const std::vector<float> kScores{.05F, .15F, .35F, .65F, .95F, .85F, .55F, .25F};
const std::vector<MaskPixel> kLabels{kGround, kGround, kObject, kObject, kObject, kGround, kObject, kGround};

/// Objects at .95, .65, .55, .35 with one other pixel above the last three: (1 + 2/3 + 3/4 + 4/5) / 4.
TEST(PixelAveragePrecision, WorkedExample) {
  const auto counts = counted(10, Heatmap(8, 1, kScores), mask_of(8, 1, kLabels));
  EXPECT_NEAR(*pixel_average_precision(counts), 0.804167, 1e-6);
  const auto curve = precision_recall(counts);
  ASSERT_EQ(curve.size(), 10U);  // no pixel has a score of 1
  EXPECT_DOUBLE_EQ(curve[0].threshold, 0.9);
  EXPECT_EQ(curve[0].precision, 1);
  EXPECT_EQ(curve[0].recall, 0.25);
  EXPECT_EQ(curve[1].precision, 0.5);
  EXPECT_EQ(curve[9].threshold, 0);
  EXPECT_EQ(curve[9].precision, 0.5);
  EXPECT_EQ(curve[9].recall, 1);
}

/// A map of 4 x 4 against the square in the middle, which it finds, and the one at the lower right, whose pixels
/// are .6, .5, .1 and 0: (1/4 + 2/5 + 3/12 + 4/16) / 4.
TEST(PixelAveragePrecision, TwoMasksOfOneMap) {
  const Heatmap map(4, 4,
                    std::vector<float>{0, .1F, .2F, 0, .1F, .9F, .8F, .1F, .2F, .7F, .6F, 0, .4F, 0, .1F, .5F});
  const auto square = [](int first) {
    Mask mask(4, 4);
    for (int y = first; y < first + 2; ++y)
      for (int x = first; x < first + 2; ++x) mask.at(x, y) = kObject;
    return mask;
  };
  EXPECT_DOUBLE_EQ(*pixel_average_precision(counted(100, map, square(1))), 1);
  EXPECT_DOUBLE_EQ(*pixel_average_precision(counted(100, map, square(2))), 0.2875);
}

TEST(PixelAveragePrecision, OfAConstantIsThePrevalence) {
  for (const float value : {0.0F, 0.3F, 1.0F}) {
    const Heatmap map(4, 1, std::vector<float>(4, value));
    EXPECT_EQ(pixel_average_precision(counted(100, map, mask_of(4, 1, {kObject, kGround, kGround, kGround}))),
              0.25);
  }
}

TEST(PixelAveragePrecision, LeavesIgnoredPixelsOut) {
  auto labels = kLabels;
  labels[5] = kIgnored;  // the pixel beside the objects with a score among theirs
  EXPECT_EQ(pixel_average_precision(counted(10, Heatmap(8, 1, kScores), mask_of(8, 1, labels))), 1);
  EXPECT_FALSE(pixel_average_precision(counted(10, Heatmap(1, 1), mask_of(1, 1, {kIgnored}))));
  EXPECT_FALSE(pixel_average_precision(counted(10, Heatmap(1, 1), mask_of(1, 1, {kGround}))));
}

TEST(PixelCounts, AddUpToThoseOfAllImages) {
  PixelCounts parts(10);
  for (int half = 0; half < 2; ++half) {
    const auto from = [&](const auto& all) {
      return std::vector(all.begin() + 4 * half, all.begin() + 4 * half + 4);
    };
    parts.add(counted(10, Heatmap(4, 1, from(kScores)), mask_of(4, 1, from(kLabels))));
  }
  EXPECT_EQ(parts, counted(10, Heatmap(8, 1, kScores), mask_of(8, 1, kLabels)));
}

TEST(PixelCounts, BinsBeginAtTheirEdges) {
  const auto counts = counted(4, Heatmap(5, 1, std::vector<float>{0, .25F, .5F, .99F, 1}),
                              mask_of(5, 1, std::vector<MaskPixel>(5, kObject)));
  EXPECT_THAT(counts.object, testing::ElementsAre(1, 1, 1, 1, 1));
  EXPECT_THAT(counts.background, testing::Each(0));
}

TEST(PixelCounts, RefusesWhatDoesNotFit) {
  PixelCounts counts(10);
  EXPECT_ERROR(counts.add(Heatmap(2, 1), Mask(1, 2)), ErrorCode::bad_input, HasSubstr("2x1"));
  EXPECT_ERROR(counts.add(Heatmap(1, 1, std::vector<float>{1.5F}), Mask(1, 1)), ErrorCode::bad_input,
               HasSubstr("1.5"));
  EXPECT_ERROR(counts.add(PixelCounts(9)), ErrorCode::bad_input, HasSubstr("different bins"));
  EXPECT_ERROR(PixelCounts(0), ErrorCode::bad_input, HasSubstr("no bins"));
}

}  // namespace
}  // namespace limn
