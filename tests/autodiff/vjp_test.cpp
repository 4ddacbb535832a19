#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "limn/autodiff.h"
#include "limn/ops/build.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<double> values(const Graph& g, std::string_view output, std::vector<float> x) {
  const auto n = static_cast<std::int64_t>(x.size());
  const auto all = evaluate(g, {{"x", Tensor::of<float>({n}, x)}});
  const auto span = all.at(std::string(output)).as<double>();
  return {span.begin(), span.end()};
}

Value vector_input(GraphBuilder& g) { return g.input("x", {DType::f32, Shape{Dim("N")}}); }

TEST(Vjp, ValuesReadTwiceAddTheirCotangents) {
  GraphBuilder g(operators());
  const Value x = vector_input(g);
  const Value score = reduce_sum(x * x + x, {0});  // d = 2 x + 1
  const std::array wrt{x};
  const Value d = vjp(score, wrt).front();
  const Graph graph = std::move(g).finish({{"d", d}});
  EXPECT_THAT(values(graph, "d", {1, -2, 0.5}), ElementsAre(DoubleEq(3), DoubleEq(-3), DoubleEq(2)));
}

TEST(Vjp, SeveralValuesInOneWalk) {
  GraphBuilder g(operators());
  const Value x = vector_input(g);
  const Value y = relu(x);
  const Value score = reduce_sum(y * y, {0});
  const std::array wrt{x, y};
  const auto d = vjp(score, wrt);
  const Graph graph = std::move(g).finish({{"dx", d[0]}, {"dy", d[1]}});
  EXPECT_THAT(values(graph, "dy", {3, -1}), ElementsAre(6, 0));
  EXPECT_THAT(values(graph, "dx", {3, -1}), ElementsAre(6, 0));
}

TEST(Vjp, IsLinearInTheCotangent) {
  GraphBuilder g(operators());
  const Value x = vector_input(g);
  const Value y = exp(relu(x) * 0.5F);
  const Value c1 = x + 1.0F, c2 = x * 3.0F;
  const std::array wrt{x};
  const Value sum = pull_back(y, c1 + c2, wrt).front();
  const Value parts = pull_back(y, c1, wrt).front() + pull_back(y, c2, wrt).front();
  const Graph graph = std::move(g).finish({{"difference", sum - parts}});
  for (const double v : values(graph, "difference", {0.3F, -2, 1.7F})) EXPECT_NEAR(v, 0, 1e-12);
}

TEST(Vjp, AScoreThatDoesNotDependOnTheLayerIsAnError) {
  GraphBuilder g(operators());
  const Value x = vector_input(g);
  const Value side = g.add("Relu", {x}, {}, "side");
  const Value score = reduce_sum(x * 2.0F, {0});
  const std::array wrt{side};
  EXPECT_ERROR(vjp(score, wrt), ErrorCode::bad_input, HasSubstr("'side'"));
}

TEST(Vjp, AnOperatorWithoutDerivativeIsNamed) {
  GraphBuilder g(operators());
  const Value x = vector_input(g);
  const Value index = g.add("com.example::Strange", {x}, {}, "strange");
  const std::array wrt{x};
  EXPECT_ERROR(pull_back(index, x, wrt), ErrorCode::unsupported, HasSubstr("strange"));
}

TEST(Rules, OneRectifierByHand) {
  // z = (2, -1, 3, -4), incoming r = (-5, -6, 7, 8).
  GraphBuilder g(operators());
  const Value x = vector_input(g);
  const Value y = relu(x);
  const Value r = g.constant(Tensor::of<float>({4}, {-5, -6, 7, 8}));
  const std::array wrt{x};
  std::vector<std::pair<std::string, Value>> out;
  for (const RuleSet& rules : {gradients(), guided_backprop(), deconvnet()})
    out.emplace_back(rules.name(), pull_back(y, r, wrt, rules).front());
  const Graph graph = std::move(g).finish(std::move(out));
  const std::vector<float> z{2, -1, 3, -4};
  EXPECT_THAT(values(graph, "gradient", z), ElementsAre(-5, 0, 7, 0));
  EXPECT_THAT(values(graph, "guided-backprop", z), ElementsAre(0, 0, 7, 0));
  EXPECT_THAT(values(graph, "deconvnet", z), ElementsAre(0, 0, 7, 8));
}

TEST(Rules, ClipWithMinimumZeroIsARectifierAndOthersAreNot) {
  // Clip(0, 6) and Clip(-1, 6) of z = (2, -0.5, 7, 3), incoming r = (-5, 6, 7, 8).
  GraphBuilder g(operators());
  const Value x = vector_input(g);
  const Value r = g.constant(Tensor::of<float>({4}, {-5, 6, 7, 8}));
  const std::array wrt{x};
  std::vector<std::pair<std::string, Value>> out;
  for (const float low : {0.0F, -1.0F}) {
    const Value y = g.add("Clip", {x, float_constant(g, low), float_constant(g, 6.0F)});
    const std::string suffix = low == 0.0F ? "" : " of another clip";
    out.emplace_back("guided" + suffix, pull_back(y, r, wrt, guided_backprop()).front());
    out.emplace_back("deconv" + suffix, pull_back(y, r, wrt, deconvnet()).front());
  }
  const Graph graph = std::move(g).finish(std::move(out));
  const std::vector<float> z{2, -0.5F, 7, 3};
  EXPECT_THAT(values(graph, "guided", z), ElementsAre(0, 0, 0, 8));
  EXPECT_THAT(values(graph, "deconv", z), ElementsAre(0, 6, 7, 8));
  EXPECT_THAT(values(graph, "guided of another clip", z), ElementsAre(-5, 6, 0, 8));
  EXPECT_THAT(values(graph, "deconv of another clip", z), ElementsAre(-5, 6, 0, 8));
}

TEST(Rules, ARefusingSetNamesTheOperator) {
  GraphBuilder g(operators());
  const Value x = vector_input(g);
  const Value y = exp(x);
  const std::array wrt{x};
  const RuleSet strict("strict", Seed::one, Fallback::refuse);
  EXPECT_ERROR(pull_back(y, x, wrt, strict), ErrorCode::unsupported, HasSubstr("Exp"));
}

TEST(Rules, ASetMayStartWithTheScoreItself) {
  GraphBuilder g(operators());
  const Value x = vector_input(g);
  const Value score = reduce_sum(x, {0});
  const std::array wrt{x};
  const Value d = vjp(score, wrt, RuleSet("relevance", Seed::score, Fallback::gradient)).front();
  const Graph graph = std::move(g).finish({{"d", d}});
  EXPECT_THAT(values(graph, "d", {1, 2, 3}), ElementsAre(6, 6, 6));
}

}  // namespace
}  // namespace limn
