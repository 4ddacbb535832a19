#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "limn/image.h"
#include "limn/image/resample.h"
#include "reference_images.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

const std::vector<std::uint8_t> kRow{0, 3, 12, 27, 48, 75, 108, 147, 192, 243};

std::vector<std::uint8_t> resized_row(int width) {
  return resample({kRow.data(), 10, 1, 1}, {width, 1, 0, 0, width, 1});
}

TEST(Resize, GoldenRows) {
  EXPECT_THAT(resized_row(4), ElementsAreArray({5, 35, 103, 194}));
  EXPECT_THAT(resized_row(15), ElementsAreArray({0, 2, 5, 10, 20, 31, 44, 62, 81, 102, 128, 155, 184, 218, 243}));
  EXPECT_EQ(resized_row(10), kRow);
}

TEST(Resize, AColumnIsResizedAsARow) {
  for (const int size : {1, 4, 7, 15, 40})
    EXPECT_EQ(resample({kRow.data(), 1, 10, 1}, {1, size, 0, 0, 1, size}), resized_row(size));
}

/// The triangle-weighted mean in floating point, by its definition, of one axis of samples.
std::vector<double> slow_axis(const std::vector<double>& in, int out_size) {
  const double step = static_cast<double>(in.size()) / out_size, support = std::max(step, 1.0);
  std::vector<double> out;
  for (int i = 0; i < out_size; ++i) {
    const double center = (i + 0.5) * step;
    double sum = 0, weights = 0;
    for (std::size_t j = 0; j < in.size(); ++j) {
      const double w = std::max(0.0, 1 - std::abs(static_cast<double>(j) + 0.5 - center) / support);
      sum += w * in[j];
      weights += w;
    }
    out.push_back(sum / weights);
  }
  return out;
}

/// Horizontally, rounded, then vertically.
Image slow_resize(const Image& image, int width, int height) {
  Image wide(width, image.height), out(width, height);
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < image.height; ++y) {
      std::vector<double> row;
      for (int x = 0; x < image.width; ++x) row.push_back(image.row(y)[3 * x + c]);
      const auto resized = slow_axis(row, width);
      for (int x = 0; x < width; ++x) wide.row(y)[3 * x + c] = static_cast<std::uint8_t>(resized[x] + 0.5);
    }
    for (int x = 0; x < width; ++x) {
      std::vector<double> column;
      for (int y = 0; y < image.height; ++y) column.push_back(wide.row(y)[3 * x + c]);
      const auto resized = slow_axis(column, height);
      for (int y = 0; y < height; ++y) out.row(y)[3 * x + c] = static_cast<std::uint8_t>(resized[y] + 0.5);
    }
  }
  return out;
}

TEST(Resize, EqualsTheDefinition) {
  const Image image = noise(53, 31, 3);
  for (const auto& [width, height] : {std::pair{20, 11}, {53, 12}, {17, 31}, {90, 70}, {1, 1}, {7, 100}}) {
    const Image fast = resize(image, width, height), slow = slow_resize(image, width, height);
    // Fixed point may round a half the other way.
    EXPECT_LE(largest_difference(fast, slow), 1);
    const auto same = std::inner_product(fast.pixels.begin(), fast.pixels.end(), slow.pixels.begin(),
                                         std::size_t{0}, std::plus<>(), std::equal_to<>());
    EXPECT_GE(same, fast.pixels.size() * 97 / 100) << width << "x" << height;
  }
}

TEST(Resize, AWindowEqualsThatPartOfTheWhole) {
  const Image image = noise(61, 47, 5);
  for (const auto& [width, height] : {std::pair{40, 30}, {61, 30}, {40, 47}, {61, 47}, {100, 90}}) {
    const Image whole = resize(image, width, height);
    const ResizeWindow window{width, height, 5, 3, 21, 17};
    const auto part = resample({image.pixels.data(), image.width, image.height, 3}, window);
    for (int y = 0; y < window.height; ++y)
      for (int i = 0; i < 3 * window.width; ++i)
        ASSERT_EQ(part[static_cast<std::size_t>(y * 3 * window.width + i)], whole.row(y + 3)[15 + i]);
  }
}

TEST(Resize, ConstantStaysConstant) {
  Image image(33, 17);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{255});
  for (const auto& [width, height] : {std::pair{5, 5}, {224, 224}, {33, 4}}) {
    const Image out = resize(image, width, height);
    EXPECT_THAT(out.pixels, testing::Each(255));
  }
}

TEST(Resize, RefusesSizesThatMakeNoPicture) {
  const Image image(3, 3);
  EXPECT_ERROR(resize(image, 0, 5), ErrorCode::bad_input, HasSubstr("0x5"));
  EXPECT_ERROR(resize(image, 5, -1), ErrorCode::bad_input, HasSubstr("5x-1"));
  EXPECT_ERROR(resize(image, 1 << 20, 1 << 20), ErrorCode::limit, HasSubstr("too large"));
  EXPECT_ERROR(resize(Image(), 5, 5), ErrorCode::bad_input, HasSubstr("empty"));
}

}  // namespace
}  // namespace limn
