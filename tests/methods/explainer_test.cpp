// The Explainer: native runs of what the reference computes, one forward pass for several targets and methods.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "limn/model.h"
#include "methods/fixtures.h"
#include "runtime/small_network.h"
#include "support/expect_error.h"

namespace limn::test {
namespace {

using testing::FloatNear;
using testing::Pointwise;

std::vector<float> to_vector(std::span<const float> s) { return {s.begin(), s.end()}; }

TEST(Explainer, MapsOfTheHandSetNetwork) {
  std::vector<MethodRequest> requests;
  for (const char* name : {"grad-cam", "gradient", "guided-backprop", "eigen-cam"})
    requests.push_back({name, {}, "auto", false});
  Explainer explainer(fixture_t(), requests);
  std::ranges::copy(fixture_image(), explainer.images().begin());
  explainer.predict();
  EXPECT_THAT(to_vector(explainer.logits(0)), Pointwise(FloatNear(1e-6F), {2.25F, 0.75F, 1.5F}));
  const Target first{Target::Kind::logit, 0, 0};
  explainer.explain(std::span(&first, 1));
  EXPECT_EQ(explainer.map(0, 0).dims, (Dims{2, 2}));
  EXPECT_THAT(to_vector(explainer.map(0, 0).data), Pointwise(FloatNear(1e-6F), {0.5F, 0.5625F, 0.625F, 0.9375F}));
  EXPECT_EQ(explainer.map(1, 0).dims, (Dims{1, 2, 2}));
  EXPECT_THAT(to_vector(explainer.map(1, 0).data), Pointwise(FloatNear(1e-6F), {-0.75F, 0.5F, 0.5F, 0.25F}));
  EXPECT_THAT(to_vector(explainer.map(2, 0).data), Pointwise(FloatNear(1e-6F), {-0.75F, 0.0F, 0.5F, 0.25F}));
  EXPECT_THAT(to_vector(explainer.map(3, 0).data), Pointwise(FloatNear(1e-5F), {1.948459F, 0.551309F, 0.0F, 0.0F}));
}

TEST(Explainer, PrecisionIsAsTheRequestsNeed) {
  const auto chosen = [](std::vector<MethodRequest> requests, std::optional<Precision> asked = {}) {
    return Explainer(fixture_t(), std::move(requests), {1, 1, asked}).program().precision();
  };
  const MethodRequest cam{"grad-cam"}, earlier{"grad-cam", {}, "z"}, pixels{"gradient"}, patches{"occlusion"};
  EXPECT_EQ(chosen({}), Precision::fast);
  EXPECT_EQ(chosen({cam, {"layer-cam"}}), Precision::fast);
  EXPECT_EQ(chosen({earlier}), Precision::exact);
  EXPECT_EQ(chosen({cam, pixels}), Precision::exact);
  EXPECT_EQ(chosen({cam, patches}), Precision::exact);
  EXPECT_EQ(chosen({cam}, Precision::exact), Precision::exact);
  EXPECT_EQ(chosen({pixels}, Precision::fast), Precision::fast);
}

TEST(Explainer, PrecisionHasNames) {
  EXPECT_EQ(parse_precision("auto"), std::nullopt);
  EXPECT_EQ(parse_precision("exact"), Precision::exact);
  EXPECT_EQ(parse_precision("fast"), Precision::fast);
  EXPECT_ERROR(parse_precision("float"), ErrorCode::not_found, testing::HasSubstr("auto, exact, fast or bf16"));
  if (processor_has_bf16())
    EXPECT_EQ(parse_precision("bf16"), Precision::bf16);
  else
    EXPECT_ERROR(parse_precision("bf16"), ErrorCode::unsupported, testing::HasSubstr("AVX512_BF16"));
}

TEST(Explainer, Bf16IsNeverChosenUnasked) {
  for (const MethodInfo& info : methods()) {
    if (info.name == "cam") continue;  // needs a head that this network has not
    EXPECT_NE(
        default_precision(fixture_t(), std::vector<MethodRequest>{{std::string(info.name), {}, "auto", false}}),
        Precision::bf16)
        << info.name;
  }
  EXPECT_NE(default_precision(fixture_t(), {}), Precision::bf16);
}

TEST(Explainer, AnotherTargetNeedsNoNewPrediction) {
  Explainer explainer(fixture_t(), {{"gradient", {}, "auto", false}});
  std::ranges::copy(fixture_image(), explainer.images().begin());
  explainer.predict();
  for (const std::size_t c : {2U, 0U, 1U, 0U}) {
    const Target target{Target::Kind::logit, c, 0};
    explainer.explain(std::span(&target, 1));
    const auto expected = reference_map(fixture_t(), "gradient", c);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(explainer.map(0, 0).data[i], expected[i], 1e-6) << c;
  }
}

TEST(Explainer, EveryImageOfABatchHasItsOwnTarget) {
  Explainer explainer(fixture_t(), {{"grad-cam", {}, "auto", false}}, {3, 1});
  const std::vector<std::vector<float>> images{{1, 2, 3, 4}, {4, 3, 2, 1}, {0, 5, 1, 2}};
  for (std::size_t n = 0; n < 3; ++n) std::ranges::copy(images[n], explainer.images().subspan(4 * n).begin());
  explainer.predict();
  const std::vector<Target> targets{
      {Target::Kind::logit, 0, 0}, {Target::Kind::probability, 2, 0}, {Target::Kind::difference, 1, 0}};
  explainer.explain(targets);
  MethodRequest request;
  for (std::size_t n = 0; n < 3; ++n) {
    const auto expected = reference_map(fixture_t(), request, targets[n], images[n]);
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(explainer.map(0, static_cast<std::int64_t>(n)).data[i], expected[i], 1e-6) << n;
  }
}

/// A small VGG: two large dense layers between the features and the class scores.
Classifier dense_network() {
  SmallNetwork n(3);
  const Value x = n.input(3, 16, 16);
  const Value features = n.graph().add("Relu", {n.conv(x, 32, {3, 3}, {{"strides", Ints{2, 2}}})}, {}, "features");
  const Value pooled = n.max_pool(features, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  const Value hidden = relu(n.dense(relu(n.dense(n.flatten(pooled), 1024)), 512));
  return as_classifier(n.finish({{"logits", n.dense(hidden, 40)}}));
}

// Each layer's weights are read once for all of them; the numbers are those of one class after the other.
TEST(Explainer, SeveralTargetsAtOnceAreAsOneByOne) {
  const std::vector<MethodRequest> requests{
      {"grad-cam"}, {"grad-cam++"}, {"eigen-cam"}, {"layer-cam", {}, "features"}};
  const std::vector<Target> wanted{{Target::Kind::logit, 7, 0},
                                   {Target::Kind::difference, 3, 9},
                                   {Target::Kind::probability, 1, 0},
                                   {Target::Kind::logit, 39, 0},
                                   {Target::Kind::logit, 7, 0}};
  for (const std::int64_t batch : {1, 3}) {
    Explainer together(dense_network(), requests, {batch, 1, {}, wanted.size()});
    Explainer single(dense_network(), requests, {batch, 1});
    ASSERT_EQ(together.targets_at_once(), wanted.size());
    ASSERT_EQ(single.targets_at_once(), 1U);
    SmallNetwork random(11);
    const Tensor images = random.normal({batch, 3, 16, 16}, 1.0F);
    std::vector<Target> all;  // each image begins with another one
    for (std::int64_t n = 0; n < batch; ++n)
      for (std::size_t t = 0; t < wanted.size(); ++t)
        all.push_back(wanted[(t + static_cast<std::size_t>(n)) % wanted.size()]);
    for (Explainer* e : {&together, &single}) {
      std::ranges::copy(images.as<float>(), e->images().begin());
      e->predict();
    }
    together.explain(all);
    double largest = 0;
    for (std::size_t t = 0; t < wanted.size(); ++t) {
      std::vector<Target> now;
      for (std::int64_t n = 0; n < batch; ++n) now.push_back(all[static_cast<std::size_t>(n) * wanted.size() + t]);
      single.explain(now);
      for (std::size_t r = 0; r < requests.size(); ++r)
        for (std::int64_t n = 0; n < batch; ++n) {
          const auto a = together.map(r, n, t).data, b = single.map(r, n).data;
          ASSERT_EQ(a.size(), b.size());
          const float most = *std::ranges::max_element(b);
          largest = std::max<double>(largest, most);
          for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6 * std::max(1.0F, most)) << r << t;
        }
    }
    EXPECT_GT(largest, 0);
  }
}

TEST(Explainer, TakesOneTargetAtATimeWhereThatCostsLittle) {
  EXPECT_EQ(Explainer(fixture_t(), {MethodRequest{}}, {1, 1, {}, 5}).targets_at_once(), 1U);
  EXPECT_EQ(Explainer(dense_network(), {{"gradient"}}, {1, 1, {}, 5}).targets_at_once(), 1U);
  EXPECT_EQ(Explainer(dense_network(), {{"grad-cam"}}, {1, 1, {}, 50}).targets_at_once(), 8U);
}

TEST(Explainer, CopiesRunSideBySide) {
  const Explainer original(fixture_t(), {{"grad-cam", {}, "auto", false}});
  std::vector<std::jthread> threads;
  std::array<std::vector<float>, 4> maps;
  for (std::size_t t = 0; t < maps.size(); ++t)
    threads.emplace_back([&, t] {
      Explainer mine(original);
      for (int i = 0; i < 50; ++i) {
        for (std::size_t k = 0; k < 4; ++k) mine.images()[k] = fixture_image()[k] + static_cast<float>(t);
        mine.predict();
        const Target target{};
        mine.explain(std::span(&target, 1));
        maps[t] = to_vector(mine.map(0, 0).data);
      }
    });
  threads.clear();
  for (std::size_t t = 0; t < maps.size(); ++t) {
    std::vector<float> image = fixture_image();
    for (float& v : image) v += static_cast<float>(t);
    const auto expected = reference_map(fixture_t(), MethodRequest{}, {}, image);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(maps[t][i], expected[i], 1e-5);
  }
}

TEST(Explainer, NumbersThatAreNoneAreReported) {
  Explainer explainer(fixture_t(), {{"grad-cam", {}, "auto", false}});
  std::ranges::fill(explainer.images(), std::numeric_limits<float>::quiet_NaN());
  try {
    explainer.predict();
    FAIL() << "NaN went through";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::bad_input);
  }
}

std::size_t resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  return 0;
}

TEST(Explainer, TenThousandGradCamsTakeNoMoreMemoryThanAHundred) {
  const Classifier classifier =
      as_classifier(import_onnx(std::string(LIMN_SOURCE_DIR) + "/data/demo/demo.onnx").graph);
  Explainer explainer(classifier, {{"grad-cam", {}, "auto", false}});
  const Target target{};
  std::size_t after_a_hundred = 0;
  for (int i = 1; i <= 10000; ++i) {
    std::ranges::fill(explainer.images(), static_cast<float>(i % 7) - 3.0F);
    explainer.predict();
    explainer.explain(std::span(&target, 1));
    if (i == 100) after_a_hundred = resident_kilobytes();
  }
  EXPECT_NEAR(static_cast<double>(resident_kilobytes()), static_cast<double>(after_a_hundred), 1024);
}

}  // namespace
}  // namespace limn::test
