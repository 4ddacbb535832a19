#include "limn/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "limn/heatmap.h"
#include "reference_images.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// The steps one after the other: resize everything, crop, scale.
std::vector<float> slow_preprocess(const Image& image, const Preprocess& o, int rw, int rh, int left, int top,
                                   int w, int h) {
  Image source = image;
  if (o.channels == 1)
    for (std::size_t i = 0; i < source.pixels.size(); i += 3) {
      const int grey =
          (19595 * source.pixels[i] + 38470 * source.pixels[i + 1] + 7471 * source.pixels[i + 2] + 32768) >> 16;
      for (std::size_t c = 0; c < 3; ++c) source.pixels[i + c] = static_cast<std::uint8_t>(grey);
    }
  const Image resized = resize(source, rw, rh);
  std::vector<float> out;
  for (int c = 0; c < o.channels; ++c)
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) {
        const int channel = o.order == ChannelOrder::bgr ? o.channels - 1 - c : c;
        const double pixel = resized.row(top + y)[3 * (left + x) + channel] * (o.range == 1 ? 1 / 255.0 : 1.0);
        const double mean = o.mean.empty() ? 0 : o.mean[o.mean.size() == 1 ? 0 : c];
        const double deviation = o.std.empty() ? 1 : o.std[o.std.size() == 1 ? 0 : c];
        out.push_back(static_cast<float>((pixel - mean) / deviation));
      }
  return out;
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5 * (1 + std::abs(b[i]))) << i;
}

TEST(Preprocess, EqualsItsStepsDoneSlowly) {
  const Image image = noise(500, 375, 11);
  for (const char* name : {"imagenet", "caffe", "tf"}) {
    const Preprocess options = preset(name, {3, 224, 224});
    std::vector<float> out(3 * 224 * 224);
    preprocess(image, options, out);
    expect_near(out, slow_preprocess(image, options, 341, 256, 58, 16, 224, 224));
  }
}

TEST(Preprocess, GreyEqualsItsStepsDoneSlowly) {
  const Image image = noise(60, 43, 12);
  const Preprocess options = preset("mnist", {1, 28, 28});
  std::vector<float> out(28 * 28);
  preprocess(image, options, out);
  expect_near(out, slow_preprocess(image, options, 28, 28, 0, 0, 28, 28));
}

TEST(Preprocess, EverythingOffGivesThePixels) {
  const Image image = noise(5, 4, 1);
  Preprocess options;
  options.range = 255;
  std::vector<float> out(3 * 5 * 4);
  EXPECT_EQ(preprocess(image, options, out), identity_geometry(5, 4));
  for (std::size_t i = 0; i < 20; ++i)
    for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(out[c * 20 + i], image.pixels[3 * i + c]);
}

TEST(Preprocess, APortraitAndATinyImageFit) {
  for (const auto& [width, height] : {std::pair{100, 700}, {1, 1}, {3, 2000}, {2000, 3}, {224, 224}}) {
    const Image image = noise(width, height, 2);
    std::vector<float> out(3 * 224 * 224, 99.0F);
    const Geometry g = preprocess(image, preset("imagenet", {3, 224, 224}), out);
    EXPECT_EQ(g.original_width, width);
    EXPECT_EQ(g.input_height, 224);
    for (float v : out) ASSERT_LT(std::abs(v), 3);
  }
}

TEST(Preprocess, SaysWhyItCannotBe) {
  const Image image = noise(50, 40, 3);
  Preprocess options;
  options.crop = SizeRule::side(64);
  std::vector<float> out(3 * 64 * 64);
  EXPECT_ERROR(preprocess(image, options, out), ErrorCode::bad_input,
               testing::AllOf(HasSubstr("larger than the image, which is 50x40"), HasSubstr("--resize 64")));
  options.crop = {};
  EXPECT_ERROR(preprocess(image, options, out), ErrorCode::bad_input, HasSubstr("[3, 40, 50]"));
  options.resize = SizeRule::exact(1 << 20, 1 << 20);
  EXPECT_ERROR(preprocess(image, options, out), ErrorCode::limit, HasSubstr("1048576x1048576"));
  EXPECT_ERROR(preprocess(Image(), Preprocess{}, out), ErrorCode::bad_input, HasSubstr("no image"));
}

TEST(Preprocess, ChecksItsOptions) {
  const auto expect_refused = [](auto&& change, const char* text) {
    Preprocess options;
    change(options);
    EXPECT_ERROR(check(options), ErrorCode::bad_input, HasSubstr(text));
  };
  expect_refused([](auto& o) { o.range = 2; }, "--range");
  expect_refused([](auto& o) { o.mean = {1, 2}; }, "2 values were given for 3 channels");
  expect_refused([](auto& o) { o.std = {1, 0, 1}; }, "deviation is 0");
  expect_refused([](auto& o) { o.mean = {NAN}; }, "finite");
  expect_refused([](auto& o) { o.crop = SizeRule::exact(0, 5); }, "--crop");
  Preprocess four;
  four.channels = 4;
  EXPECT_ERROR(check(four), ErrorCode::unsupported, HasSubstr("4 channels"));
}

struct BoxGolden {
  int width, height;
  Box box;
  int resized_width, resized_height;
  double left, top;
  Box correct;
};

class Geometries : public testing::TestWithParam<BoxGolden> {};

TEST_P(Geometries, MapBoxesAsPublishedForTheStudysCrop) {
  const BoxGolden& golden = GetParam();
  const Geometry g = geometry(preset("imagenet", {3, 224, 224}), golden.width, golden.height);
  EXPECT_DOUBLE_EQ(g.scale_x, static_cast<double>(golden.width) / golden.resized_width);
  EXPECT_DOUBLE_EQ(g.scale_y, static_cast<double>(golden.height) / golden.resized_height);
  EXPECT_NEAR(g.offset_x, golden.left * g.scale_x, 1e-9);
  EXPECT_NEAR(g.offset_y, golden.top * g.scale_y, 1e-9);
  const auto box = g.to_input(golden.box);
  ASSERT_TRUE(box);
  EXPECT_NEAR(box->x0, golden.correct.x0, 1e-4);
  EXPECT_NEAR(box->y0, golden.correct.y0, 1e-4);
  EXPECT_NEAR(box->x1, golden.correct.x1, 1e-4);
  EXPECT_NEAR(box->y1, golden.correct.y1, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(
    Study, Geometries,
    testing::Values(BoxGolden{500, 375, {111, 108, 441, 193}, 341, 256, 58, 16, {17.702, 57.728, 224, 115.7547}},
                    BoxGolden{500, 375, {45, 49, 499, 162}, 341, 256, 58, 16, {0, 17.4507, 224, 94.592}},
                    BoxGolden{500, 375, {2, 69, 437, 207}, 341, 256, 58, 16, {0, 31.104, 224, 125.312}},
                    BoxGolden{500, 375, {38, 19, 385, 373}, 341, 256, 58, 16, {0, 0, 204.57, 224}},
                    BoxGolden{
                        353, 500, {48, 240, 195, 371}, 256, 362, 16, 69, {18.8102, 104.76, 125.4164, 199.604}},
                    BoxGolden{353, 500, {8, 12, 352, 498}, 256, 362, 16, 69, {0, 0, 224, 224}}));

TEST(Geometry, GoesThereAndBackAndClips) {
  const Geometry g = geometry(preset("imagenet", {3, 224, 224}), 500, 375);
  EXPECT_DOUBLE_EQ(g.to_input_x(g.to_original_x(17.25)), 17.25);
  EXPECT_DOUBLE_EQ(g.to_input_y(g.to_original_y(200)), 200);
  const Box all = g.to_original({-1000, -1000, 1000, 1000});
  EXPECT_EQ(all, (Box{0, 0, 500, 375}));
  EXPECT_FALSE(g.to_input({0, 0, 10, 10}));  // left of the crop
}

TEST(Geometry, ABrightRectangleComesBackThroughRotationResizeAndCrop) {
  // Stored 480x320 with orientation 6: upright 320x480, the rectangle at [96, 192) x [260, 300).
  const Image image = read_image(std::filesystem::path(LIMN_SOURCE_DIR) / "tests/image/data/rectangle.jpg");
  ASSERT_EQ(image.width, 320);
  ASSERT_EQ(image.height, 480);
  Preprocess options = preset("none", {1, 0, 0});
  options.resize = SizeRule::side(256);
  options.crop = SizeRule::side(224);
  Heatmap map(224, 224);
  const Geometry g = preprocess(image, options, map.values);
  const auto box = largest_box(normalise(map).heatmap, 0.5);
  ASSERT_TRUE(box);
  const Box found = g.to_original(*box);
  EXPECT_NEAR(found.x0, 96, 1);
  EXPECT_NEAR(found.y0, 260, 1);
  EXPECT_NEAR(found.x1, 192, 1);
  EXPECT_NEAR(found.y1, 300, 1);
}

TEST(Preset, AdaptsToTheInputSize) {
  const auto sizes = [](int n) {
    const Preprocess p = preset("imagenet", {3, n, n});
    return std::pair(p.resize.width, p.crop.width);
  };
  EXPECT_EQ(sizes(224), (std::pair{256, 224}));
  EXPECT_EQ(sizes(227), (std::pair{256, 227}));
  EXPECT_EQ(sizes(193), (std::pair{256, 193}));
  EXPECT_EQ(sizes(256), (std::pair{256, 256}));
  EXPECT_EQ(sizes(299), (std::pair{342, 299}));
  EXPECT_EQ(sizes(192), (std::pair{219, 192}));
  EXPECT_EQ(sizes(32), (std::pair{37, 32}));
  EXPECT_EQ(sizes(0), (std::pair{256, 224}));
}

TEST(Preset, SaysWhatItsNamePromises) {
  const Preprocess imagenet = preset("imagenet", {3, 224, 224});
  EXPECT_THAT(imagenet.mean, ElementsAre(0.485F, 0.456F, 0.406F));
  EXPECT_EQ(preset("chexnet", {3, 224, 224}), imagenet);
  const Preprocess caffe = preset("caffe", {3, 227, 227});
  EXPECT_EQ(caffe.order, ChannelOrder::bgr);
  EXPECT_EQ(caffe.range, 255);
  EXPECT_THAT(caffe.mean, ElementsAre(104, 117, 123));
  const Preprocess mnist = preset("mnist", {1, 28, 28});
  EXPECT_EQ(mnist.resize, SizeRule::exact(28, 28));
  EXPECT_EQ(mnist.crop, SizeRule{});
  EXPECT_EQ(preset("none", {3, 0, 0}).resize, SizeRule{});
  EXPECT_EQ(preset("none", {3, 10, 20}).resize, SizeRule::exact(20, 10));
  EXPECT_EQ(preset("tf", {3, 200, 300}).resize, SizeRule::exact(300, 200));
  for (const auto name : preset_names()) EXPECT_NO_THROW(check(preset(name, {3, 224, 224})));

  Image extremes(2, 1);
  extremes.pixels = {0, 0, 0, 255, 255, 255};
  Preprocess tf = preset("tf", {3, 0, 0});
  tf.resize = tf.crop = {};
  std::vector<float> out(6);
  preprocess(extremes, tf, out);
  EXPECT_THAT(out, ElementsAre(-1, 1, -1, 1, -1, 1));
}

TEST(Preset, RefusesWhatItDoesNotFit) {
  EXPECT_ERROR(preset("imagnet", {3, 224, 224}), ErrorCode::not_found, HasSubstr("did you mean 'imagenet'"));
  EXPECT_ERROR(preset("imagenet", {1, 28, 28}), ErrorCode::bad_input, HasSubstr("three channels"));
  EXPECT_ERROR(preset("tf", {4, 224, 224}), ErrorCode::unsupported, HasSubstr("4 channels"));
}

TEST(SizeRules, AreReadAndPrinted) {
  EXPECT_EQ(parse_size_rule("256", "--resize"), SizeRule::side(256));
  EXPECT_EQ(parse_size_rule("320x240", "--resize"), SizeRule::exact(320, 240));
  EXPECT_EQ(parse_size_rule("none", "--crop"), SizeRule{});
  for (const char* text : {"none", "7", "3x4"}) EXPECT_EQ(to_string(parse_size_rule(text, "")), text);
  for (const char* text : {"", "0", "-3", "x", "3x", "x4", "3x0", "1.5", "12a", "99999999999"})
    EXPECT_ERROR(parse_size_rule(text, "--crop"), ErrorCode::bad_input, HasSubstr("--crop"));
}

TEST(PreprocessJson, RoundTrips) {
  for (const auto name : preset_names()) {
    const Preprocess options = preset(name, {3, 224, 224});
    EXPECT_EQ(preprocess_from_json(to_json(options), "x"), options) << to_json(options);
  }
  EXPECT_THAT(to_json(preset("imagenet", {3, 224, 224})), HasSubstr("[0.485,0.456,0.406]"));
  EXPECT_EQ(preprocess_from_json("{}", "x"), Preprocess{});
}

TEST(PreprocessJson, NamesTheKeyThatIsWrong) {
  const auto expect_refused = [](const char* json, const char* text) {
    EXPECT_ERROR(preprocess_from_json(json, "card"), ErrorCode::bad_input, HasSubstr(text));
  };
  expect_refused("{\"resise\": 3}", "did you mean 'resize'?");
  expect_refused("{\"resize\": true}", "'resize' must be");
  expect_refused("{\"resize\": \"big\"}", "'big' is not a size");
  expect_refused("{\"crop\": 0}", "'crop' must be");
  expect_refused("{\"range\": 7}", "'range' must be 1 or 255");
  expect_refused("{\"mean\": [\"a\"]}", "'mean' must be");
  expect_refused("{\"std\": [1, 1e300]}", "'std' must be");
  expect_refused("{\"order\": \"xyz\"}", "'order' must be");
  expect_refused("{", "not valid JSON");
  expect_refused("{\"mean\": 1e999}", "not valid JSON");
  expect_refused("[]", "must be an object");
}

}  // namespace
}  // namespace limn
