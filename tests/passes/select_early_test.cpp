// Rows that nobody reads are not computed, and those that somebody reads stay the same numbers.

#include "limn/passes/select_early.h"

#include <gmock/gmock.h>

#include "runtime/small_network.h"

namespace limn {
namespace {

constexpr std::int64_t kTokens = 9, kFeatures = 8, kHeads = 2, kBatch = 3;

Dims dims_of(const Graph& g, std::string_view name) { return known_dims(g.shape(g.at(name))); }

class SelectEarly : public ::testing::Test {
 protected:
  Value tokens() { return g_.input("x", {DType::f32, Shape{kBatch, kTokens, kFeatures}}); }
  Value gather(Value x, std::int64_t at, std::int64_t axis, bool as_list = false) {
    const Value index = as_list ? int64_constant(g_, {at}) : g_.constant(Tensor::scalar<std::int64_t>(at));
    return g_.add("Gather", {x, index}, {{"axis", axis}});
  }
  Value slice(Value x, std::int64_t begin, std::int64_t end, std::int64_t axis) {
    return g_.add("Slice", {x, int64_constant(g_, {begin}), int64_constant(g_, {end}), int64_constant(g_, {axis})});
  }
  Value dense(Value x, std::int64_t out, std::string name = {}) {
    return g_.add("MatMul", {x, n_.weight(n_.normal({x.shape().back().value, out}, 0.4F))}, {}, std::move(name));
  }
  Value norm(Value x, std::string name = {}) {
    return g_.add("LayerNormalization",
                  {x, n_.weight(n_.normal({kFeatures}, 1)), n_.weight(n_.normal({kFeatures}, 1))}, {},
                  std::move(name));
  }
  /// [B, T, F] as [B * heads, T, F / heads]
  Value in_heads(Value x) {
    const Value split = reshape(x, {kBatch, kTokens, kHeads, kFeatures / kHeads});
    return reshape(transpose(split, {0, 2, 1, 3}), {kBatch * kHeads, kTokens, kFeatures / kHeads});
  }
  Value attention(Value x) {
    const Value q = in_heads(dense(x, kFeatures, "queries")), k = in_heads(dense(x, kFeatures, "keys"));
    const Value v = in_heads(dense(x, kFeatures, "values"));
    const Value weights = softmax(g_.add("MatMul", {q, transpose(k, {0, 2, 1})}, {}, "scores"), -1);
    const Value mixed = reshape(matmul(weights, v), {kBatch, kHeads, kTokens, kFeatures / kHeads});
    const Value joined = reshape(transpose(mixed, {2, 0, 1, 3}), {kTokens * kBatch, kFeatures});
    const Value w = n_.weight(n_.normal({kFeatures, kFeatures}, 0.4F));
    const Value projected = g_.add("Gemm", {joined, w, n_.weight(n_.normal({kFeatures}, 1))}, {}, "projected");
    return transpose(reshape(projected, {kTokens, kBatch, kFeatures}), {1, 0, 2});
  }

  /// The graph after the pass, which must compute what the one before does.
  Graph selected(std::vector<std::pair<std::string, Value>> outputs, const std::vector<std::string>& keep = {}) {
    before_ = std::move(g_).finish(std::move(outputs));
    Graph after = select_early(before_, keep);
    const Feeds feeds{{"x", n_.normal(known_dims(before_.shape(before_.at("x"))), 1)}};
    const auto want = evaluate(before_, feeds), got = evaluate(after, feeds);
    for (const auto& [name, value] : want)
      EXPECT_THAT(got.at(name).as<double>(), testing::Pointwise(testing::DoubleNear(1e-12), value.as<double>()))
          << name;
    return after;
  }
  bool unchanged(const Graph& after) const { return to_text(after) == to_text(before_); }

  SmallNetwork n_{1};
  GraphBuilder& g_{n_.graph()};
  Graph before_;
};

TEST_F(SelectEarly, ComputesTheLastBlockForTheClassTokenAlone) {
  const Value x = tokens();
  const Value y = g_.add("Add", {attention(norm(x, "first")), x});
  const Value z =
      g_.add("Add", {dense(g_.add("Gelu", {dense(norm(y, "second"), 16, "up")}), kFeatures, "down"), y});
  const Graph after = selected({{"logits", dense(gather(norm(z, "last"), 0, 1), 5)}});
  EXPECT_EQ(dims_of(after, "last"), (Dims{kBatch, 1, kFeatures}));
  EXPECT_EQ(dims_of(after, "up"), (Dims{kBatch, 1, 16}));
  EXPECT_EQ(dims_of(after, "down"), (Dims{kBatch, 1, kFeatures}));
  EXPECT_EQ(dims_of(after, "second"), (Dims{kBatch, 1, kFeatures}));
  EXPECT_EQ(dims_of(after, "projected"), (Dims{kBatch, kFeatures}));
  EXPECT_EQ(dims_of(after, "scores"), (Dims{kBatch * kHeads, 1, kTokens}));
  EXPECT_EQ(dims_of(after, "queries"), (Dims{kBatch, 1, kFeatures}));
  for (const char* whole : {"keys", "values", "first"})
    EXPECT_EQ(dims_of(after, whole), (Dims{kBatch, kTokens, kFeatures})) << whole;
}

TEST_F(SelectEarly, KnowsListsSlicesAndTheOtherEnd) {
  const Value x = tokens();
  const Graph after = selected({{"list", gather(norm(x, "a"), 2, 1, true)},
                                {"slice", slice(norm(x, "b"), 1, 3, 1)},
                                {"last", gather(norm(x, "c"), -1, -2)},
                                {"end", slice(norm(x, "d"), -2, 1000, -2)}});
  EXPECT_EQ(dims_of(after, "a")[1], 1);
  EXPECT_EQ(dims_of(after, "b")[1], 2);
  EXPECT_EQ(dims_of(after, "c")[1], 1);
  EXPECT_EQ(dims_of(after, "d")[1], 2);
}

TEST_F(SelectEarly, LeavesWhatOthersReadWhole) {
  const Value y = norm(tokens(), "y"), z = norm(relu(y), "z");
  const Graph after = selected({{"token", gather(z, 0, 1)}, {"all", reduce_mean(y, {1})}});
  EXPECT_EQ(dims_of(after, "y")[1], kTokens);
  EXPECT_EQ(dims_of(after, "z")[1], 1);
}

TEST_F(SelectEarly, LeavesTwoDifferentSelectionsOfOneValue) {
  const Value y = norm(tokens());
  EXPECT_TRUE(unchanged(selected({{"first", gather(y, 0, 1)}, {"second", gather(y, 1, 1)}})));
}

TEST_F(SelectEarly, LeavesALayerThatIsToBeExplained) {
  const Value y = norm(tokens(), "y");
  const Graph after = selected({{"token", gather(norm(relu(y), "z"), 0, 1)}}, {"y"});
  EXPECT_EQ(dims_of(after, "y")[1], kTokens);
  EXPECT_EQ(dims_of(after, "z")[1], 1);
}

TEST_F(SelectEarly, LeavesASelectionOfManyRows) {
  EXPECT_TRUE(unchanged(selected({{"most", slice(norm(tokens()), 0, 3, 1)}})));  // 3 of 9
}

TEST_F(SelectEarly, LeavesAnAxisThatTheNodeReadsWhole) {
  // A feature of a normalisation, of a softmax and of a product needs all features or the whole matrix.
  const Value x = g_.input("x", {DType::f32, Shape{kTokens, kFeatures}});
  EXPECT_TRUE(unchanged(selected({{"norm", gather(norm(x), 0, 1)},
                                  {"softmax", gather(softmax(x, 1), 0, 1)},
                                  {"product", gather(dense(x, 6), 0, 1)}})));
}

TEST_F(SelectEarly, LeavesNetworksWithoutAnythingToSave) {
  EXPECT_TRUE(unchanged(selected({{"token", gather(relu(tokens()), 0, 1)}})));
}

TEST_F(SelectEarly, LeavesAReshapingThatTearsRowsApart) {
  // [3, 9, 8] as [3, 12, 6]: the first row of 6 is not a row of 8.
  EXPECT_TRUE(unchanged(selected({{"torn", gather(reshape(norm(tokens()), {kBatch, 12, 6}), 0, 1)}})));
}

TEST_F(SelectEarly, TakesTheSameRowsOfWhatIsAdded) {
  const Value places = n_.weight(n_.normal({1, kTokens, kFeatures}, 1));
  const Value feature = n_.weight(n_.normal({kFeatures}, 1)), gate = n_.weight(n_.normal({kTokens, 1}, 1));
  const Value sum = g_.add("Mul", {g_.add("Add", {g_.add("Add", {tokens(), places}), feature}), gate}, {}, "sum");
  const Graph after = selected({{"token", gather(norm(sum), 4, 1)}});
  EXPECT_EQ(dims_of(after, "sum")[1], 1);
}

}  // namespace
}  // namespace limn
