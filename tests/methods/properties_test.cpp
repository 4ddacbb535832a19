// What must hold of the methods whatever the network's numbers are, by the double-precision reference.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "limn/ops/build.h"
#include "methods/fixtures.h"
#include "support/expect_error.h"

namespace limn::test {
namespace {

using testing::HasSubstr;

Tensor noise(Dims dims, unsigned seed, float low = -1, float high = 1) {
  std::mt19937 engine(seed);
  std::vector<float> v(static_cast<std::size_t>(element_count(dims)));
  for (float& x : v) x = low + (high - low) * static_cast<float>(engine() >> 8) / 16777216.0F;
  return Tensor::of<float>(std::move(dims), v);
}

/// Two convolutions with batch normalisation in between, functional rectifiers; the head pools (or flattens) and is
/// linear.
Classifier network(bool pooling_head, bool rectifiers = true) {
  GraphBuilder g(operators());
  const auto activate = [&](Value v, const char* name) {
    return g.add(rectifiers ? "Relu" : "Tanh", {v}, {}, name);
  };
  const Attrs padded{{"kernel_shape", std::vector<std::int64_t>{3, 3}},
                     {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}};
  const Value x = g.input("image", {DType::f32, Shape{Dim("N"), 2, 6, 5}});
  Value v = g.add("Conv", {x, g.constant(noise({4, 2, 3, 3}, 1)), g.constant(noise({4}, 2))}, padded, "conv1");
  v = g.add("BatchNormalization",
            {v, g.constant(noise({4}, 3, 0.5, 1.5)), g.constant(noise({4}, 4)), g.constant(noise({4}, 5)),
             g.constant(noise({4}, 6, 0.5, 2))},
            {}, "bn1");
  v = activate(v, "relu1");
  v = g.add("Conv", {v, g.constant(noise({6, 4, 3, 3}, 7)), g.constant(noise({6}, 8))}, padded, "conv2");
  const Value a = activate(v, "features");
  const Value pooled = pooling_head ? g.add("GlobalAveragePool", {a}) : a;
  const Value flat = g.add("Flatten", {pooled});
  const std::int64_t width = pooling_head ? 6 : 6 * 30;
  const Value y = g.add("Gemm", {flat, g.constant(noise({3, width}, 9)), g.constant(noise({3}, 10))},
                        {{"transB", std::int64_t{1}}}, "logits");
  Classifier c = wrap(std::move(g).finish({{"logits", y}}));
  c.channels = 2;
  c.height = 6;
  c.width = 5;
  return c;
}

std::map<std::string, Tensor> run(const Graph& g, std::size_t target, std::int64_t images = 1) {
  std::vector<float> cotangent(static_cast<std::size_t>(3 * images));
  for (std::size_t n = 0; n < static_cast<std::size_t>(images); ++n) cotangent[3 * n + target] = 1;
  return evaluate(g,
                  {{"image", noise({images, 2, 6, 5}, 11)}, {"target", Tensor::of<float>({images, 3}, cotangent)}});
}

std::vector<double> map(const Classifier& c, const std::string& name, std::size_t target = 0,
                        bool counterfactual = false) {
  MethodRequest r;
  r.method = name;
  r.counterfactual = counterfactual;
  const Tensor t = run(explanation_graph(c, std::span(&r, 1)), target).at("map_0");
  const auto v = t.as<double>();
  return {v.begin(), v.end()};
}

void expect_equal(const std::vector<double>& a, const std::vector<double>& b, double scale = 1,
                  double tolerance = 1e-10) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], scale * b[i], tolerance) << i;
}

std::vector<double> rectified(std::vector<double> v) {
  for (double& x : v) x = std::max(x, 0.0);
  return v;
}

TEST(Properties, OnAPoolingHeadCamIsGradCamTimesThePositions) {
  expect_equal(rectified(map(network(true), "cam")), map(network(true), "grad-cam"), 30);
}

TEST(Properties, OnAPoolingHeadHiresAndXGradCamAreGradCam) {
  expect_equal(map(network(true), "hires-cam"), map(network(true), "grad-cam"));
  expect_equal(map(network(true), "xgrad-cam"), map(network(true), "grad-cam"));
}

/// Layer and image are of one size, and nothing rectifies between layer and scores.
TEST(Properties, GuidedGradCamStudyRescalesAllColoursTogether) {
  const auto rescaled = [](std::vector<double> v) {
    const auto [low, high] = std::ranges::minmax(v);
    for (double& x : v) x = (x - low) / (high - low);
    return v;
  };
  MethodRequest r;
  r.method = "guided-grad-cam";
  r.variant = "study";
  const Tensor found = run(explanation_graph(network(false), std::span(&r, 1)), 0).at("map_0");
  const auto cam = rescaled(map(network(false), "grad-cam"));
  auto expected = rescaled(map(network(false), "guided-backprop"));
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] *= cam[i % cam.size()];
  expect_equal({found.as<double>().begin(), found.as<double>().end()}, expected);
}

TEST(Properties, CounterfactualAndGradCamNeverOverlap) {
  const auto plain = map(network(false), "grad-cam"), counter = map(network(false), "grad-cam", 0, true);
  bool any = false;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_TRUE(plain[i] == 0 || counter[i] == 0);
    any = any || counter[i] > 0;
  }
  EXPECT_TRUE(any);
}

TEST(Properties, SaliencyIsTheAbsoluteGradient) {
  auto g = map(network(false), "gradient");
  for (double& v : g) v = std::abs(v);
  expect_equal(map(network(false), "saliency"), g);
}

TEST(Properties, TheGradientIsTheDerivativeOfTheClassScore) {
  const Classifier c = network(false, false);  // smooth activations, so that differences are exact
  MethodRequest r;
  r.method = "gradient";
  const Graph g = explanation_graph(c, std::span(&r, 1));
  const Tensor x = noise({1, 2, 6, 5}, 11).converted(DType::f64), target = Tensor::of<float>({1, 3}, {0, 1, 0});
  const Tensor gradient = evaluate(g, {{"image", x}, {"target", target}}).at("map_0");
  for (std::size_t i = 0; i < 60; i += 7) {
    double score[2];
    for (int side = 0; side < 2; ++side) {
      Tensor moved = x.converted(DType::f64);
      moved.mutable_view().as<double>()[i] += side == 0 ? 1e-5 : -1e-5;
      score[side] = evaluate(g, {{"image", moved}, {"target", target}}).at("logits").as<double>()[1];
    }
    EXPECT_NEAR(gradient.as<double>()[i], (score[0] - score[1]) / 2e-5, 1e-8);
  }
}

TEST(Properties, ImagesOfABatchDoNotSeeEachOther) {
  for (const MethodInfo& info : methods()) {
    if (info.name == "cam" || !info.is_graph) continue;
    MethodRequest r;
    r.method = info.name;
    const Graph g = explanation_graph(network(true), std::span(&r, 1));
    const Tensor batch = noise({3, 2, 6, 5}, 11);
    const Tensor all = run(g, 1, 3).at("map_0");
    const auto per_image = static_cast<std::size_t>(all.count() / 3);
    for (std::size_t n = 0; n < 3; ++n) {
      const auto one =
          evaluate(g, {{"image", Tensor::of<float>({1, 2, 6, 5}, batch.as<float>().subspan(n * 60, 60))},
                       {"target", Tensor::of<float>({1, 3}, {0, 1, 0})}});
      const auto expected = one.at("map_0").as<double>();
      for (std::size_t i = 0; i < per_image; ++i)
        EXPECT_NEAR(all.as<double>()[n * per_image + i], expected[i], 1e-12) << info.name;
    }
  }
}

TEST(Properties, GuidedBackpropIsGuidedAtEveryRectifier) {
  MethodRequest r;
  r.method = "guided-backprop";
  const Graph g = explanation_graph(network(false), std::span(&r, 1));
  int rectifiers = 0;
  for (const Node& n : g.nodes()) {
    if (n.op != "limn::ReluGrad") continue;
    ++rectifiers;
    const auto producer = g.value(n.in[0]).producer;
    ASSERT_TRUE(producer);
    EXPECT_EQ(g.nodes()[*producer].op, "Relu") << "a cotangent enters '" << n.name << "' unrectified";
  }
  EXPECT_EQ(rectifiers, 2);
  const auto guided = map(network(false), "guided-backprop"), plain = map(network(false), "gradient");
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    difference += (guided[i] - plain[i]) * (guided[i] - plain[i]);
    norm += plain[i] * plain[i];
  }
  EXPECT_GT(std::sqrt(difference / norm), 0.1);
}

TEST(Requests, MistakesAreExplained) {
  const auto graph = [](MethodRequest r, bool rectifiers = true) {
    return explanation_graph(network(false, rectifiers), std::span(&r, 1));
  };
  EXPECT_ERROR(graph({"gradcam", {}, "auto", false}), ErrorCode::not_found, HasSubstr("did you mean 'grad-cam'"));
  EXPECT_ERROR(graph({"grad-cam", "fancy", "auto", false}), ErrorCode::not_found,
               HasSubstr("its variants are paper"));
  EXPECT_ERROR(graph({"grad-cam", {}, "featurs", false}), ErrorCode::not_found, HasSubstr("'features'"));
  EXPECT_ERROR(graph({"grad-cam", {}, "logits", false}), ErrorCode::unsupported, HasSubstr("no spatial extent"));
  EXPECT_ERROR(graph({"layer-cam", {}, "auto", true}), ErrorCode::unsupported, HasSubstr("no counterfactual"));
  EXPECT_ERROR(graph({"guided-backprop", {}, "auto", false}, false), ErrorCode::unsupported,
               HasSubstr("rectifiers"));
  EXPECT_ERROR(graph({"grad-cam", "study", "auto", false}, false), ErrorCode::unsupported,
               HasSubstr("grad-cam in its variant study needs a network with rectifiers"));
  EXPECT_EQ(method("grad-cam-pp").name, "grad-cam++");
}

TEST(Requests, ALayerThatIsAskedForIsNotFoldedAway) {
  const auto folded = [](const std::string& layer) {
    const MethodRequest r{"grad-cam", {}, layer, false};
    return with_joined_layers(network(true), std::span(&r, 1)).graph;
  };
  const auto normalisations = [](const Graph& g) {
    return std::ranges::count(g.nodes(), "BatchNormalization", &Node::op);
  };
  EXPECT_EQ(normalisations(folded("auto")), 0);
  EXPECT_EQ(normalisations(folded("conv1")), 1);
  EXPECT_TRUE(folded("conv1").find("conv1").has_value());
}

TEST(Requests, FoldingBatchNormalisationChangesNoMap) {
  const MethodRequest r;
  const Classifier plain = network(true), joined = with_joined_layers(plain, std::span(&r, 1));
  for (const char* name : {"grad-cam", "guided-backprop"})
    expect_equal(map(joined, name), map(plain, name), 1, 1e-5);
}

}  // namespace
}  // namespace limn::test
