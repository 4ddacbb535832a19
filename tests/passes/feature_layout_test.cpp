// Where rows, columns and channels are followed to, on the pieces that transformers are made of.
#include "limn/passes/feature_layout.h"

#include <gmock/gmock.h>

#include "limn/ops/build.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"
#include "limn/passes/channels_first.h"
#include "limn/passes/prune.h"
#include "limn/passes/simplify.h"
#include "support/small_transformer.h"

namespace limn {
namespace {

using test::SmallTransformer;
using ::testing::ElementsAre;

/// "b k y x" for a feature map, "b 1+2x3 k" for tokens, "-" for neither.
std::string spelled(const Graph& g, const std::string& name) {
  const auto layout = FeatureLayouts(g)[g.at(name)];
  if (!layout) return "-";
  std::vector<std::string> axes(g.shape(g.at(name)).size(), "?");
  const auto put = [&](int axis, const std::string& what) {
    if (axis >= 0) axes[static_cast<std::size_t>(axis)] = what;
  };
  put(layout->batch, "b");
  put(layout->channel, "k");
  put(layout->row, "y");
  put(layout->column, "x");
  put(layout->token, std::to_string(layout->prefix) + "+" + std::to_string(layout->height.value) + "x" +
                         std::to_string(layout->width.value));
  std::string text;
  for (const std::string& axis : axes) text += (text.empty() ? "" : " ") + axis;
  return text;
}

TEST(FeatureLayout, FollowsPatchesToTokensAndAClassToken) {
  const Graph g = SmallTransformer().finish_with_class_token();
  EXPECT_EQ(spelled(g, "patches"), "b k y x");
  EXPECT_EQ(spelled(g, "merged"), "b k 0+2x3");
  EXPECT_EQ(spelled(g, "tokens"), "b 0+2x3 k");
  EXPECT_EQ(spelled(g, "with_class"), "b 1+2x3 k");
  EXPECT_EQ(spelled(g, "block1"), "b 1+2x3 k");
  EXPECT_EQ(spelled(g, "block2"), "b 1+2x3 k");
  EXPECT_EQ(spelled(g, "logits"), "-");
}

TEST(FeatureLayout, SurvivesTakingTheClassTokenOffAndSplittingTheGrid) {
  SmallTransformer t;
  GraphBuilder& g = t.graph();
  const Value x = t.embedded();
  const auto ints = [&](std::vector<std::int64_t> v) { return int64_constant(g, std::move(v)); };
  const Value rest = g.add("Slice", {x, ints({1}), ints({1000}), ints({1})}, {}, "without_class");
  const Value part = g.add("Slice", {x, ints({2}), ints({1000}), ints({1})}, {}, "cut_grid");
  const Value grid = g.add("Reshape", {rest, ints({0, 2, 3, 4})}, {}, "grid");
  const Value swapped = g.add("Transpose", {grid}, {{"perm", std::vector<std::int64_t>{2, 0, 3, 1}}}, "swapped");
  const Graph graph = t.finish({{"a", part}, {"b", swapped}});
  EXPECT_EQ(spelled(graph, "without_class"), "b 0+2x3 k");
  EXPECT_EQ(spelled(graph, "cut_grid"), "-");
  EXPECT_EQ(spelled(graph, "grid"), "b y x k");
  EXPECT_EQ(spelled(graph, "swapped"), "x b k y");
}

TEST(FeatureLayout, OfTokensWithoutAHistoryIsASquareWhenOnlyOneFits) {
  GraphBuilder g(operators());
  const Value a = relu(g.input("a", {DType::f32, Shape{Dim("N"), 17, 8}}));  // 1 + 4x4
  const Value b = relu(g.input("b", {DType::f32, Shape{Dim("N"), 9, 8}}));   // 3x3
  const Value c = relu(g.input("c", {DType::f32, Shape{Dim("N"), 14, 8}}));  // nothing
  const Graph graph = std::move(g).finish({{"x", a}, {"y", b}, {"z", c}});
  EXPECT_EQ(spelled(graph, "a"), "b 1+4x4 k");
  EXPECT_EQ(spelled(graph, "b"), "b 0+3x3 k");
  EXPECT_EQ(spelled(graph, "c"), "-");
}

TEST(FeatureLayout, LaysTokensOnTheirGridRowByRow) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{1, 7, 2}});
  const FeatureLayout layout{0, 2, FeatureLayout::kNone, FeatureLayout::kNone, 1, Dim(2), Dim(3), 1};
  const Value map = as_feature_map(x, layout);
  const Graph graph = std::move(g).finish({{"map", map}});
  std::vector<float> v(14);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i);  // token t holds 2t and 2t + 1
  const Tensor out = evaluate(graph, {{"x", Tensor::of<float>({1, 7, 2}, v)}}).at("map");
  EXPECT_THAT(out.dims(), ElementsAre(1, 2, 2, 3));
  EXPECT_THAT(std::vector<double>(out.as<double>().begin(), out.as<double>().end()),
              ElementsAre(2, 4, 6, 8, 10, 12, 3, 5, 7, 9, 11, 13));
}

TEST(ChannelsFirst, TheTransposesOfATensorFlowNetworkMeetAndVanish) {
  GraphBuilder g(operators());
  const Value image = g.input("image", {DType::f32, Shape{1, 4, 5, 3}});
  const Value first = g.add("Transpose", {image}, {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}}, "to_maps");
  const Graph before = std::move(g).finish({{"y", relu(first)}});
  const Graph after = with_channels_first(before, before.at("image"));
  EXPECT_EQ(to_string(after.shape(after.at("image"))), "[1, 3, 4, 5]");
  EXPECT_EQ(after.nodes().size(), 3U);
  const Graph simple = prune(simplify(after));
  ASSERT_EQ(simple.nodes().size(), 1U);
  EXPECT_EQ(simple.nodes()[0].op, "Relu");
  EXPECT_EQ(simple.nodes()[0].in[0], simple.inputs()[0]);
}

TEST(Simplify, JoinsTwoTranspositionsToOne) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{2, 3, 4}});
  const Value y = transpose(transpose(x, {1, 2, 0}), {0, 2, 1});
  const Graph before = std::move(g).finish({{"y", y}});
  const Graph after = simplify(before);
  std::vector<float> v(24);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i);
  const std::map<std::string, Tensor> feeds{{"x", Tensor::of<float>({2, 3, 4}, v)}};
  const Tensor want = evaluate(before, feeds).at("y"), got = evaluate(after, feeds).at("y");
  EXPECT_EQ(got.dims(), want.dims());
  EXPECT_TRUE(std::ranges::equal(got.as<double>(), want.as<double>()));
  EXPECT_EQ(after.nodes().back().attrs.integers("perm"), (std::vector<std::int64_t>{1, 0, 2}));
}

}  // namespace
}  // namespace limn
