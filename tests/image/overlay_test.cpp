#include "limn/overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "limn/image/canvas.h"
#include "limn/preprocess.h"
#include "reference_images.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::Each;
using testing::HasSubstr;

double lightness(Rgb c) { return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; }

TEST(Colormaps, TheDefaultRisesInLightness) {
  for (const Colormap map : {Colormap::inferno, Colormap::viridis})
    for (int i = 1; i < 256; ++i)
      EXPECT_GE(lightness(color_of(map, static_cast<float>(i) / 255)),
                lightness(color_of(map, static_cast<float>(i - 1) / 255)) - 1);
  EXPECT_LT(lightness(color_of(Colormap::inferno, 0)), 5);
  EXPECT_GT(lightness(color_of(Colormap::inferno, 1)), 230);
}

TEST(Colormaps, JetRunsFromBlueToRed) {
  EXPECT_EQ(color_of(Colormap::jet, 0), (Rgb{0, 0, 128}));
  EXPECT_EQ(color_of(Colormap::jet, 1), (Rgb{128, 0, 0}));
  const Rgb middle = color_of(Colormap::jet, 0.5F);
  EXPECT_GT(middle[1], 250);
}

TEST(Colormaps, ValuesAreClampedAndNamesRoundTrip) {
  EXPECT_EQ(color_of(Colormap::jet, -3), color_of(Colormap::jet, 0));
  EXPECT_EQ(color_of(Colormap::jet, 9), color_of(Colormap::jet, 1));
  EXPECT_EQ(color_of(Colormap::jet, NAN), color_of(Colormap::jet, 0));
  for (const Colormap map : {Colormap::inferno, Colormap::viridis, Colormap::jet})
    EXPECT_EQ(parse_colormap(name_of(map)), map);
  EXPECT_ERROR(parse_colormap("rainbow"), ErrorCode::bad_input, HasSubstr("rainbow"));
}

Image grey(int width, int height) { return filled(width, height, {100, 100, 100}); }

OverlayOptions without_bar() {
  OverlayOptions options;
  options.color_bar = false;
  return options;
}

TEST(Overlay, TintsTheHotPlaceInOriginalGeometry) {
  // 400x200, shorter side to 100, centre crop of 100: the input shows original x 100..300, half size.
  Preprocess options;
  options.resize = SizeRule::side(100);
  options.crop = SizeRule::side(100);
  const Geometry g = geometry(options, 400, 200);
  Heatmap map(100, 100);
  for (int y = 20; y < 40; ++y)
    for (int x = 70; x < 90; ++x) map.at(x, y) = 1;
  const Image out = overlay(grey(400, 200), map, g, without_bar());
  ASSERT_EQ(out.width, 400);
  ASSERT_EQ(out.height, 200);
  const auto pixel = [&](int x, int y) {
    return Rgb{out.row(y)[3 * x], out.row(y)[3 * x + 1], out.row(y)[3 * x + 2]};
  };
  // The hot square is original [240, 280) x [40, 80).
  EXPECT_GT(lightness(pixel(242, 42)), 150);
  EXPECT_GT(lightness(pixel(277, 77)), 150);
  EXPECT_LT(lightness(pixel(236, 60)), 90);
  EXPECT_LT(lightness(pixel(284, 60)), 90);
  EXPECT_LT(lightness(pixel(260, 36)), 90);
  EXPECT_LT(lightness(pixel(260, 84)), 90);
  // Outside the crop there is no colour, only less light.
  EXPECT_EQ(pixel(99, 100), (Rgb{60, 60, 60}));
  EXPECT_EQ(pixel(300, 100), (Rgb{60, 60, 60}));
  EXPECT_NE(pixel(100, 100), (Rgb{60, 60, 60}));
  EXPECT_NE(pixel(299, 100), (Rgb{60, 60, 60}));
}

TEST(Overlay, ASmallMapCoversTheSamePlaceAsALargeOne) {
  const Geometry g = identity_geometry(64, 64);
  Heatmap coarse(4, 4);
  coarse.at(1, 2) = 1;
  const Image small = overlay(grey(64, 64), coarse, g, without_bar());
  const Image large = overlay(grey(64, 64), upsample(coarse, 64, 64), g, without_bar());
  EXPECT_LE(largest_difference(small, large), 2);
}

TEST(Overlay, TheColorBarStandsBesideThePhoto) {
  const Image out = overlay(grey(200, 150), Heatmap(7, 7), identity_geometry(200, 150));
  EXPECT_GT(out.width, 210);
  EXPECT_EQ(out.height, 150);
  for (const int height : {1, 2, 5, 20, 4000}) EXPECT_EQ(color_bar(Colormap::jet, height).height, height);
}

TEST(Overlay, DrawsTheBoxInside) {
  OverlayOptions options = without_bar();
  options.box = Box{10, 20, 30, 50};
  const Image out = overlay(grey(100, 100), Heatmap(5, 5), identity_geometry(100, 100), options);
  const auto is_white = [&](int x, int y) { return out.row(y)[3 * x] == 255 && out.row(y)[3 * x + 1] == 255; };
  EXPECT_TRUE(is_white(10, 20));
  EXPECT_TRUE(is_white(29, 49));
  EXPECT_FALSE(is_white(30, 50));
  EXPECT_FALSE(is_white(20, 30));
}

TEST(Overlay, RefusesAMapOfAnotherImage) {
  EXPECT_ERROR(overlay(grey(10, 10), Heatmap(5, 5), identity_geometry(11, 10)), ErrorCode::bad_input,
               HasSubstr("11x10"));
  Heatmap broken(2, 2);
  broken.values[3] = NAN;
  EXPECT_ERROR(overlay(grey(10, 10), broken, identity_geometry(10, 10)), ErrorCode::bad_input, HasSubstr("NaN"));
}

TEST(AttributionPicture, ZeroIsGreyAndTheLargestWhiteOrBlack) {
  const std::vector<float> g{0, 2, -2, 1};
  const Image grey_picture = attribution_picture(g, 1, 2, 2);
  EXPECT_THAT(grey_picture.pixels, testing::ElementsAre(128, 128, 128, 255, 255, 255, 0, 0, 0, 191, 191, 191));
  EXPECT_THAT(attribution_picture(std::vector<float>(12), 3, 2, 2).pixels, Each(128));
  EXPECT_ERROR(attribution_picture(g, 2, 1, 2), ErrorCode::unsupported, HasSubstr("2 channels"));
}

TEST(Sheet, HoldsEveryTile) {
  SheetTile tile{grey(100, 50), {"a class with a very long name that does not fit under its picture", "0.98"}};
  SheetOptions options;
  options.tile_width = 120;
  options.tile_height = 90;
  const Image one = contact_sheet("title", {tile}, options);
  const Image six = contact_sheet("title", {tile, tile, tile, tile, tile, tile}, options);
  EXPECT_GT(six.width, 2 * one.width);
  EXPECT_GT(six.height, one.height);
  // The picture itself is on the sheet.
  EXPECT_GT(std::count(one.pixels.begin(), one.pixels.end(), 100), 120 * 60 * 3 - 1);
  EXPECT_ERROR(contact_sheet("", {}), ErrorCode::bad_input, HasSubstr("at least one"));
}

TEST(Text, CapitalsStandOnTheBaselineAsHighAsAsked) {
  for (const int height : {7, 10, 15, 28}) {
    const TextStyle style{height, {0, 0, 0}};
    const int baseline = 50, width = text_width("HE", style);
    Image image = filled(120, 80, {255, 255, 255});
    draw_text(image, "HE", 20, baseline, style);
    int top = image.height, bottom = 0, left = image.width, right = 0;
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x) {
        if (image.row(y)[3 * x] > 128) continue;
        top = std::min(top, y), bottom = std::max(bottom, y);
        left = std::min(left, x), right = std::max(right, x);
      }
    EXPECT_NEAR(top, baseline - height, 1 + height / 14);
    EXPECT_NEAR(bottom, baseline, 1 + height / 14);
    EXPECT_GE(left, 20);
    EXPECT_LE(right, 20 + width);
    EXPECT_GT(right - left, width * 2 / 3);
  }
}

TEST(Text, WhatLiesOutsideThePictureIsLeftOut) {
  const TextStyle style{12, {200, 0, 0}};
  Image large = filled(90, 60, {255, 255, 255}), small = filled(30, 20, {255, 255, 255});
  draw_text(large, "Wg@", 25, 38, style);
  draw_text(small, "Wg@", 25 - 30, 38 - 20, style);  // the piece of `large` that begins at (30, 20)
  EXPECT_NE(small, filled(30, 20, {255, 255, 255}));
  for (int y = 0; y < small.height; ++y)
    for (int i = 0; i < 3 * small.width; ++i)
      ASSERT_EQ(small.row(y)[i], large.row(y + 20)[i + 90]) << y << ' ' << i;
}

TEST(Sheet, LongTextIsCutToItsPlace) {
  const TextStyle style{10};
  const std::string text = "African elephant, Loxodonta africana";
  EXPECT_EQ(fitted(text, 10000, style), text);
  const std::string cut = fitted(text, 100, style);
  EXPECT_LE(text_width(cut, style), 100);
  EXPECT_TRUE(cut.ends_with("..."));
  EXPECT_EQ(fitted("caf\xC3\xA9\n", 10000, style), "caf? ");
}

}  // namespace
}  // namespace limn
