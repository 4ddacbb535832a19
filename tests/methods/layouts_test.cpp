// Maps of layers that are kept otherwise than [N, K, h, w], by the double-precision reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/autodiff.h"
#include "limn/explain.h"
#include "limn/ops/evaluate.h"
#include "support/expect_error.h"
#include "support/small_transformer.h"

namespace limn::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Numbers = std::vector<double>;

Tensor image() {
  std::vector<float> v(48);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>((i * 7) % 11) / 5.0F - 1.0F;
  return Tensor::of<float>({1, 2, 4, 6}, v);
}

Tensor one_hot(std::size_t c) {
  std::vector<float> v(3);
  v[c] = 1;
  return Tensor::of<float>({1, 3}, v);
}

Numbers map_of(const Classifier& c, const std::string& name, const std::string& layer) {
  const MethodRequest request{name, {}, layer, false};
  const Tensor map =
      evaluate(explanation_graph(c, std::span(&request, 1)), {{"image", image()}, {"target", one_hot(1)}})
          .at("map_0");
  EXPECT_THAT(map.dims(), ElementsAre(1, 1, 2, 3));
  return {map.as<double>().begin(), map.as<double>().end()};
}

/// Activations and gradients of a layer [1, 7, 4].
std::pair<Numbers, Numbers> layer_and_gradient(const Graph& model, const std::string& layer) {
  GraphBuilder g(model);
  const Value target = g.input("target", {DType::f32, Shape{1, 3}}), a = g.find(layer);
  const Value cotangent = pull_back(g.find("logits"), target, std::span(&a, 1), gradients()).front();
  const auto out =
      evaluate(std::move(g).finish({{"a", a}, {"g", cotangent}}), {{"image", image()}, {"target", one_hot(1)}});
  const auto numbers = [&](const char* name) {
    const auto v = out.at(name).as<double>();
    return Numbers(v.begin(), v.end());
  };
  return {numbers("a"), numbers("g")};
}

TEST(Tokens, GradCamLeavesTheClassTokenOutAndLaysTheOthersRowByRow) {
  const Graph model = SmallTransformer().finish_with_class_token();
  const auto [a, g] = layer_and_gradient(model, "block1");
  Numbers want(6), weight(4);
  for (std::size_t k = 0; k < 4; ++k)
    for (std::size_t t = 1; t < 7; ++t) weight[k] += g[t * 4 + k] / 6;
  for (std::size_t t = 0; t < 6; ++t) {
    for (std::size_t k = 0; k < 4; ++k) want[t] += weight[k] * a[(t + 1) * 4 + k];
    want[t] = std::max(want[t], 0.0);
  }
  const Numbers got = map_of(as_classifier(model), "grad-cam", "auto");
  for (std::size_t t = 0; t < 6; ++t) EXPECT_NEAR(got[t], want[t], 1e-12) << t;
  EXPECT_GT(std::ranges::max(got), 0.0);
}

TEST(Tokens, HiResCamMultipliesElementByElement) {
  const Graph model = SmallTransformer().finish_with_mean();
  const auto [a, g] = layer_and_gradient(model, "block2");
  const Numbers got = map_of(as_classifier(model), "hires-cam", "block2");
  for (std::size_t t = 0; t < 6; ++t) {
    double sum = 0;
    for (std::size_t k = 0; k < 4; ++k) sum += a[(t + 1) * 4 + k] * g[(t + 1) * 4 + k];
    EXPECT_NEAR(got[t], std::max(sum, 0.0), 1e-12) << t;
  }
}

TEST(Tokens, BehindTheLastAttentionPatchesDoNotReachTheClassToken) {
  const auto gradient = layer_and_gradient(SmallTransformer().finish_with_class_token(), "block2").second;
  EXPECT_THAT(Numbers(gradient.begin() + 4, gradient.end()), Each(0.0));
  EXPECT_GT(std::abs(gradient[0]), 0.0);
}

TEST(Tokens, BehindTheLastAttentionTheClassTokenAloneIsComputed) {
  const Classifier c = as_classifier(SmallTransformer().finish_with_class_token());
  const std::vector<MethodRequest> early{{"grad-cam", {}, "auto", false}}, late{{"grad-cam", {}, "block2", false}};
  const auto tokens = [&](const std::vector<MethodRequest>& requests) {
    const Graph g = with_early_selections(c, requests, 1).graph;
    return known_dims(g.shape(g.at("block2")))[1];
  };
  EXPECT_EQ(tokens(early), 1);
  EXPECT_EQ(tokens(late), 7);  // a layer that is asked for stays whole

  Explainer explainer(c, early);
  std::ranges::copy(image().as<float>(), explainer.images().begin());
  explainer.predict();
  explainer.explain(std::vector{Target{Target::Kind::logit, 1}});
  const RawMap got = explainer.map(0, 0);
  const Numbers want = map_of(c, "grad-cam", "auto");
  ASSERT_EQ(got.data.size(), want.size());
  for (std::size_t t = 0; t < want.size(); ++t) EXPECT_NEAR(got.data[t], want[t], 1e-6) << t;
}

TEST(Tokens, AllCamsRunOnThem) {
  const Classifier c = as_classifier(SmallTransformer().finish_with_class_token());
  for (const char* name : {"grad-cam++", "layer-cam", "xgrad-cam"}) map_of(c, name, "auto");
  EXPECT_ERROR(map_of(c, "grad-cam", "logits"), ErrorCode::unsupported, HasSubstr("no spatial extent"));
}

/// A convolution with a pooled head, on images [1, 6, 8, 2] as TensorFlow exports them, or [1, 2, 6, 8].
Graph convolutional(bool channels_last) {
  GraphBuilder g(operators());
  const Value given = g.input("image", {DType::f32, channels_last ? Shape{1, 6, 8, 2} : Shape{1, 2, 6, 8}});
  const Value x = channels_last ? transpose(given, {0, 3, 1, 2}) : given;
  std::vector<float> w(6 * 2 * 2 * 2);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>((i * 5) % 13) / 6.0F - 1.0F;
  const std::vector<std::int64_t> two{2, 2};
  const Value y = g.add("Conv", {x, g.constant(Tensor::of<float>({6, 2, 2, 2}, w))},
                        {{"kernel_shape", two}, {"strides", two}}, "conv");
  const Value a = g.add("Relu", {y}, {}, "features");
  const Value flat = g.add("Flatten", {g.add("GlobalAveragePool", {a})}, {{"axis", std::int64_t{1}}});
  w.resize(18);
  const Value logits = g.add("Gemm", {flat, g.constant(Tensor::of<float>({6, 3}, w))}, {}, "logits");
  return std::move(g).finish({{"logits", logits}});
}

Numbers map_of_convolutional(const Classifier& c, const std::string& name) {
  const MethodRequest request{name, {}, "auto", false};
  std::vector<float> x(96);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 7) % 11) / 5.0F - 1.0F;
  const Tensor map = evaluate(explanation_graph(c, std::span(&request, 1)),
                              {{"image", Tensor::of<float>({1, 2, 6, 8}, x)}, {"target", one_hot(0)}})
                         .at("map_0");
  return {map.as<double>().begin(), map.as<double>().end()};
}

TEST(ChannelsLast, NetworksTakeImagesWithChannelsFirst) {
  const Classifier last = as_classifier(convolutional(true)), first = as_classifier(convolutional(false));
  EXPECT_EQ(last.channels, 2);
  EXPECT_EQ(last.height, 6);
  EXPECT_EQ(last.width, 8);
  EXPECT_EQ(last.auto_layer, "features");
  for (const char* name : {"grad-cam", "gradient"})
    EXPECT_EQ(map_of_convolutional(last, name), map_of_convolutional(first, name)) << name;
}

}  // namespace
}  // namespace limn::test
