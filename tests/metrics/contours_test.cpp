// Borders of regions, against OpenCV's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "limn/base/random.h"
#include "limn/metrics.h"

namespace limn {
namespace {

using testing::ElementsAre;

/// Values 1 where the text has '#'.
Heatmap drawn(const std::vector<std::string>& rows) {
  Heatmap map(static_cast<int>(rows[0].size()), static_cast<int>(rows.size()));
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < map.width; ++x)
      map.at(x, y) = rows[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] == '#';
  return map;
}

/// The area of the only region's border.
double area_of(const std::vector<std::string>& rows) {
  const auto contours = outer_contours(drawn(rows), 0.5);
  EXPECT_EQ(contours.size(), 1U);
  return contours[0].area;
}

TEST(Contours, AreasRunThroughTheCentres) {
  EXPECT_EQ(area_of({"###", "###", "###"}), 4);
  EXPECT_EQ(area_of({"#####"}), 0);
  EXPECT_EQ(area_of({".....", "..#.."}), 0);
  EXPECT_EQ(area_of({"#.", ".#"}), 0);
  EXPECT_EQ(area_of({"#######", "......#", "......#"}), 0.5);
}

void set(Heatmap& map, int x0, int y0, int side, float value) {
  for (int y = y0; y < y0 + side; ++y)
    for (int x = x0; x < x0 + side; ++x) map.at(x, y) = value;
}

TEST(Contours, HolesAndIslandsInThemAreWithin) {
  Heatmap ring(7, 7);
  set(ring, 1, 1, 5, 1);
  ring.at(3, 3) = 0;
  EXPECT_THAT(outer_contours(ring, 0.5), ElementsAre(Contour{{1, 1, 6, 6}, 16}));
  Heatmap map(12, 12);
  set(map, 1, 1, 10, 1);
  set(map, 3, 3, 6, 0);
  set(map, 5, 5, 2, 1);
  EXPECT_THAT(outer_contours(map, 0.5), ElementsAre(Contour{{1, 1, 11, 11}, 81}));
}

TEST(Contours, TheLastComesFirst) {
  const auto contours = outer_contours(drawn({"#.#", "...", ".#."}), 0.5);
  ASSERT_EQ(contours.size(), 3U);
  EXPECT_EQ(contours[0].box, (Box{1, 2, 2, 3}));
  EXPECT_EQ(contours[1].box, (Box{2, 0, 3, 1}));
  EXPECT_EQ(contours[2].box, (Box{0, 0, 1, 1}));
}

TEST(Contours, OfNothingAndOfEverything) {
  EXPECT_TRUE(outer_contours(Heatmap(4, 3), 0).empty());
  EXPECT_THAT(outer_contours(drawn({"####", "####", "####"}), 0.5), ElementsAre(Contour{{0, 0, 4, 3}, 6}));
}

/// As OpenCV finds them, in its order.
std::vector<Contour> by_opencv(const Heatmap& map, double threshold) {
  cv::Mat1b foreground(map.height, map.width);
  std::ranges::transform(map.values, foreground.begin(), [=](float v) { return v > threshold ? 1 : 0; });
  std::vector<std::vector<cv::Point>> borders;
  cv::findContours(foreground, borders, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  std::vector<Contour> found;
  for (const auto& border : borders) {
    const cv::Rect r = cv::boundingRect(border);
    const auto edge = [](int v) { return static_cast<double>(v); };
    found.push_back({{edge(r.x), edge(r.y), edge(r.x + r.width), edge(r.y + r.height)}, cv::contourArea(border)});
  }
  return found;
}

TEST(Contours, AreThoseOfOpenCv) {
  std::size_t all = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Heatmap map(1 + static_cast<int>(seed % 29), 1 + static_cast<int>(seed % 23));
    for (std::size_t i = 0; i < map.values.size(); ++i) map.values[i] = static_cast<float>(random_unit(seed, i));
    if (seed % 2 == 1) map = upsample(map, 3 * map.width, 2 * map.height);
    for (const double threshold : {0.2, 0.45, 0.6, 0.8}) {
      const auto contours = outer_contours(map, threshold);
      all += contours.size();
      ASSERT_EQ(contours, by_opencv(map, threshold)) << seed << " at " << threshold;
    }
  }
  EXPECT_GT(all, 10'000U);
}

}  // namespace
}  // namespace limn
