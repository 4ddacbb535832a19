// Occlusion: what it computes, and that computing windows alone changes nothing.
#include "limn/occlusion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "limn/model.h"
#include "limn/ops/evaluate.h"
#include "methods/fixtures.h"
#include "runtime/small_network.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using test::fixture_image;
using test::fixture_t;
using ::testing::HasSubstr;

/// f = the sum of the pixels of a 3x3 image: the first of two classes; the other is always 0.
Classifier sum_of_pixels() {
  GraphBuilder g(operators());
  const Value x = g.input("image", {DType::f32, Shape{Dim("N"), 1, 3, 3}});
  const Value flat = g.add("Flatten", {x});
  std::vector<float> w(18);
  std::fill_n(w.begin(), 9, 1.0F);
  const Value y =
      g.add("Gemm", {flat, g.constant(Tensor::of<float>({2, 9}, w))}, {{"transB", std::int64_t{1}}}, "y");
  return as_classifier(std::move(g).finish({{"logits", y}}));
}

std::vector<float> drops(const Classifier& c, PatchGrid grid, std::vector<float> image,
                         OcclusionFill fill = OcclusionFill::zero, std::size_t class_index = 0) {
  Occluder occluder(c, std::move(grid), {fill, 3, 1, true});
  std::ranges::copy(image, occluder.image().begin());
  return occlusion_drops(occluder, {Target::Kind::logit, class_index, 0});
}

TEST(Occlusion, OfTheFixtureHidesOnePixelAtATime) {
  // Setting a pixel to 0 sets A1 to 0 and A2 to 3 there.
  EXPECT_EQ(drops(fixture_t(), covering_patches(1, 1, 2, 2), fixture_image()),
            (std::vector<float>{-0.75F, 1.5F, -2.0F, 0.0F}));
}

TEST(Occlusion, OfASumIsTheSumOfWhatIsHidden) {
  const std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(drops(sum_of_pixels(), covering_patches(2, 1, 3, 3), x), (std::vector<float>{12, 16, 24, 28}));
  EXPECT_EQ(drops(sum_of_pixels(), covering_patches(2, 2, 3, 3), x), (std::vector<float>{12, 9, 15, 9}));
  EXPECT_EQ(drops(sum_of_pixels(), covering_patches(1, 1, 3, 3), x), x);
  EXPECT_EQ(drops(sum_of_pixels(), covering_patches(3, 3, 3, 3), x), (std::vector<float>{45}));
}

TEST(Occlusion, OfPatchesBeyondTheImageHidesWhatLiesInside) {
  const std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(drops(sum_of_pixels(), centred_patches(3, 1, 3, 3), x),
            (std::vector<float>{12, 21, 16, 27, 45, 33, 24, 39, 28}));
  EXPECT_EQ(drops(sum_of_pixels(), {2, {-5, 2}, {1}}, x), (std::vector<float>{0, 17}));
}

TEST(Occlusion, FillsWithWhatWasAskedFor) {
  const std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8, 9};
  const PatchGrid corner{1, {0}, {0}};
  EXPECT_EQ(drops(sum_of_pixels(), corner, x, OcclusionFill::mean), (std::vector<float>{1 - 5}));
  EXPECT_EQ(drops(sum_of_pixels(), corner, x, OcclusionFill::grey), (std::vector<float>{0.5F}));
  EXPECT_EQ(drops(sum_of_pixels(), corner, x, OcclusionFill::zero), (std::vector<float>{1}));
  EXPECT_EQ(drops(sum_of_pixels(), corner, x, OcclusionFill::zero, 1), (std::vector<float>{0}));
}

TEST(Occlusion, MeasuresProbabilities) {
  Occluder occluder(sum_of_pixels(), {1, {0}, {0}}, {OcclusionFill::zero, 1, 1, true});
  std::ranges::copy(std::vector<float>{2, 0, 0, 0, 0, 0, 0, 0, 0}, occluder.image().begin());
  const auto drop = occlusion_drops(occluder, {Target::Kind::probability, 0, 0});
  EXPECT_NEAR(drop[0], 1 / (1 + std::exp(-2.0)) - 0.5, 1e-6);
}

TEST(Occlusion, PatchesLieAroundCentres) {
  const PatchGrid grid = centred_patches(45, 16, 224, 224);
  EXPECT_EQ(grid.size(), 14U * 14U);
  EXPECT_EQ(grid.rows.front(), 8 - 22);
  EXPECT_EQ(centred_patches(45, 1, 224, 200).size(), 224U * 200U);
  EXPECT_EQ(covering_patches(45, 8, 224, 224).rows.size(), 24U);
}

TEST(Occlusion, RefusesPatchesThatCannotBe) {
  EXPECT_ERROR(centred_patches(5, 1, 4, 9), ErrorCode::bad_input, HasSubstr("does not fit"));
  EXPECT_ERROR(centred_patches(0, 1, 4, 9), ErrorCode::bad_input, HasSubstr("does not fit"));
  EXPECT_ERROR(centred_patches(3, 0, 4, 9), ErrorCode::bad_input, HasSubstr("does not move"));
  EXPECT_ERROR(covering_patches(3, 4, 9, 9), ErrorCode::bad_input, HasSubstr("leaves pixels out"));
  EXPECT_ERROR(parse_occlusion_fill("pink"), ErrorCode::bad_input, HasSubstr("pink"));
  EXPECT_ERROR(Occluder(sum_of_pixels(), PatchGrid{1, {}, {0}}), ErrorCode::bad_input, HasSubstr("no position"));
}

TEST(Occlusion, RefusesImagesThatAreNotNumbers) {
  Occluder occluder(sum_of_pixels(), {1, {0}, {0}});
  std::ranges::fill(occluder.image(), NAN);
  EXPECT_ERROR(occluder.run([](auto...) {}), ErrorCode::bad_input, HasSubstr("NaN"));
}

// ---- The map of a method

std::vector<float> map_of(const Classifier& c, const OcclusionPatch& patch, std::span<const float> image) {
  MethodRequest request;
  request.method = "occlusion";
  request.patch = patch;
  Explainer first(c, {request}, {2, 1});
  Explainer explainer(first);
  std::ranges::copy(image, explainer.images().begin() + static_cast<std::ptrdiff_t>(image.size()));
  explainer.predict();
  explainer.explain(std::vector<Target>(2));
  const RawMap map = explainer.map(0, 1);
  EXPECT_EQ(map.kind, MapKind::cam);
  EXPECT_EQ(map.dims, (Dims{c.height, c.width}));
  return {map.data.begin(), map.data.end()};
}

TEST(OcclusionMap, IsTheMeanOfThePatchesThatCoverAPixel) {
  const std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8, 9};
  const OcclusionFill zero = OcclusionFill::zero;
  EXPECT_EQ(map_of(sum_of_pixels(), {2, 1, zero}, x), (std::vector<float>{12, 14, 16, 18, 20, 22, 24, 26, 28}));
  EXPECT_EQ(map_of(sum_of_pixels(), {2, 2, zero}, x), (std::vector<float>{12, 12, 9, 12, 12, 9, 15, 15, 9}));
  EXPECT_EQ(map_of(fixture_t(), {1, 1, zero}, fixture_image()), (std::vector<float>{-0.75F, 1.5F, -2.0F, 0.0F}));
}

TEST(OcclusionMap, FollowsTheTargetAndTheImage) {
  MethodRequest request;
  request.method = "occlusion";
  request.patch = {1, 1, OcclusionFill::zero};
  Explainer explainer(sum_of_pixels(), {request, MethodRequest{"gradient"}}, {1, 1});
  const auto first_pixel = [&](const Target& target) {
    explainer.explain(std::span(&target, 1));
    return explainer.map(0, 0).data[0];
  };
  for (const float value : {3.0F, -2.0F}) {
    std::ranges::fill(explainer.images(), value);
    explainer.predict();
    EXPECT_EQ(first_pixel({Target::Kind::logit, 0, 0}), value);
    EXPECT_EQ(explainer.map(1, 0).data[0], 1);
    EXPECT_EQ(first_pixel({Target::Kind::logit, 1, 0}), 0);
    EXPECT_EQ(first_pixel({Target::Kind::difference, 1, 0}), -value);
  }
}

// ---- Windows against whole maps

Value random_pool(SmallNetwork& n, Value x) {
  const std::int64_t kernel = n.pick({2, 3});
  Attrs attrs{{"kernel_shape", Ints{kernel, n.pick({2, 3})}},
              {"strides", Ints{n.draw(1, 3), n.draw(1, 2)}},
              {"pads", Ints{n.draw(0, 1), n.draw(0, 1), n.draw(0, 1), 0}},
              {"ceil_mode", n.draw(0, 1)}};
  if (n.draw(0, 2) > 0) return n.max_pool(x, attrs);
  attrs.set("count_include_pad", n.draw(0, 1));
  return n.graph().add("AveragePool", {x}, attrs);
}

Value random_convolution(SmallNetwork& n, Value x) {
  const std::int64_t c = x.shape()[1].value, kernel = n.pick({1, 2, 3, 3, 5});
  const Ints kernels{kernel, n.pick({1, 3})};
  Attrs attrs{{"strides", Ints{n.pick({1, 1, 2, 3}), n.pick({1, 1, 2})}},
              {"dilations", Ints{n.pick({1, 1, 2}), n.pick({1, 1, 2})}},
              {"pads", Ints{n.draw(0, 2), n.draw(0, 2), n.draw(0, 2), n.draw(0, 2)}}};
  if (n.draw(0, 4) == 0) {
    attrs.set("group", c);
    return n.conv(x, c, kernels, attrs);
  }
  return n.conv(x, n.pick({3, 5, 16, 24}), kernels, attrs, n.draw(0, 1) != 0);
}

Value same_size(SmallNetwork& n, Value x, std::int64_t channels, std::int64_t kernel) {
  const std::int64_t p = kernel / 2;
  return relu(n.conv(x, channels, {kernel, kernel}, {{"pads", Ints{p, p, p, p}}}));
}

Value random_block(SmallNetwork& n, Value x) {
  const std::int64_t c = x.shape()[1].value;
  switch (n.draw(0, 9)) {
    case 0: return random_pool(n, x);
    case 1: return n.concat({same_size(n, x, 8, 1), same_size(n, x, 16, 3), same_size(n, x, 3, 5)});
    case 2: return relu(x + same_size(n, x, c, 3));
    case 3: return relu(n.batch_norm(x));
    case 4: return n.concat({x, same_size(n, x, 16, 3)});
    case 5: return x * n.graph().add("Sigmoid", {n.conv(n.global_average(x), c, {1, 1}, {})});
    case 6: return n.clip(x, 0.0F, 6.0F);
    case 7:
      return n.graph().add("LRN", {x}, {{"size", std::int64_t{3}}, {"alpha", 0.1}, {"beta", 0.75}, {"bias", 1.0}});
    default: return relu(random_convolution(n, x));
  }
}

struct Drawn {
  Classifier classifier;
  PatchGrid grid;
  std::vector<float> image;
  OccluderOptions options;
};

std::vector<std::int64_t> random_starts(SmallNetwork& n, std::int64_t size) {
  std::set<std::int64_t> starts;
  for (std::int64_t i = n.draw(1, 5); i >= 0; --i) starts.insert(n.draw(-2, size - 1));
  return {starts.begin(), starts.end()};
}

Drawn draw(unsigned seed) {
  SmallNetwork n(seed);
  const std::int64_t c = n.pick({1, 3, 16}), height = n.draw(24, 40), width = n.draw(24, 40);
  Value y = n.input(c, height, width);
  for (std::int64_t i = n.draw(3, 8); i > 0; --i)
    if (y.shape()[2].value > 8 && y.shape()[3].value > 8) y = random_block(n, y);
  Value flat = n.flatten(n.draw(0, 1) != 0 ? n.global_average(y) : y);
  Drawn d;
  d.classifier = as_classifier(n.finish({{"logits", n.dense(flat, 7)}}));
  d.grid = {n.draw(1, 9), random_starts(n, height), random_starts(n, width)};
  const Tensor image = n.normal({c, height, width}, 1.0F);
  d.image.assign(image.as<float>().begin(), image.as<float>().end());
  d.options = {static_cast<OcclusionFill>(seed % 3), n.draw(1, 5), static_cast<int>(1 + seed % 2), true};
  return d;
}

std::vector<float> all_scores(Occluder& occluder, std::span<const float> image) {
  std::ranges::copy(image, occluder.image().begin());
  std::vector<float> scores;
  occluder.run([&](std::size_t, std::size_t, std::span<const float> logits) {
    scores.insert(scores.end(), logits.begin(), logits.end());
  });
  return scores;
}

std::vector<float> all_scores(Occluder&& occluder, std::span<const float> image) {
  return all_scores(occluder, image);
}

/// The scores by the double reference on images that were covered by plain loops.
std::vector<double> reference_scores(const Drawn& d) {
  const Dims dims{1, d.classifier.channels, d.classifier.height, d.classifier.width};
  const auto plane = static_cast<std::size_t>(dims[2] * dims[3]);
  std::vector<double> scores;
  for (const std::int64_t top : d.grid.rows)
    for (const std::int64_t left : d.grid.columns) {
      std::vector<float> covered = d.image;
      for (std::size_t i = 0; i < covered.size(); ++i) {
        const auto y = static_cast<std::int64_t>(i % plane) / dims[3], x = static_cast<std::int64_t>(i) % dims[3];
        if (y < top || y >= top + d.grid.patch || x < left || x >= left + d.grid.patch) continue;
        double mean = 0;
        for (std::size_t k = 0; k < plane; ++k) mean += d.image[i / plane * plane + k];
        covered[i] = d.options.fill == OcclusionFill::mean   ? static_cast<float>(mean / static_cast<double>(plane))
                     : d.options.fill == OcclusionFill::grey ? 0.5F
                                                             : 0.0F;
      }
      const Tensor y =
          evaluate(d.classifier.graph, {{d.classifier.image, Tensor::of<float>(dims, covered)}}).at("logits");
      for (const double v : y.as<double>()) scores.push_back(v);
    }
  return scores;
}

template <class T>
double largest_difference(std::span<const float> a, const std::vector<T>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0, size = 1;
  for (const T v : b) size = std::max(size, std::abs(static_cast<double>(v)));
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(a[i] - static_cast<double>(b[i])) / size);
  return largest;
}

class WindowsOfRandomNetworks : public ::testing::TestWithParam<unsigned> {};

TEST_P(WindowsOfRandomNetworks, GiveTheScoresOfWholeMaps) {
  const Drawn d = draw(GetParam());
  OccluderOptions brute = d.options;
  brute.incremental = false;
  const auto want = all_scores(Occluder(d.classifier, d.grid, brute), d.image);
  const auto got = all_scores(Occluder(d.classifier, d.grid, d.options), d.image);
  constexpr double kRounding = 1e-5;
  EXPECT_LE(largest_difference(got, want), kRounding) << to_text(d.classifier.graph);
  EXPECT_LE(largest_difference(got, reference_scores(d)), kRounding) << to_text(d.classifier.graph);
}

INSTANTIATE_TEST_SUITE_P(Seeds, WindowsOfRandomNetworks, ::testing::Range(0U, 120U));

TEST(Windows, AreComputedInMostRandomNetworks) {
  // Otherwise the comparisons above would compare nothing.
  int cheaper = 0;
  for (unsigned seed = 0; seed < 120; ++seed) {
    const Drawn d = draw(seed);
    cheaper += occlusion_cost(d.classifier, d.grid, d.options).multiplications < 0.6 ? 1 : 0;
  }
  EXPECT_GE(cheaper, 60);
}

TEST(Windows, EndWhereAllPlacesAreMixed) {
  SmallNetwork n(1);
  Value y = same_size(n, n.input(3, 32, 32), 16, 3);
  y = n.graph().add("GlobalAveragePool", {y}, {}, "pooled");
  const Classifier c = as_classifier(n.finish({{"logits", n.dense(n.flatten(y), 4)}}));
  const PatchGrid grid = centred_patches(5, 8, 32, 32);
  const OcclusionCost windows = occlusion_cost(c, grid);
  EXPECT_EQ(windows.whole_from, "pooled");
  EXPECT_LT(windows.multiplications, 0.06);  // 7 x 7 of 32 x 32, and the dense layer
  const OcclusionCost whole = occlusion_cost(c, grid, {OcclusionFill::mean, 16, 1, false});
  EXPECT_NE(whole.whole_from, "pooled");
  EXPECT_DOUBLE_EQ(whole.multiplications, 1.0);
}

TEST(Windows, OfTheDemoNetwork) {
  Drawn d;
  d.classifier = as_classifier(import_onnx(LIMN_SOURCE_DIR "/data/demo/demo.onnx").graph);
  const Dims dims{d.classifier.channels, d.classifier.height, d.classifier.width};
  d.grid = centred_patches(dims[1] / 5, 7, dims[1], dims[2]);
  const Tensor image = SmallNetwork(1).normal(dims, 1.0F);
  d.image.assign(image.as<float>().begin(), image.as<float>().end());
  EXPECT_LT(occlusion_cost(d.classifier, d.grid).multiplications, 0.8);
  const auto whole = all_scores(Occluder(d.classifier, d.grid, {OcclusionFill::mean, 8, 1, false}), d.image);
  EXPECT_LE(largest_difference(all_scores(Occluder(d.classifier, d.grid), d.image), whole), 1e-5);
}

TEST(Windows, SeveralImagesThroughOneProgram) {
  Drawn d = draw(3);
  Occluder one(d.classifier, d.grid, d.options);
  const auto first = all_scores(one, d.image);
  for (float& v : d.image) v = -v;
  const auto second = all_scores(one, d.image);
  EXPECT_NE(first, second);
  EXPECT_EQ(second, all_scores(Occluder(one), d.image));
}

}  // namespace
}  // namespace limn
