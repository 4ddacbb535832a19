// Numbers computed apart, with scikit-image.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "limn/metrics.h"
#include "support/expect_error.h"

namespace limn {
namespace {

void expect_near(const Heatmap& map, const std::vector<double>& want, double tolerance) {
  ASSERT_EQ(map.values.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(map.values[i], want[i], tolerance) << i;
}

TEST(Shrink, IsNotTheMeanOfBlocks) {
  Heatmap ramp(4, 4);
  std::iota(ramp.values.begin(), ramp.values.end(), 0.0F);
  expect_near(shrink(ramp, 2, 2), {3.036212, 4.821727, 10.178273, 11.963788}, 1e-5);
  Heatmap impulse(8, 8);
  impulse.at(3, 2) = 1;
  expect_near(shrink(impulse, 2, 2), {.04323, .019131, .003614, .001599}, 1e-6);
}

TEST(Shrink, KeepsConstantMapsAndSizes) {
  Heatmap even(12, 9);
  std::ranges::fill(even.values, 0.25F);
  expect_near(shrink(even, 3, 2), std::vector<double>(6, 0.25), 1e-7);
  Heatmap map(3, 2);
  std::iota(map.values.begin(), map.values.end(), 1.0F);
  EXPECT_EQ(shrink(map, 3, 2), map);
}

TEST(Shrink, OfOneAxisLeavesTheOther) {
  Heatmap map(4, 2);
  std::iota(map.values.begin(), map.values.end(), 0.0F);
  const Heatmap narrow = shrink(map, 2, 2);
  EXPECT_NEAR(narrow.at(0, 1) - narrow.at(0, 0), 4, 1e-5);
}

TEST(Shrink, DoesNotGrow) {
  EXPECT_ERROR(shrink(Heatmap(3, 3), 4, 2), ErrorCode::bad_input, ::testing::HasSubstr("smaller"));
  EXPECT_ERROR(shrink(Heatmap(3, 3), 0, 2), ErrorCode::bad_input, ::testing::HasSubstr("smaller"));
}

}  // namespace
}  // namespace limn
