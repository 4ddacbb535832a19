// The share of activated pixels in a radiologist's box, on paper and in the study's files.

#include "limn/study/xray.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "limn/base/file.h"
#include "limn/metrics.h"
#include "limn/statistics.h"

namespace limn {
namespace {

Heatmap map_from(int width, int height, const std::vector<float>& values) { return {width, height, values}; }

/// 4 x 4; the range is that of 0 to 8.
Heatmap map_of_16() {
  return map_from(4, 4,
                  {-3, 0, 0, 0,  //
                   0, 8, 7, 0,   //
                   0, 4, 2, 0,   //
                   0, 0, 0, 8});
}

TEST(ActivatedPixels, WorkedExample) {
  const Box box{1, 1, 2.5, 3};  // centres of columns 1 and not 2, rows 1 and 2
  const auto expect = [&](double fraction, std::int64_t all, std::int64_t inside) {
    const ActivatedPixels pixels = activated_pixels(map_of_16(), fraction, box);
    EXPECT_EQ(pixels.all, all) << fraction;
    EXPECT_EQ(pixels.inside, inside) << fraction;
  };
  expect(0.9, 2, 1);
  expect(0.85, 3, 1);
  expect(0.5, 3, 1);  // 4 / 8 is not above a half
  expect(0.49, 4, 2);
  expect(0, 5, 2);
  EXPECT_EQ(activated_pixels(map_from(2, 2, {-1, -2, -1, -5}), 0.1, box).all, 0);
  EXPECT_EQ(activated_pixels(map_from(2, 2, {3, 3, 3, 3}), 0.1, box).all, 0);
  EXPECT_EQ(activated_pixels(map_from(2, 2, {3, 4, 3, 3}), 0.1, {0, 0, 2, 1}).inside, 1);
}

std::vector<Cell> measured(Protocol protocol, const Heatmap& map, const std::vector<ClassBox>& boxes) {
  ExperimentOptions options;
  options.protocol = protocol;
  options.thresholds = {0.85, 0.49};
  ImageRow image;
  image.boxes = boxes;
  const StudiedMap studied(map);
  return make_xray(options)->measure(image, std::vector{&studied}, {});
}

TEST(Xray, WorkedExample) {
  const std::vector<ClassBox> boxes{{6, {1, 1, 2.5, 3}}, {6, {2.5, 2.5, 4, 4}}};
  const auto row = measured(Protocol::correct, map_of_16(), boxes);
  EXPECT_DOUBLE_EQ(std::get<double>(row[0]), (1.0 / 3 + 1.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(std::get<double>(row[1]), (2.0 / 4 + 1.0 / 4) / 2);
  EXPECT_DOUBLE_EQ(std::get<double>(row[2]), (12.0 / 29 + 10.0 / 29) / 2);  // of the heat 29
  EXPECT_EQ(std::get<std::int64_t>(row[4]), 0);
}

/// Corner and size are cut by themselves: 1.6 + 1.6 ends at 2, not at 3.
TEST(Xray, AsPublishedBoxesAreCut) {
  const auto row = measured(Protocol::as_published, map_of_16(), {{6, {1.6, 1.6, 3.2, 3.2}}});
  EXPECT_DOUBLE_EQ(std::get<double>(row[0]), 1.0 / 3);
  const auto correct = measured(Protocol::correct, map_of_16(), {{6, {1.6, 1.6, 3.2, 3.2}}});
  EXPECT_DOUBLE_EQ(std::get<double>(correct[0]), 0);
}

TEST(Xray, AnEmptyMap) {
  const Heatmap empty(4, 4);
  const auto correct = measured(Protocol::correct, empty, {{6, {0, 0, 2, 1}}});
  EXPECT_EQ(std::get<double>(correct[0]), 0);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(correct[2]));
  EXPECT_EQ(std::get<std::int64_t>(correct[4]), 1);
  const auto published = measured(Protocol::as_published, empty, {{6, {0, 0, 2, 1}}});
  EXPECT_EQ(std::get<double>(published[0]), 2.0 / 16);
}

/// The study's own results, one number a box: its published means, rounded as it rounded them.
TEST(SharedStudy, ChestXrayMeans) {
  const std::filesystem::path folder = std::filesystem::path(LIMN_SHARED_DATA) / "study/chest-xray";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the study's files are not at " << folder;
  struct Published {
    const char* method;
    std::array<double, 3> chexnet, covid;  ///< above .85, .5 and .15
  };
  const std::array<Published, 4> table{{{"gradcam", {.1313, .1072, .0874}, {.2068, .1402, .0926}},
                                        {"gradcamplusplus", {.2537, .1887, .1284}, {.2791, .1842, .1129}},
                                        {"ig", {.2712, .2679, .2362}, {.4245, .4037, .3098}},
                                        {"shap", {.2583, .2580, .2320}, {.4131, .3813, .3026}}}};
  const auto numbers_of = [&](const std::string& network, const std::string& method, const char* threshold) {
    const auto file = folder / ("result_" + network + "_" + method + "_0_" + threshold + ".csv");
    std::vector<double> numbers;
    std::istringstream lines(read_text_file(file));
    for (double v = 0; lines >> v;) numbers.push_back(v);
    return numbers;
  };
  for (const auto& row : table)
    for (const auto& [network, means] :
         {std::pair("chexnet", row.chexnet), std::pair("covid_pretrained", row.covid)})
      for (std::size_t t = 0; t < 3; ++t) {
        const auto numbers = numbers_of(network, row.method, std::array{"85", "5", "15"}.at(t));
        ASSERT_EQ(numbers.size(), 984U);
        EXPECT_NEAR(summarise_mean(numbers, 0)->mean, means.at(t), 5e-5)
            << network << " " << row.method << " " << t;
      }
  const auto grad_cam = numbers_of("chexnet", "gradcam", "85");
  EXPECT_EQ(std::ranges::count(grad_cam, 0.0), 654);
  EXPECT_EQ(std::ranges::count(grad_cam, 1.0), 29);
  // Maps without a range scored the area of the box at every threshold.
  const auto half = numbers_of("chexnet", "gradcam", "5"), low = numbers_of("chexnet", "gradcam", "15");
  std::size_t equal = 0;
  for (std::size_t i = 0; i < grad_cam.size(); ++i)
    equal += grad_cam[i] > 0 && grad_cam[i] < 1 && grad_cam[i] == half[i] && half[i] == low[i] ? 1 : 0;
  EXPECT_EQ(equal, 18U);
}

}  // namespace
}  // namespace limn
