// What the occlusion experiment measures on maps, and what it tells of its rules.

#include "limn/study/occlusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "methods/fixtures.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::HasSubstr;

Heatmap ramp(int width, int height, float step) {
  Heatmap map(width, height);
  for (std::size_t i = 0; i < map.values.size(); ++i) map.values[i] = step * static_cast<float>(i);
  return map;
}

std::vector<Cell> measured(const Heatmap& map, const Heatmap& occlusion) {
  const auto experiment = make_occlusion({});
  const StudiedMap studied(map);
  return experiment->measure({}, std::vector{&studied}, {{occlusion}, {}});
}

double number(const Cell& cell) { return std::get<double>(cell); }

TEST(OcclusionExperiment, CorrelatesRanks) {
  const auto same = measured(ramp(28, 28, 2), ramp(14, 14, 0.1F));
  EXPECT_NEAR(number(same[0]), 1, 1e-12);
  EXPECT_NEAR(number(same[1]), 1, 1e-12);
  EXPECT_NEAR(number(same[2]), 19.5, 1e-5);
  EXPECT_NEAR(number(measured(ramp(28, 28, -1), ramp(14, 14, 1))[0]), -1, 1e-12);
  EXPECT_NEAR(number(measured(ramp(5, 3, 1), ramp(5, 3, 4))[0]), 1, 1e-12);  // fewer places than 14 x 14
}

TEST(OcclusionExperiment, CorrelatesSortingOrdersAsWell) {
  Heatmap a(3, 2), b(3, 2);
  a.values = {.1F, .4F, .2F, .9F, .7F, .3F};
  b.values = {.2F, .5F, .1F, .8F, .9F, .3F};
  const auto row = measured(a, b);
  EXPECT_NEAR(number(row[0]), .885714, 1e-6);
  EXPECT_NEAR(number(row[1]), .714286, 1e-6);
}

TEST(OcclusionExperiment, ConstantMapsCorrelateWithNothing) {
  const auto row = measured(Heatmap(28, 28), ramp(14, 14, 1));
  EXPECT_EQ(row[0], Cell{});
  EXPECT_EQ(row[1], Cell{});
}

TEST(OcclusionExperiment, MixesColoursAsPublished) {
  const std::vector<float> attribution{1, -2, 0, 1, 0, 0};
  ExperimentOptions options;
  EXPECT_THAT(make_occlusion(options)->map_of(attribution, 3, 1, 2).values, testing::ElementsAre(1, 2));
  options.protocol = Protocol::as_published;
  EXPECT_THAT(make_occlusion(options)->map_of(attribution, 3, 1, 2).values,
              testing::ElementsAre(testing::FloatEq(.2989F), testing::FloatEq(-2 * .2989F + .587F)));
}

TEST(OcclusionExperiment, RulesSurviveTheManifest) {
  OcclusionRules rules{9, 3, OcclusionFill::grey, Target::Kind::logit, true, true, 4};
  EXPECT_EQ(rules_json(rules_from(rules_json(rules))), rules_json(rules));
  EXPECT_EQ(rules_json(rules).at("fill"), "grey");
  EXPECT_TRUE(rules_from(rules_json(rules)).padded);
}

TEST(OcclusionExperiment, TellsWhatItComputes) {
  const Classifier network = test::fixture_t();
  ExperimentOptions options;
  options.occlusion = {1, 1};
  const Json facts = make_occlusion(options)->facts({network, network.graph});
  EXPECT_EQ(facts.at("positions"), 4);
  EXPECT_EQ(facts.at("whole_maps_from"), "flat");
  EXPECT_LT(facts.at("multiplications").get<double>(), 1);
}

TEST(OcclusionExperiment, AFrameNeedsANetworkForAnySize) {
  const Classifier network = test::fixture_t();
  ExperimentOptions options;
  options.occlusion = {2, 1};
  options.occlusion.padded = true;
  EXPECT_ERROR(make_occlusion(options)->probe({network, network.graph}), ErrorCode::unsupported,
               testing::AllOf(HasSubstr("frame"), HasSubstr("4x4"), HasSubstr("--pad none")));
}

/// A pool that is as large as its map would leave out the frame.
TEST(OcclusionExperiment, AFrameIsNotCutOff) {
  GraphBuilder g(operators());
  const Value x = g.input("image", {DType::f32, Shape{Dim("N"), 1, 4, 4}});
  const Value pooled = g.add(
      "AveragePool", {x},
      {{"kernel_shape", std::vector<std::int64_t>{4, 4}}, {"strides", std::vector<std::int64_t>{4, 4}}}, "pool");
  const Value w = g.constant(Tensor::of<float>({2, 1}, {1, 0}));
  const Value y = g.add("Gemm", {g.add("Flatten", {pooled}), w}, {{"transB", std::int64_t{1}}}, "logits");
  const Graph model = std::move(g).finish({{"logits", y}});
  ExperimentOptions options;
  options.occlusion = {3, 1};
  options.occlusion.padded = true;
  EXPECT_ERROR(make_occlusion(options)->probe({as_classifier(model), model}), ErrorCode::unsupported,
               HasSubstr("pools the whole map of 4x4"));
}

/// The score is the mean of all pixels, whatever the size of the image, and whatever the file says of it.
class Framed : public testing::TestWithParam<bool> {};

TEST_P(Framed, SeesTheImageInGrey) {
  GraphBuilder g(operators());
  const auto side = [&](const char* name) { return GetParam() ? Dim(name) : Dim(4); };
  const Value x = g.input("image", {DType::f32, Shape{Dim("N"), 1, side("H"), side("W")}});
  const Value pooled = g.add("Flatten", {g.add("GlobalAveragePool", {x})});
  const Value w = g.constant(Tensor::of<float>({2, 1}, {1, 0}));
  const Value y = g.add("Gemm", {pooled, w}, {{"transB", std::int64_t{1}}}, "logits");
  const Graph model = std::move(g).finish({{"logits", y}});
  Classifier network = as_classifier(model);
  network.graph = model;
  network = with_size(network, 4, 4);
  ExperimentOptions options;
  options.occlusion = {3, 1, OcclusionFill::zero, Target::Kind::logit, true, false, 2};
  const auto probe = make_occlusion(options)->probe({network, model});
  const std::vector<float> zeros(16);
  const Heatmap map = probe->copy()->look(zeros, 0);
  // Of 6 x 6 pixels a patch at a corner hides five of the frame, one at an edge three, one inside none.
  EXPECT_EQ(map.width, 4);
  EXPECT_NEAR(map.at(0, 0), 5 * 0.5 / 36, 1e-6);
  EXPECT_NEAR(map.at(1, 0), 3 * 0.5 / 36, 1e-6);
  EXPECT_NEAR(map.at(1, 1), 0, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(OcclusionExperiment, Framed, testing::Bool());

}  // namespace
}  // namespace limn
