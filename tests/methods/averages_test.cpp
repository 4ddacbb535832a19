// Integrated gradients and SmoothGrad: maps worked out on paper, what must hold of any network, and both again from
// single gradients of the double-precision reference.

#include "limn/averages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "limn/autodiff.h"
#include "limn/methods/points_graph.h"
#include "limn/model.h"
#include "limn/passes/bind.h"
#include "methods/fixtures.h"
#include "support/expect_error.h"

namespace limn::test {
namespace {

using Baseline = IntegrationPath::Baseline;
using testing::FloatNear;
using testing::HasSubstr;
using testing::Pointwise;

// ---- Quadrature

constexpr Quadrature kRules[] = {Quadrature::gauss_legendre, Quadrature::left, Quadrature::right,
                                 Quadrature::middle, Quadrature::trapezoid};

TEST(QuadraturePoints, AreThoseOfTheBooks) {
  const auto expect = [](Quadrature rule, const std::vector<std::pair<double, double>>& points) {
    const auto found = quadrature_points(rule, static_cast<std::int64_t>(points.size()));
    ASSERT_EQ(found.size(), points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      EXPECT_NEAR(found[i].at, points[i].first, 1e-6) << name_of(rule) << i;
      EXPECT_NEAR(found[i].weight, points[i].second, 1e-6) << name_of(rule) << i;
    }
  };
  expect(Quadrature::gauss_legendre, {{0.5, 1}});
  expect(Quadrature::gauss_legendre, {{0.211325, 0.5}, {0.788675, 0.5}});
  expect(Quadrature::gauss_legendre, {{0.112702, 5. / 18}, {0.5, 8. / 18}, {0.887298, 5. / 18}});
  expect(Quadrature::left, {{0, 0.25}, {0.25, 0.25}, {0.5, 0.25}, {0.75, 0.25}});
  expect(Quadrature::right, {{0.25, 0.25}, {0.5, 0.25}, {0.75, 0.25}, {1, 0.25}});
  expect(Quadrature::middle, {{0.125, 0.25}, {0.375, 0.25}, {0.625, 0.25}, {0.875, 0.25}});
  expect(Quadrature::trapezoid, {{0, 0.125}, {0.25, 0.25}, {0.5, 0.25}, {0.75, 0.25}, {1, 0.125}});
  const auto fifty = quadrature_points(Quadrature::gauss_legendre, 50);
  EXPECT_NEAR(fifty[0].at, 0.000567, 5e-7);
  EXPECT_NEAR(fifty[0].weight, 0.001454, 5e-7);
  EXPECT_NEAR(fifty[1].at, 0.002984, 5e-7);
  EXPECT_NEAR(fifty[1].weight, 0.003380, 5e-7);
}

TEST(QuadraturePoints, RiseAndWeighOneInAll) {
  for (const Quadrature rule : kRules)
    for (const std::int64_t n : {2, 3, 7, 50, 300}) {
      double sum = 0, last = -1;
      for (const auto& [at, weight] : quadrature_points(rule, n)) {
        EXPECT_GT(at, last);
        EXPECT_GE(at, 0);
        EXPECT_LE(at, 1);
        EXPECT_GT(weight, 0);
        last = at;
        sum += weight;
      }
      EXPECT_NEAR(sum, 1, 1e-12) << name_of(rule) << n;
    }
}

TEST(QuadraturePoints, OfGaussAreExactForPolynomialsBelowTwiceTheirNumber) {
  for (const std::int64_t n : {1, 2, 5, 20})
    for (std::int64_t degree = 0; degree <= 2 * n; ++degree) {
      double integral = 0;
      for (const auto& [at, weight] : quadrature_points(Quadrature::gauss_legendre, n))
        integral += weight * std::pow(at, static_cast<double>(degree));
      const double error = std::abs(integral - 1 / static_cast<double>(degree + 1));
      // Twenty points are exact in double beyond that.
      EXPECT_EQ(error < 1e-13, degree < 2 * n || n == 20) << n << " points, degree " << degree;
    }
}

TEST(QuadraturePoints, HaveNamesAndALeastNumber) {
  for (const Quadrature rule : kRules) EXPECT_EQ(parse_quadrature(name_of(rule)), rule);
  EXPECT_ERROR(parse_quadrature("simpson"), ErrorCode::bad_input, HasSubstr("simpson"));
  EXPECT_ERROR(quadrature_points(Quadrature::middle, 0), ErrorCode::bad_input, HasSubstr("too few"));
  EXPECT_ERROR(quadrature_points(Quadrature::trapezoid, 1), ErrorCode::bad_input, HasSubstr("too few"));
}

// ---- Noise

TEST(StandardNoise, IsNormal) {
  const std::size_t n = 200001;
  const auto e = standard_noise(0, 0, n);
  double moments[4] = {};
  for (const float v : e)
    for (int k = 0; k < 4; ++k) moments[k] += std::pow(v, k + 1) / static_cast<double>(n);
  EXPECT_NEAR(moments[0], 0, 0.01);
  EXPECT_NEAR(moments[1], 1, 0.015);
  EXPECT_NEAR(moments[2], 0, 0.04);
  EXPECT_NEAR(moments[3], 3, 0.1);
}

TEST(StandardNoise, DependsOnSeedSampleAndPlaceAlone) {
  const auto e = standard_noise(1, 2, 1000);
  EXPECT_EQ(standard_noise(1, 2, 1000), e);
  EXPECT_EQ(standard_noise(1, 2, 7), std::vector<float>(e.begin(), e.begin() + 7));
  const auto correlation = [&](const std::vector<float>& other) {
    return std::inner_product(e.begin(), e.end(), other.begin(), 0.0) / 1000;
  };
  EXPECT_LT(std::abs(correlation(standard_noise(1, 3, 1000))), 0.1);
  EXPECT_LT(std::abs(correlation(standard_noise(2, 2, 1000))), 0.1);
  EXPECT_EQ(std::set<float>(e.begin(), e.end()).size(), 1000U);
}

// ---- Maps

MethodRequest integrated(std::int64_t steps, Quadrature rule = Quadrature::gauss_legendre) {
  MethodRequest request;
  request.method = "integrated-gradients";
  request.path = {steps, rule, Baseline::zero, {}};
  return request;
}

MethodRequest smooth(std::string variant, std::int64_t samples, double sigma, std::uint64_t seed = 0) {
  MethodRequest request;
  request.method = "smooth-grad";
  request.variant = std::move(variant);
  request.noise = {samples, sigma, seed};
  return request;
}

struct Map {
  std::vector<float> values;
  std::optional<double> delta;
};

Map map_of(const Classifier& c, const MethodRequest& request, std::span<const float> image,
           const Target& target = {}) {
  Explainer explainer(c, {request});
  std::ranges::copy(image, explainer.images().begin());
  explainer.predict();
  explainer.explain(std::span(&target, 1));
  const RawMap map = explainer.map(0, 0);
  EXPECT_EQ(map.kind, MapKind::attribution);
  EXPECT_EQ(map.dims, (Dims{c.channels, c.height, c.width}));
  return {{map.data.begin(), map.data.end()}, map.delta};
}

/// Two functions of the two pixels of an image: x1 x2, and x1^3 + x1 x2.
Classifier polynomials() {
  GraphBuilder g(operators());
  const Value x = g.input("image", {DType::f32, Shape{Dim("N"), 1, 1, 2}});
  const Value flat = g.add("Flatten", {x});
  // x1 + x2, x1 - x2, x1
  const Value parts = g.add("MatMul", {flat, g.constant(Tensor::of<float>({2, 3}, {1, 1, 1, 1, -1, 0}))});
  const Value squares = g.add("Mul", {parts, parts}), cubes = g.add("Mul", {squares, parts});
  const Value product =
      g.add("MatMul", {squares, g.constant(Tensor::of<float>({3, 2}, {0.25, 0.25, -0.25, -0.25, 0, 0}))});
  const Value cube = g.add("MatMul", {cubes, g.constant(Tensor::of<float>({3, 2}, {0, 0, 0, 0, 0, 1}))});
  Classifier c = wrap(std::move(g).finish({{"logits", g.add("Add", {product, cube}, {}, "logits")}}));
  c.height = 1;
  c.classes = 2;
  return c;
}

const std::vector<float> kTwoThree{2, 3};

TEST(IntegratedGradients, OfPolynomials) {
  const auto expect = [](std::size_t function, Quadrature rule, std::int64_t steps, float a, float b) {
    const Map map = map_of(polynomials(), integrated(steps, rule), kTwoThree, {Target::Kind::logit, function, 0});
    EXPECT_THAT(map.values, Pointwise(FloatNear(2e-5F), {a, b})) << name_of(rule) << steps;
    EXPECT_NEAR(*map.delta, a + b - (function == 0 ? 6 : 14), 5e-5) << name_of(rule) << steps;
  };
  expect(0, Quadrature::gauss_legendre, 2, 3, 3);
  expect(0, Quadrature::right, 2, 4.5, 4.5);
  expect(0, Quadrature::left, 2, 1.5, 1.5);
  expect(0, Quadrature::middle, 2, 3, 3);
  expect(0, Quadrature::trapezoid, 5, 3, 3);
  expect(0, Quadrature::trapezoid, 50, 3, 3);
  expect(1, Quadrature::gauss_legendre, 2, 11, 3);
  expect(1, Quadrature::right, 10, 12.54F, 3.3F);
  expect(1, Quadrature::middle, 10, 10.98F, 3);
}

TEST(IntegratedGradients, OfTheFixture) {
  const Map map = map_of(fixture_t(), integrated(50), fixture_image());
  EXPECT_THAT(map.values, Pointwise(FloatNear(2e-6F), {-0.75F, 1.5F, -2.020431F, 0.0F}));
  EXPECT_NEAR(*map.delta, -0.020431, 2e-6);
}

TEST(IntegratedGradients, BeginAtTheBaseline) {
  MethodRequest request = integrated(2);
  const auto map = [&](Baseline baseline, std::vector<float> colour) {
    request.path.baseline = baseline;
    request.path.colour = std::move(colour);
    return map_of(polynomials(), request, kTwoThree);
  };
  // From (c, c) to (2, 3): each pixel's share is its way times the other pixel's mean.
  const Map from_one = map(Baseline::colour, {1});
  EXPECT_THAT(from_one.values, Pointwise(FloatNear(1e-5F), {2.0F, 3.0F}));
  EXPECT_NEAR(*from_one.delta, 0, 1e-5);
  const Map from_mean = map(Baseline::mean, {});
  EXPECT_THAT(from_mean.values, Pointwise(FloatNear(1e-5F), {-0.5F * 2.75F, 0.5F * 2.25F}));
  EXPECT_NEAR(*from_mean.delta, 0, 1e-5);
  EXPECT_ERROR(map(Baseline::colour, {1, 2}), ErrorCode::bad_input, HasSubstr("2 values"));
}

TEST(SmoothGrad, OfAProductIsTheOtherPixelWithItsNoise) {
  // The gradient of x1 x2 at x + e is (x2 + e2, x1 + e1), and e is drawn with 0.5 (3 - 2).
  for (const std::int64_t samples : {1, 2, 13}) {
    double mean[2] = {}, squares[2] = {};
    for (std::int64_t m = 0; m < samples; ++m) {
      const auto e = standard_noise(9, m, 2);
      for (int i = 0; i < 2; ++i) {
        const double g = kTwoThree[1 - static_cast<std::size_t>(i)] + 0.5 * e[1 - static_cast<std::size_t>(i)];
        mean[i] += g / static_cast<double>(samples);
        squares[i] += g * g / static_cast<double>(samples);
      }
    }
    const auto expect = [&](const char* variant, double a, double b) {
      EXPECT_THAT(map_of(polynomials(), smooth(variant, samples, 0.5, 9), kTwoThree).values,
                  Pointwise(FloatNear(1e-4F), {static_cast<float>(a), static_cast<float>(b)}))
          << variant << samples;
    };
    expect("", mean[0], mean[1]);
    expect("squared", squares[0], squares[1]);
    const double unbiased = static_cast<double>(samples) / static_cast<double>(samples - 1);
    if (samples > 1)
      expect("vargrad", (squares[0] - mean[0] * mean[0]) * unbiased, (squares[1] - mean[1] * mean[1]) * unbiased);
  }
}

TEST(SmoothGrad, WithoutNoiseIsTheGradient) {
  const Target target{Target::Kind::logit, 1, 0};
  const auto gradient = reference_map(fixture_t(), "gradient", 1);
  const auto plain = map_of(fixture_t(), smooth("", 5, 0), fixture_image(), target).values;
  const auto squared = map_of(fixture_t(), smooth("squared", 5, 0), fixture_image(), target).values;
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(plain[i], gradient[i], 1e-6);
    EXPECT_NEAR(squared[i], gradient[i] * gradient[i], 1e-6);
  }
  EXPECT_THAT(map_of(fixture_t(), smooth("vargrad", 5, 0), fixture_image(), target).values, testing::Each(0.0F));
}

TEST(Averages, MistakesAreExplained) {
  const auto explainer = [](const MethodRequest& request) { return Explainer(fixture_t(), {request}); };
  EXPECT_ERROR(explainer(integrated(0)), ErrorCode::bad_input, HasSubstr("0 points are too few"));
  EXPECT_ERROR(explainer(integrated(1, Quadrature::trapezoid)), ErrorCode::bad_input, HasSubstr("trapezoid"));
  EXPECT_ERROR(explainer(smooth("", 0, 0.1)), ErrorCode::bad_input, HasSubstr("1 samples at least"));
  EXPECT_ERROR(explainer(smooth("vargrad", 1, 0.1)), ErrorCode::bad_input, HasSubstr("2 samples at least"));
  EXPECT_ERROR(explainer(smooth("", 3, -0.1)), ErrorCode::bad_input, HasSubstr("-0.1"));
  EXPECT_ERROR(explainer(smooth("", 3, std::numeric_limits<double>::quiet_NaN())), ErrorCode::bad_input,
               HasSubstr("nan"));
  EXPECT_ERROR(explainer(smooth("fancy", 3, 0.1)), ErrorCode::not_found, HasSubstr("paper, squared, vargrad"));
}

// ---- The network of the demonstration: real convolutions

const Classifier& demo() {
  static const Classifier c =
      as_classifier(import_onnx(std::string(LIMN_SOURCE_DIR) + "/data/demo/demo.onnx").graph);
  return c;
}

std::vector<float> demo_image(unsigned seed) {
  std::vector<float> x(static_cast<std::size_t>(demo().channels * demo().height * demo().width));
  for (float& v : x) v = static_cast<float>((seed = seed * 1664525U + 1013904223U) >> 8) / 8388608.0F - 1.0F;
  return x;
}

/// Target and its gradient at a point, in double.
std::pair<double, std::vector<double>> gradient_at(const std::vector<double>& point, const Target& target) {
  static const Graph g = [] {
    MethodRequest gradient;
    gradient.method = "gradient";
    return explanation_graph(demo(), std::span(&gradient, 1));
  }();
  const Dims dims{1, demo().channels, demo().height, demo().width};
  std::map<std::string, Tensor> feeds{{demo().image, Tensor::of<double>(dims, point)}};
  const auto classes = static_cast<std::int64_t>(demo().classes);
  std::vector<float> cotangent(demo().classes);
  feeds["target"] = Tensor::of<float>({1, classes}, cotangent);
  const Tensor logits = evaluate(g, feeds).at("logits").converted(DType::f32);
  write_cotangent(target, logits.as<float>(), cotangent, demo().probability);
  feeds["target"] = Tensor::of<float>({1, classes}, cotangent);
  const Tensor map = evaluate(g, feeds).at("map_0");
  const auto values = map.as<double>();
  return {score_of(target, logits.as<float>(), demo().probability), {values.begin(), values.end()}};
}

void expect_close(std::span<const float> found, const std::vector<double>& expected, double tolerance) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += (found[i] - expected[i]) * (found[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  EXPECT_LT(std::sqrt(difference / norm), tolerance);
  EXPECT_GT(norm, 0);
}

const Target kTargets[] = {
    {Target::Kind::logit, 2, 0}, {Target::Kind::difference, 1, 3}, {Target::Kind::probability, 0, 0}};

TEST(Averages, AreSumsOfSingleGradients) {
  const auto x = demo_image(1);
  const auto [least, most] = std::ranges::minmax(x);
  for (const Target& target : kTargets) {
    std::vector<double> path(x.size()), around(x.size());
    for (const auto& [at, weight] : quadrature_points(Quadrature::middle, 3)) {
      std::vector<double> point(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) point[i] = static_cast<float>(at * x[i]);
      const auto g = gradient_at(point, target).second;
      for (std::size_t i = 0; i < x.size(); ++i) path[i] += weight * g[i] * x[i];
    }
    for (int m = 0; m < 3; ++m) {
      const auto e = standard_noise(4, m, x.size());
      std::vector<double> point(x.size());
      for (std::size_t i = 0; i < x.size(); ++i)
        point[i] = static_cast<float>(x[i] + 0.1 * (static_cast<double>(most) - least) * e[i]);
      const auto g = gradient_at(point, target).second;
      for (std::size_t i = 0; i < x.size(); ++i) around[i] += g[i] / 3;
    }
    expect_close(map_of(demo(), integrated(3, Quadrature::middle), x, target).values, path, 1e-4);
    expect_close(map_of(demo(), smooth("", 3, 0.1, 4), x, target).values, around, 1e-4);
  }
}

TEST(IntegratedGradients, SumToWhatTheTargetGains) {
  const auto x = demo_image(2);
  for (const Target& target : kTargets) {
    const double gain =
        gradient_at({x.begin(), x.end()}, target).first - gradient_at(std::vector<double>(x.size()), target).first;
    const Map map = map_of(demo(), integrated(300), x, target);
    const double sum = std::accumulate(map.values.begin(), map.values.end(), 0.0);
    EXPECT_NEAR(sum, gain, 0.01 * std::abs(gain) + 1e-4);
    EXPECT_NEAR(*map.delta, sum - gain, 1e-4);
  }
}

TEST(Averages, DoNotDependOnTheOtherImagesOfTheBatch) {
  const std::vector<MethodRequest> requests{integrated(7), smooth("vargrad", 5, 0.2), MethodRequest{"gradient"}};
  Explainer three(demo(), requests, {3, 1});
  std::vector<Target> targets(std::begin(kTargets), std::end(kTargets));
  for (unsigned n = 0; n < 3; ++n) {
    const auto x = demo_image(n);
    std::ranges::copy(x, three.images().begin() + static_cast<std::ptrdiff_t>(n * x.size()));
  }
  three.predict();
  three.explain(targets);
  for (unsigned n = 0; n < 3; ++n) {
    Explainer one(demo(), requests);
    std::ranges::copy(demo_image(n), one.images().begin());
    one.predict();
    one.explain(std::span(&targets[n], 1));
    for (std::size_t r = 0; r < 2; ++r) {
      const auto alone = one.map(r, 0).data, together = three.map(r, n).data;
      EXPECT_TRUE(std::ranges::equal(alone, together)) << requests[r].method << n;
    }
    EXPECT_EQ(one.map(0, 0).delta, three.map(0, n).delta);
    EXPECT_FALSE(one.map(1, 0).delta);
  }
}

/// The map as one graph whose batch holds all points, by the reference in double, for two images and their targets.
std::vector<double> map_in_a_graph(const MethodRequest& request, const std::vector<float>& images,
                                   const std::vector<std::size_t>& classes) {
  const bool path = request.method == "integrated-gradients";
  const std::int64_t count = path ? request.path.steps : request.noise.samples;
  GraphBuilder g(demo().graph);
  const Value image = g.find(demo().image), logits = g.find(demo().logits);
  const Shape one = image.shape();
  const Value noise = g.input("noise", {DType::f32, Shape{count, one[1], one[2], one[3]}});
  const Value target = g.input("target", logits.type());
  const Value points =
      path ? path_points(image, request.path) : noisy_points(image, noise, request.noise, request.variant);
  const Value scores = computed_again(logits, image, points);
  const Value gradients = pull_back(scores, each_repeated(target, count), std::span(&points, 1)).front();
  const Value map = path ? path_average(gradients, image, request.path)
                         : noisy_average(gradients, image, request.noise, request.variant);
  const Graph graph = std::move(g).finish({{"map", map}});

  const auto size = static_cast<std::size_t>(demo().channels * demo().height * demo().width);
  std::vector<float> all, hot(classes.size() * demo().classes);
  for (std::int64_t m = 0; m < count; ++m) {
    const auto e = standard_noise(request.noise.seed, m, size);
    all.insert(all.end(), e.begin(), e.end());
  }
  for (std::size_t n = 0; n < classes.size(); ++n) hot[n * demo().classes + classes[n]] = 1;
  const auto n = static_cast<std::int64_t>(classes.size());
  const Dims dims{n, demo().channels, demo().height, demo().width};
  const Tensor result =
      evaluate(graph, {{demo().image, Tensor::of<float>(dims, images)},
                       {"noise", Tensor::of<float>({count, dims[1], dims[2], dims[3]}, all)},
                       {"target", Tensor::of<float>({n, static_cast<std::int64_t>(demo().classes)}, hot)}})
          .at("map");
  EXPECT_EQ(result.dims(), dims);
  const auto values = result.as<double>();
  return {values.begin(), values.end()};
}

TEST(Averages, AreTheSameInAGraphOfAllPoints) {
  MethodRequest from_mean = integrated(3), from_colour = integrated(2, Quadrature::trapezoid);
  from_mean.path.baseline = Baseline::mean;
  from_colour.path.baseline = Baseline::colour;
  from_colour.path.colour.assign(static_cast<std::size_t>(demo().channels), -0.5F);
  const std::vector<std::size_t> classes{2, 0};
  std::vector<float> images = demo_image(6);
  const std::vector<float> second = demo_image(7);
  images.insert(images.end(), second.begin(), second.end());
  for (const MethodRequest& request : {integrated(3), from_mean, from_colour, smooth("paper", 3, 0.2, 8),
                                       smooth("squared", 3, 0.2, 8), smooth("vargrad", 3, 0.2, 8)}) {
    const auto expected = map_in_a_graph(request, images, classes);
    Explainer explainer(demo(), {request}, {2, 1});
    std::ranges::copy(images, explainer.images().begin());
    explainer.predict();
    explainer.explain(
        std::vector<Target>{{Target::Kind::logit, classes[0], 0}, {Target::Kind::logit, classes[1], 0}});
    for (std::size_t n = 0; n < 2; ++n) {
      const auto found = explainer.map(0, static_cast<std::int64_t>(n)).data;
      const std::size_t size = found.size();
      expect_close(found,
                   {expected.begin() + static_cast<std::ptrdiff_t>(n * size),
                    expected.begin() + static_cast<std::ptrdiff_t>((n + 1) * size)},
                   1e-3);
    }
  }
}

TEST(Averages, InAGraphNeedABatchThatIsOpen) {
  GraphBuilder g(limn::bind(demo().graph, {{"N", 1}}, Unnamed::keep));
  const Value image = g.find(demo().image), logits = g.find(demo().logits);
  EXPECT_ERROR(computed_again(logits, image, path_points(image, {})), ErrorCode::unsupported,
               HasSubstr("exactly 1 image at a time"));
}

TEST(Averages, CopiesOfAnExplainerSayTheSame) {
  const Explainer first(demo(), {integrated(4), smooth("", 4, 0.2)});
  std::vector<std::vector<float>> maps;
  for (int copy = 0; copy < 2; ++copy) {
    Explainer explainer(first);
    std::ranges::copy(demo_image(5), explainer.images().begin());
    explainer.predict();
    explainer.explain(std::span(kTargets, 1));
    for (std::size_t r = 0; r < 2; ++r) {
      const auto data = explainer.map(r, 0).data;
      maps.emplace_back(data.begin(), data.end());
    }
  }
  EXPECT_EQ(maps[0], maps[2]);
  EXPECT_EQ(maps[1], maps[3]);
}

}  // namespace
}  // namespace limn::test
