// Preprocessing and overlays as nodes, beside those that work on pictures directly.
#include <gmock/gmock.h>

#include <algorithm>

#include "compile/pictures.h"
#include "limn/compile/overlay_nodes.h"
#include "limn/compile/preprocess_nodes.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::HasSubstr;
using namespace test;

const Type kPicture{DType::u8, Shape{Dim("N"), Dim("height"), Dim("width"), 3}};

Graph preprocessing(const Preprocess& options, bool channels_last = false) {
  GraphBuilder g(operators());
  const Value picture = g.input("image", kPicture);
  const Value x = append_preprocess(picture, picture_axes(picture, options), options, channels_last);
  return std::move(g).finish({{"x", x}});
}

/// The numbers of both ways, which must be the same in every bit.
void expect_same(const Preprocess& options, int width, int height, bool channels_last = false) {
  SCOPED_TRACE(to_json(options) + testing::PrintToString(std::pair(width, height)));
  const std::vector<Image> pictures{picture(width, height, 1), picture(width, height, 2)};
  const Geometry at = geometry(options, width, height);
  const std::size_t c = static_cast<std::size_t>(options.channels),
                    plane = static_cast<std::size_t>(at.input_width) * static_cast<std::size_t>(at.input_height);
  const Tensor x =
      evaluate(preprocessing(options, channels_last), {{"image", stacked(pictures)}}, {FloatWidth::f32, {}})
          .at("x");
  const Dims expected = channels_last ? Dims{2, at.input_height, at.input_width, options.channels}
                                      : Dims{2, options.channels, at.input_height, at.input_width};
  ASSERT_EQ(x.dims(), expected);
  std::size_t different = 0;
  for (std::size_t n = 0; n < 2; ++n) {
    std::vector<float> want(c * plane);
    preprocess(pictures[n], options, want);
    const auto got = x.as<float>().subspan(n * c * plane, c * plane);
    for (std::size_t k = 0; k < c; ++k)
      for (std::size_t i = 0; i < plane; ++i)
        different += got[channels_last ? i * c + k : k * plane + i] != want[k * plane + i] ? 1 : 0;
  }
  EXPECT_EQ(different, 0U) << "of " << 2 * c * plane;
}

TEST(PreprocessNodes, EqualPreprocessInEveryBit) {
  for (const char* name : {"imagenet", "caffe", "tf"}) expect_same(preset(name, {3, 224, 224}), 500, 375);
  const Preprocess options = preset("imagenet", {3, 224, 224});
  for (const auto& [width, height] : std::vector<std::pair<int, int>>{
           {375, 500}, {256, 256}, {384, 384}, {512, 341}, {224, 231}, {97, 61}, {60, 300}, {1280, 720}, {1, 1}})
    expect_same(options, width, height);
}

TEST(PreprocessNodes, EqualPreprocessForPicturesFarLargerAndSmaller) {
  const Preprocess options = preset("imagenet", {3, 32, 32});
  expect_same(options, 901, 777);  // 24 times
  expect_same(options, 1003, 36);  // one axis alone is cut
  expect_same(options, 5, 3);      // enlarged
}

TEST(PreprocessNodes, EveryStepMayBeLeftOut) {
  Preprocess plain;
  plain.range = 255;
  expect_same(plain, 13, 9);
  Preprocess cropped = plain;
  cropped.crop = SizeRule::exact(8, 5);
  expect_same(cropped, 13, 9);
  expect_same(cropped, 8, 5);
  Preprocess resized = plain;
  resized.resize = SizeRule::side(20);
  expect_same(resized, 33, 47);
  resized.resize = SizeRule::exact(17, 29);
  resized.range = 1;
  resized.std = {0.5F};
  expect_same(resized, 33, 47);
}

TEST(PreprocessNodes, GreyAndChannelsLast) {
  expect_same(preset("mnist", {1, 28, 28}), 61, 43);
  expect_same(preset("mnist", {1, 28, 28}), 61, 43, true);
  expect_same(preset("caffe", {3, 24, 24}), 61, 43, true);
}

TEST(PreprocessNodes, SizesAreKnownBeforehandWhereTheyAreFixed) {
  const auto type = [](const Preprocess& options, bool channels_last) {
    const Graph g = preprocessing(options, channels_last);
    return to_string(g.value(g.outputs()[0].value).type);
  };
  EXPECT_EQ(type(preset("imagenet", {3, 224, 224}), false), "float32 [N, 3, 224, 224]");
  EXPECT_EQ(type(preset("mnist", {1, 28, 20}), true), "float32 [N, 28, 20, 1]");
}

TEST(PreprocessNodes, CropsThatDoNotFitAreRefused) {
  Preprocess options;
  options.resize = SizeRule::side(200);
  options.crop = SizeRule::side(224);
  EXPECT_ERROR(preprocessing(options), ErrorCode::bad_input, HasSubstr("larger than the resized image"));
  options.crop = SizeRule::exact(224, 100);
  EXPECT_ERROR(preprocessing(options), ErrorCode::unsupported, HasSubstr("larger than some resized images"));
  // Without a resize only the picture tells: the run fails rather than to make numbers of something else.
  options.resize = {};
  EXPECT_THROW(evaluate(preprocessing(options), {{"image", stacked({picture(150, 150, 1)})}}), Error);
  EXPECT_THROW(evaluate(preprocessing(options), {{"image", stacked({picture(223, 150, 1)})}}), Error);
}

/// A map [height, width] in [0, 1] with a hot spot.
Heatmap hot_spot(int width, int height) {
  Heatmap map(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      map.at(x, y) = 1 / (1 + 0.02F * static_cast<float>((x - 20) * (x - 20) + (y - 11) * (y - 11)));
  return normalise(std::move(map)).heatmap;
}

void expect_same_overlay(const Preprocess& options, int width, int height, Colormap colormap) {
  SCOPED_TRACE(to_json(options) + testing::PrintToString(std::pair(width, height)));
  const Image photo = picture(width, height, 3);
  const Geometry at = geometry(options, width, height);
  const Heatmap heat = hot_spot(at.input_width, at.input_height);
  GraphBuilder g(operators());
  const Value input = g.input("image", kPicture);
  const Value map = g.input("heat", {DType::f32, Shape{Dim("N"), at.input_height, at.input_width}});
  const Value out = append_overlay(input, picture_axes(input, options), map, colormap);
  const Graph graph = std::move(g).finish({{"overlay", out}});
  const Tensor got = evaluate(graph,
                              {{"image", stacked({photo})},
                               {"heat", Tensor::of<float>({1, at.input_height, at.input_width},
                                                          std::span(std::as_const(heat.values)))}},
                              {FloatWidth::f32, {}})
                         .at("overlay");
  ASSERT_EQ(got.dims(), (Dims{1, height, width, 3}));
  const Image want = overlay(photo, heat, at, {colormap, OverlayOptions{}.opacity, false, {}});
  int largest = 0;
  std::size_t different = 0;
  for (std::size_t i = 0; i < want.pixels.size(); ++i) {
    const int d = std::abs(static_cast<int>(got.as<std::uint8_t>()[i]) - static_cast<int>(want.pixels[i]));
    largest = std::max(largest, d);
    different += d != 0 ? 1 : 0;
  }
  EXPECT_LE(largest, 2);
  EXPECT_LE(different, want.pixels.size() / 500);
}

TEST(OverlayNodes, EqualOverlay) {
  const Preprocess options = preset("imagenet", {3, 56, 56});
  for (const auto& [width, height] : std::vector<std::pair<int, int>>{{150, 100}, {90, 133}, {64, 64}, {20, 31}})
    expect_same_overlay(options, width, height, Colormap::inferno);
  expect_same_overlay(options, 150, 100, Colormap::jet);
  Preprocess exact;
  exact.resize = SizeRule::exact(40, 24);
  expect_same_overlay(exact, 77, 50, Colormap::viridis);
}

}  // namespace
}  // namespace limn
