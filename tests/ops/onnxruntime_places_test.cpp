// Numbers that onnxruntime 1.30 computes, for forms of resizing, sampling and regions that ONNX's cases in Debian
// do not reach.
#include <gmock/gmock.h>

#include "limn/ops/evaluate.h"

namespace limn {
namespace {

using Floats = std::vector<float>;
using Ints = std::vector<std::int64_t>;

Tensor floats(Dims dims, const Floats& values) { return Tensor::of<float>(std::move(dims), std::span(values)); }
Tensor ints(Dims dims, const Ints& values) { return Tensor::of<std::int64_t>(std::move(dims), std::span(values)); }

void expect_values(const std::string& op, const std::vector<Tensor>& in, Attrs attrs, const Dims& dims,
                   const Floats& want) {
  Node node{op, "node", std::vector<ValueId>(in.size(), kAbsent), {kAbsent}, std::move(attrs)};
  const Tensor y = evaluate_node(node, in, FloatWidth::f32).front();
  EXPECT_EQ(y.dims(), dims);
  EXPECT_THAT(y.as<float>(), ::testing::Pointwise(::testing::FloatNear(3e-6F), want));
}

/// 1 to 16.
Tensor counting() {
  Floats v;
  for (int i = 1; i <= 16; ++i) v.push_back(static_cast<float>(i));
  return floats({1, 1, 4, 4}, v);
}

/// Quarters from -1.5 to 2.25, shuffled.
Tensor image() {
  Floats v;
  for (int i = 0; i < 40; ++i) v.push_back(static_cast<float>(i * 7 % 16) / 4 - 1.5F);
  return floats({1, 2, 5, 4}, v);
}

TEST(OnnxruntimePlaces, LinearAntialias) {
  expect_values("Resize", {counting(), Tensor(), floats({4}, {1, 1, 0.6F, 0.6F})},
                {{"mode", std::string("linear")}, {"antialias", std::int64_t{1}}}, {1, 1, 2, 2},
                {2.875F, 4.5F, 9.375F, 11.000001F});
}

TEST(OnnxruntimePlaces, CubicAntialias) {
  expect_values("Resize", {counting(), Tensor(), floats({4}, {1, 1, 0.6F, 0.6F})},
                {{"mode", std::string("cubic")}, {"antialias", std::int64_t{1}}}, {1, 1, 2, 2},
                {2.5180712F, 4.2858858F, 9.5893297F, 11.357143F});
}

TEST(OnnxruntimePlaces, LinearAntialiasToSizes) {
  expect_values("Resize", {image(), Tensor(), Tensor(), ints({4}, {1, 2, 2, 3})},
                {{"mode", std::string("linear")}, {"antialias", std::int64_t{1}}}, {1, 2, 2, 3},
                {0.10454546F, 0.72500002F, 0.18181823F, -0.18636358F, 0.72500002F, 0.4727273F, 0.66090906F,
                 0.52499998F, 0.27272725F, 0.020909101F, 0.52499998F, -0.018181786F});
}

TEST(OnnxruntimePlaces, CubicAntialiasInside) {
  expect_values(
      "Resize", {image(), Tensor(), Tensor(), ints({4}, {1, 2, 2, 3})},
      {{"mode", std::string("cubic")}, {"antialias", std::int64_t{1}}, {"exclude_outside", std::int64_t{1}}},
      {1, 2, 2, 3},
      {0.24286553F, 0.74100125F, 0.19869846F, -0.0080935061F, 0.74100125F, 0.44965744F, 0.68805432F, 0.58099699F,
       0.34586906F, -0.18703398F, 0.66013056F, 0.094910055F});
}

TEST(OnnxruntimePlaces, LinearSymmetric) {
  expect_values(
      "Resize", {floats({1, 1, 1, 4}, {1, 2, 3, 4}), Tensor(), floats({4}, {1, 1, 1, 2.94F})},
      {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("half_pixel_symmetric")}},
      {1, 1, 1, 11},
      {1, 1.1394558F, 1.4795918F, 1.8197279F, 2.1598639F, 2.5F, 2.8401361F, 3.1802721F, 3.5204082F, 3.8605442F, 4});
}

TEST(OnnxruntimePlaces, NearestSymmetric) {
  expect_values(
      "Resize", {floats({1, 1, 1, 5}, {1, 2, 3, 4, 5}), Tensor(), floats({4}, {1, 1, 1, 2.3F})},
      {{"mode", std::string("nearest")}, {"coordinate_transformation_mode", std::string("half_pixel_symmetric")}},
      {1, 1, 1, 11}, {1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5});
}

TEST(OnnxruntimePlaces, NotLarger) {
  expect_values("Resize", {counting(), Tensor(), Tensor(), ints({2}, {7, 8})},
                {{"mode", std::string("nearest")},
                 {"axes", Ints{2, 3}},
                 {"keep_aspect_ratio_policy", std::string("not_larger")}},
                {1, 1, 7, 7},
                {1, 1, 2, 2, 3, 4,  4,  1,  1,  2,  2,  3,  4,  4,  5,  5,  6,  6,  7,  8,  8,  5,  5,  6, 6,
                 7, 8, 8, 9, 9, 10, 10, 11, 12, 12, 13, 13, 14, 14, 15, 16, 16, 13, 13, 14, 14, 15, 16, 16});
}

TEST(OnnxruntimePlaces, CubicInside) {
  expect_values("Resize", {image(), Tensor(), Tensor(), ints({4}, {1, 2, 7, 3})},
                {{"mode", std::string("cubic")}, {"exclude_outside", std::int64_t{1}}, {"cubic_coeff_a", -0.5}},
                {1, 2, 7, 3},
                {-1.4682665F, 1.4478154F,   0.083416633F, 0.13728383F,  0.60907209F, -0.70067024F, 1.3182199F,
                 0.30502924F, -0.41334695F, 0.72374201F,  1.125F,       1.526258F,   0.027191199F, 0.30502909F,
                 0.87768137F, -0.80245912F, 0.60907215F,  0.23907267F,  -1.3808243F, 1.4478155F,   -0.0040256102F,
                 1.2540257F,  0.066747636F, -1.1205304F,  1.0109274F,   0.75103885F, 0.49115014F,  0.47566763F,
                 0.91946059F, 1.4811804F,   -0.27625802F, 0.125F,       0.52625799F, -1.2820897F,  1.1344754F,
                 0.1901518F,  -0.26854843F, 0.90754855F,  -0.44859272F, 1.3730798F,  0.052184552F, -1.0330882F});
}

TEST(OnnxruntimePlaces, Cubic) {
  expect_values("Resize", {image(), Tensor(), floats({4}, {1, 1, 1.7F, 0.8F})}, {{"mode", std::string("cubic")}},
                {1, 2, 8, 3},
                {-1.5865109F,  1.3613598F,   0.77352357F, -0.34706599F,   0.57335281F,  0.21999113F,  1.1995913F,
                 -0.22163394F, -0.32806629F, 1.2546526F,  0.74942923F,    0.4309237F,   0.55199939F,  1.5206019F,
                 0.94029599F,  0.038574442F, 0.74925816F, 0.18723322F,    -0.72180176F, 0.61957288F,  0.074528821F,
                 -1.2657954F,  1.1653328F,   0.62028891F, 1.2996304F,     -0.38714805F, -0.44994676F, 1.1153269F,
                 0.48851013F,  0.22099803F,  0.73899168F, 1.497532F,      0.96246141F,  0.20329176F,  1.018666F,
                 0.43777341F,  -0.54007512F, 0.54386854F, -0.0072551891F, -1.3991444F,  1.1665639F,   0.57435024F,
                 -0.66517448F, 0.86157423F,  0.45021987F, 1.0563464F,     -0.11133934F, -0.2484266F});
}

TEST(OnnxruntimePlaces, LinearToOne) {
  expect_values(
      "Resize", {image(), Tensor(), Tensor(), ints({4}, {1, 2, 1, 7})},
      {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("pytorch_half_pixel")}},
      {1, 2, 1, 7},
      {-1.5F, -0.875F, 0.12500006F, 1.125F, 1.8392859F, 0.55357158F, -0.25F, 1.5F, 0.6964286F, -0.58928579F, 0.125F,
       0.83928579F, -0.44642842F, -1.25F});
}

TEST(OnnxruntimePlaces, NearestRoundPreferCeil) {
  expect_values("Resize", {image(), Tensor(), floats({4}, {1, 1, 1.7F, 0.8F})},
                {{"mode", std::string("nearest")},
                 {"nearest_mode", std::string("round_prefer_ceil")},
                 {"coordinate_transformation_mode", std::string("asymmetric")}},
                {1, 2, 8, 3},
                {-1.5F, 0.25F,  -0.25F, 1.5F,  -0.75F, -1.25F, 1.5F,  -0.75F, -1.25F, 0.5F,  2.25F,  1.75F,
                 0.5F,  2.25F,  1.75F,  -0.5F, 1.25F,  0.75F,  -1.5F, 0.25F,  -0.25F, -1.5F, 0.25F,  -0.25F,
                 1.5F,  -0.75F, -1.25F, 0.5F,  2.25F,  1.75F,  0.5F,  2.25F,  1.75F,  -0.5F, 1.25F,  0.75F,
                 -0.5F, 1.25F,  0.75F,  -1.5F, 0.25F,  -0.25F, 1.5F,  -0.75F, -1.25F, 1.5F,  -0.75F, -1.25F});
}

TEST(OnnxruntimePlaces, CenterCropPad) {
  expect_values(
      "CenterCropPad", {image(), ints({2}, {4, 7})}, {{"axes", Ints{2, 3}}}, {1, 2, 4, 7},
      {0, -1.5F, 0.25F, 2,  -0.25F, 0, 0, 0, 1.5F,  -0.75F, 1, -1.25F, 0, 0, 0, 0.5F, 2.25F, 0, 1.75F, 0, 0,
       0, -0.5F, 1.25F, -1, 0.75F,  0, 0, 0, 1.5F,  -0.75F, 1, -1.25F, 0, 0, 0, 0.5F, 2.25F, 0, 1.75F, 0, 0,
       0, -0.5F, 1.25F, -1, 0.75F,  0, 0, 0, -1.5F, 0.25F,  2, -0.25F, 0, 0});
}

TEST(OnnxruntimePlaces, Col2Im) {
  expect_values("Col2Im",
                {floats({1, 8, 6}, {0, 1.25F, 2.5F, 0.5F, 1.75F, 3, 1, 2.25F, 0.25F, 1.5F, 2.75F, 0.75F, 2,
                                    0, 1.25F, 2.5F, 0.5F, 1.75F, 3, 1, 2.25F, 0.25F, 1.5F, 2.75F, 0.75F, 2,
                                    0, 1.25F, 2.5F, 0.5F, 1.75F, 3, 1, 2.25F, 0.25F, 1.5F, 2.75F, 0.75F, 2,
                                    0, 1.25F, 2.5F, 0.5F, 1.75F, 3, 1, 2.25F, 0.25F}),
                 ints({2}, {4, 5}), ints({2}, {2, 2})},
                {{"pads", Ints{1, 0, 1, 1}}, {"dilations", Ints{2, 1}}, {"strides", Ints{2, 2}}}, {1, 2, 4, 5},
                {0, 0, 0, 0, 0, 2.5F, 4.5F,  1.75F, 3.75F, 4.25F, 0, 0, 0, 0, 0, 2.5F, 0.25F, 0.5F,  1.5F,  1.75F,
                 0, 0, 0, 0, 0, 4,    2.75F, 3.25F, 2,     2.5F,  0, 0, 0, 0, 0, 0,    1,     1.25F, 2.25F, 2.5F});
}

TEST(OnnxruntimePlaces, MaxRoiPool) {
  expect_values("MaxRoiPool", {image(), floats({2, 5}, {0, 0, 1, 7, 9, 0, 2, 1, 5, 4})},
                {{"pooled_shape", Ints{2, 3}}, {"spatial_scale", 0.5}}, {2, 2, 2, 3},
                {2.25F,  2.25F, 1.75F,  1.25F, 2, 0.75F, 2.25F, 2.25F, 1.75F, 1.5F,  2,  -0.25F,
                 -0.75F, 1,     -1.25F, 2.25F, 0, 1.75F, 2.25F, 0,     1.75F, 1.25F, -1, 0.75F});
}

TEST(OnnxruntimePlaces, RoiAlignMaximum) {
  expect_values("RoiAlign", {image(), floats({2, 4}, {0.5F, 1, 4, 5, 0, 0, 3, 2}), ints({2}, {0, 0})},
                {{"mode", std::string("max")},
                 {"output_height", std::int64_t{2}},
                 {"output_width", std::int64_t{2}},
                 {"sampling_ratio", std::int64_t{2}}},
                {2, 2, 2, 2},
                {1.546875F, 1.75F, 0.859375F, 1.625F, 1.546875F, 1.75F, 0.84375F, 1.625F, 0.375F, 1.75F, 1.125F,
                 0.65625F, 1.5F, 0.875F, 1.0546875F, 1.0546875F});
}

TEST(OnnxruntimePlaces, RoiAlignAdaptive) {
  expect_values("RoiAlign", {image(), floats({2, 4}, {0.5F, 1, 4, 5, 0, 0, 3, 2}), ints({2}, {0, 0})},
                {{"output_height", std::int64_t{2}},
                 {"output_width", std::int64_t{3}},
                 {"coordinate_transformation_mode", std::string("output_half_pixel")}},
                {2, 2, 2, 3}, {0.93749994F, 0.22916666F, 0.75F,  0.45833328F,   0.89583337F, 0,
                               0.83333325F, 0.22916666F, 0.75F,  -0.041666653F, 0.60416675F, -1,
                               -0.125F,     0.625F,      0.375F, 0.875F,        0.625F,      0.375F,
                               0.875F,      0.625F,      0.375F, 0.875F,        0.625F,      0.375F});
}

TEST(OnnxruntimePlaces, PadWrap) {
  expect_values("Pad", {floats({1, 4}, {1, 2, 3, 4}), ints({4}, {0, 3, 0, 2})}, {{"mode", std::string("wrap")}},
                {1, 9}, {2, 3, 4, 1, 2, 3, 4, 1, 2});
}

TEST(OnnxruntimePlaces, ScatterNDMaximum) {
  expect_values("ScatterND", {floats({4}, {1, 2, 3, 4}), ints({3, 1}, {1, 1, 3}), floats({3}, {5, 1, 0})},
                {{"reduction", std::string("max")}}, {4}, {1, 5, 3, 4});
}

TEST(OnnxruntimePlaces, GridSampleReflection) {
  expect_values(
      "GridSample", {image(), floats({1, 1, 4, 2}, {-1.7F, 0.3F, 0.9F, 1.4F, -0.2F, -2.6F, 1.05F, 0.4F})},
      {{"mode", std::string("bicubic")}, {"padding_mode", std::string("reflection")}}, {1, 2, 1, 4},
      {1.7033279F, 0.11687505F, 0.74375004F, 1.0650004F, 0.31752414F, -1.2571871F, -0.16696876F, -0.65500063F});
}

TEST(OnnxruntimePlaces, GridSampleBorder) {
  expect_values("GridSample", {image(), floats({1, 1, 4, 2}, {-1.7F, 0.3F, 0.9F, 1.4F, -0.2F, -2.6F, 1.05F, 0.4F})},
                {{"mode", std::string("bicubic")},
                 {"padding_mode", std::string("border")},
                 {"align_corners", std::int64_t{1}}},
                {1, 2, 1, 4},
                {-0.075999454F, 0.052033849F, 0.78000009F, 1.201327F, -1.5079995F, -0.96160126F, -0.60400015F,
                 -0.076406553F});
}

TEST(OnnxruntimePlaces, GridSampleNearest) {
  expect_values("GridSample",
                {image(), floats({1, 1, 4, 2}, {-1.7F, 0.3F, 0.9F, 1.35F, -0.2F, -2.6F, 1.05F, 0.4F})},
                {{"mode", std::string("nearest")}, {"padding_mode", std::string("reflection")}}, {1, 2, 1, 4},
                {1.25F, -0.25F, 1.25F, 0.75F, 0.25F, -1.25F, 0.25F, -0.25F});
}

}  // namespace
}  // namespace limn
