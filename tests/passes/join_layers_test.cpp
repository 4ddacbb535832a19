// Layers that an export wrote out in nodes become one node, which computes the same; anything else is left alone.
#include "limn/passes/join_layers.h"

#include <gmock/gmock.h>

#include "limn/ops/build.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"

namespace limn {
namespace {

using ::testing::ElementsAre;

class JoinLayers : public ::testing::Test {
 protected:
  Value input() { return g_.input("x", {DType::f32, Shape{Dim("N"), 3, 4}}); }
  Value numbers(std::vector<float> v) {
    const auto n = static_cast<std::int64_t>(v.size());
    return g_.constant(Tensor::of<float>({n}, std::move(v)));
  }
  Value scalar(float v) { return g_.constant(Tensor::scalar<float>(v)); }

  Value layer_norm(Value x, std::int64_t axis = 2) {
    const Value centred = g_.add("Sub", {x, reduce_mean(x, {axis})}, {}, "centred");
    const Value variance = reduce_mean(g_.add("Pow", {centred, scalar(2)}), {axis});
    const Value ratio = centred / sqrt(variance + 1e-5F);
    return ratio * numbers({0.5F, 2, -1, 3}) + numbers({1, -2, 0.25F, 0});
  }
  Value gelu(Value x, bool half_first, float root = 1.4142135F) {
    const Value erf = g_.add("Erf", {x / scalar(root)}) + scalar(1);
    return half_first ? (x * scalar(0.5F)) * erf : (x * erf) * scalar(0.5F);
  }

  /// Operators after the pass, whose graph must compute what the written-out one does.
  std::vector<std::string> joined(std::vector<std::pair<std::string, Value>> outputs,
                                  const std::vector<std::string>& keep = {}) {
    const Graph before = std::move(g_).finish(std::move(outputs));
    const Graph after = join_layers(before, keep);
    std::vector<float> v(24);
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>((i * 5) % 7) - 2.5F;
    const std::map<std::string, Tensor> feeds{{"x", Tensor::of<float>({2, 3, 4}, v)}};
    const auto want = evaluate(before, feeds), got = evaluate(after, feeds);
    for (const auto& [name, value] : want) {
      const auto a = value.as<double>(), b = got.at(name).as<double>();
      for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6) << name;
    }
    std::vector<std::string> ops;
    for (const Node& n : after.nodes()) ops.push_back(n.op);
    return ops;
  }

  GraphBuilder g_{operators()};
};

TEST_F(JoinLayers, MakesOneNodeOfALayerNormalisation) {
  EXPECT_THAT(joined({{"y", layer_norm(input())}}), ElementsAre("LayerNormalization"));
}

TEST_F(JoinLayers, MakesOneNodeOfAGelu) { EXPECT_THAT(joined({{"y", gelu(input(), false)}}), ElementsAre("Gelu")); }

TEST_F(JoinLayers, KnowsBothOrdersOfAGelu) {
  EXPECT_THAT(joined({{"y", gelu(input(), true)}}), ElementsAre("Gelu"));
}

TEST_F(JoinLayers, MakesOneNodeOfASwish) {
  const Value x = input(), gate = g_.add("Sigmoid", {x});
  EXPECT_THAT(joined({{"y", g_.add("Mul", {gate, x})}}), ElementsAre("Swish"));
}

TEST_F(JoinLayers, LeavesAGateThatIsReadOrOfAnotherValue) {
  const Value x = input(), gate = g_.add("Sigmoid", {x}), other = g_.add("Sigmoid", {relu(x)});
  EXPECT_EQ(joined({{"y", x * gate}, {"gate", gate}, {"z", x * other}}).size(), 5U);
}

TEST_F(JoinLayers, JoinsOneAfterTheOther) {
  EXPECT_THAT(joined({{"y", gelu(layer_norm(input()), false)}}), ElementsAre("LayerNormalization", "Gelu"));
}

TEST_F(JoinLayers, LeavesANormalisationWhoseInnerValueIsRead) {
  const Value y = layer_norm(input());
  EXPECT_EQ(joined({{"y", y}, {"z", relu(g_.find("centred"))}}).size(), 10U);
}

TEST_F(JoinLayers, LeavesAnInnerValueThatIsToBeExplained) {
  EXPECT_EQ(joined({{"y", layer_norm(input())}}, {"centred"}).size(), 9U);
}

TEST_F(JoinLayers, LeavesANormalisationOverAnotherAxis) {
  const Value x = input();
  const Value centred = x - reduce_mean(x, {1});
  const Value ratio = centred / sqrt(reduce_mean(g_.add("Pow", {centred, scalar(2)}), {1}) + 1e-5F);
  EXPECT_EQ(joined({{"y", ratio * numbers({1, 2, 3, 4}) + numbers({1, 2, 3, 4})}}).size(), 9U);
}

TEST_F(JoinLayers, LeavesWhatOnlyLooksLikeAGelu) {
  EXPECT_EQ(joined({{"y", gelu(input(), false, 1.5F)}}).size(), 5U);
}

}  // namespace
}  // namespace limn
