// Maps worked out by hand for the two networks of fixtures.h.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "methods/fixtures.h"

namespace limn::test {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

MATCHER_P(Near, tolerance, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) <= tolerance; }

void expect_map(const std::vector<double>& map, std::vector<double> expected, double tolerance = 2e-6) {
  EXPECT_THAT(map, Pointwise(Near(tolerance), expected));
}

TEST(WorkedExamples, GradCam) {
  expect_map(reference_map(fixture_t(), "grad-cam"), {0.5, 0.5625, 0.625, 0.9375});
  expect_map(reference_map(fixture_p(), "grad-cam"), {0, 0.125, 0.5, 0.75});  // -0.25 before relu
}

TEST(WorkedExamples, CounterfactualGradCam) {
  MethodRequest request;
  request.counterfactual = true;
  expect_map(reference_map(fixture_t(), request, {}), {0, 0, 0, 0});
  expect_map(reference_map(fixture_p(), request, {}), {0.25, 0, 0, 0});
}

TEST(WorkedExamples, GradCamOfAProbability) {
  MethodRequest request;
  expect_map(reference_map(fixture_t(), request, {Target::Kind::probability, 0, 0}),
             {0.008567, 0.070186, 0.131806, 0.197708});
}

TEST(WorkedExamples, GradCamOfADifferenceIsTheMapOfTheDifferenceOfWeights) {
  // G of class 0 minus class 1: channel means (0.3125 - 0.125, 0.25 - 0.0625) = (0.1875, 0.1875).
  MethodRequest request;
  expect_map(reference_map(fixture_t(), request, {Target::Kind::difference, 0, 1}), {0.375, 0.375, 0.375, 0.5625});
}

/// As fixture_p(), with two hidden units, p1 + p2 and 2 p1 - p2, of which class 0 is the difference.
Classifier with_hidden_units() {
  GraphBuilder g(operators());
  const auto dense = [&](Value in, std::vector<float> w, const std::string& name) {
    const Value weights = g.constant(Tensor::of<float>({static_cast<std::int64_t>(w.size()) / 2, 2}, std::move(w)));
    return g.add("Gemm", {in, weights}, {{"transB", std::int64_t{1}}}, name);
  };
  const Value flat = g.add("Flatten", {g.add("GlobalAveragePool", {convolution(g)})});
  const Value hidden = g.add("Relu", {dense(flat, {1, 1, 2, -1}, "hidden")});
  const Value y = dense(hidden, {1, -1, 0, 0, 0, 0}, "logits");
  return wrap(std::move(g).finish({{"logits", y}}));
}

TEST(WorkedExamples, GradCamStudyStopsNegativeGradientsAtRectifiers) {
  MethodRequest request;
  expect_map(reference_map(with_hidden_units(), request, {}), {1, 0.25, 0, 0});  // G = (-1, 2) / 4
  request.variant = "study";
  expect_map(reference_map(with_hidden_units(), request, {}), {0.5, 0.5, 0.5, 0.75});  // (1, 1) / 4
  expect_map(reference_map(fixture_p(), request, {}), {0, 0.125, 0.5, 0.75});          // nothing to stop at
}

TEST(WorkedExamples, GuidedGradCamStudyRescalesBothFactors) {
  MethodRequest request;
  request.method = "guided-grad-cam";
  // Guided backpropagation [0, .25, .25, .25] and, of class 1, [-.25, -.25, 0, 0].
  expect_map(reference_map(fixture_p(), request, {}), {0, 0.25 / 6, 0.5 / 3, 0.25});
  const Target other{Target::Kind::logit, 1, 0};
  expect_map(reference_map(fixture_p(), request, other), {-0.25, -0.0625, 0, 0});
  request.variant = "study";
  expect_map(reference_map(fixture_p(), request, {}), {0, 1.0 / 6, 2.0 / 3, 1});
  expect_map(reference_map(fixture_p(), request, other), {0, 0, 0, 0});
}

TEST(WorkedExamples, GradCamPlusPlusPaper) {
  expect_map(reference_map(fixture_t(), "grad-cam++"), {0.934759, 0.763808, 0.592857, 0.889286});
}

TEST(WorkedExamples, GradCamPlusPlusStudy) {
  MethodRequest request;
  request.method = "grad-cam++";
  request.variant = "study";
  expect_map(reference_map(fixture_t(), request, {}), {3.189720, 3.893446, 4.597172, 6.895758}, 5e-6);
}

TEST(WorkedExamples, GradCamPlusPlusStudyDoesNotOverflow) {
  MethodRequest request;
  request.method = "grad-cam++";
  request.variant = "study";
  const auto map = reference_map(fixture_t(), request, {}, {100, 200, 300, 400});
  EXPECT_TRUE(std::ranges::all_of(map, [](double v) { return std::isfinite(v); }));
  EXPECT_GT(*std::ranges::max_element(map), 0.0);
}

TEST(WorkedExamples, GradCamPlusPlusStudySeesWhatALargerIrrelevantActivationOutshines) {
  // A1 = [2000, 0, 1, 1] speaks against class 1 and does not count; A2 = [0, 400, 1, 1] is then the map, up to a
  // factor.
  MethodRequest request;
  request.method = "grad-cam++";
  request.variant = "study";
  auto map = reference_map(fixture_p(), request, {Target::Kind::logit, 1, 0}, {2001, -397, 2, 2});
  const double largest = *std::ranges::max_element(map);
  ASSERT_GT(largest, 0.0);
  for (double& v : map) v /= largest;
  expect_map(map, {0, 1, 1.0 / 400, 1.0 / 400});
}

TEST(WorkedExamples, XGradCam) {
  const auto map = reference_map(fixture_t(), "xgrad-cam");
  expect_map(map, {0.333333, 0.375, 0.416667, 0.625});
  EXPECT_NEAR(std::accumulate(map.begin(), map.end(), 0.0), 1.75, 1e-9);  // y - b
}

TEST(WorkedExamples, LayerCam) { expect_map(reference_map(fixture_t(), "layer-cam"), {1.5, 0, 1, 0.75}); }

TEST(WorkedExamples, HiresCam) {
  expect_map(reference_map(fixture_t(), "hires-cam"), {1.5, 0, 1, 0.75});  // -1.5 before relu
  expect_map(reference_map(fixture_p(), "hires-cam"), {0, 0.125, 0.5, 0.75});
}

TEST(WorkedExamples, Cam) { expect_map(reference_map(fixture_p(), "cam"), {-1, 0.5, 2, 3}); }

TEST(WorkedExamples, CamNeedsAPoolingHead) {
  try {
    reference_map(fixture_t(), "cam");
    FAIL() << "a flattened head has no class activation map";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
    EXPECT_THAT(e.what(), testing::HasSubstr("global average pool"));
  }
}

TEST(WorkedExamples, EigenCam) {
  const std::vector<float> a{0, 1, 2, 3, 2, 1, 0, 0};
  const auto map = eigen_cam(a, 2, 2, 2);
  expect_map({map.begin(), map.end()}, {1.948459, 0.551309, -0.845841, -1.653928});
}

TEST(WorkedExamples, EigenCamThroughTheOtherGramMatrix) {
  // The same activations four times over: the component is the same, the projection twice as long, and there are
  // now more channels than positions.
  std::vector<float> a;
  for (int i = 0; i < 4; ++i) a.insert(a.end(), {0, 1, 2, 3, 2, 1, 0, 0});
  const auto map = eigen_cam(a, 8, 2, 2);
  expect_map({map.begin(), map.end()}, {2 * 1.948459, 2 * 0.551309, 2 * -0.845841, 2 * -1.653928}, 5e-6);
}

TEST(WorkedExamples, EigenCamOfAConstantActivationIsZero) {
  const auto map = eigen_cam(std::vector<float>(12, 3.0F), 3, 2, 2);
  expect_map({map.begin(), map.end()}, {0, 0, 0, 0});
}

TEST(WorkedExamples, Gradient) { expect_map(reference_map(fixture_t(), "gradient"), {-0.75, 0.5, 0.5, 0.25}); }
TEST(WorkedExamples, Saliency) { expect_map(reference_map(fixture_t(), "saliency"), {0.75, 0.5, 0.5, 0.25}); }
TEST(WorkedExamples, InputXGradient) {
  expect_map(reference_map(fixture_t(), "input-x-gradient"), {-0.75, 1, 1.5, 1});
}
TEST(WorkedExamples, GuidedBackprop) {
  expect_map(reference_map(fixture_t(), "guided-backprop"), {-0.75, 0, 0.5, 0.25});
}
TEST(WorkedExamples, Deconvnet) { expect_map(reference_map(fixture_t(), "deconvnet"), {0.25, 0, -0.5, 0}); }
TEST(WorkedExamples, GuidedGradCam) {
  expect_map(reference_map(fixture_t(), "guided-grad-cam"), {0, 0, 0.142857, 0.25});
}

}  // namespace
}  // namespace limn::test
