// Means over tokens that are taken before products are the same means.
#include <gmock/gmock.h>

#include <algorithm>

#include "limn/passes/mean_first.h"
#include "support/pass_test.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kTokens = 7, kWidth = 8;  ///< a class token and a grid of 2 x 3

class MeanOfTokens : public test::PassTest {
 protected:
  Value slice(Value x, std::int64_t begin, std::int64_t end, std::int64_t axis) {
    return emit("Slice", {x, int64_constant(g_, {begin}), int64_constant(g_, {end}), int64_constant(g_, {axis})});
  }
  Value pad(Value x, Ints pads) { return emit("Pad", {x, int64_constant(g_, std::move(pads))}); }

  /// The mean over the grid of tokens [N, T, K], without the class token.
  static Value mean_on_grid(Value grid_tokens) {
    return reduce_mean(reshape(transpose(grid_tokens, {0, 2, 1}), {0, 0, 2, 3}), {2, 3});
  }

  /// Largest numbers of elements by operator.
  std::map<std::string, std::int64_t> after(Value y) {
    const Graph first =
        PassTest::after([](const Graph& g) { return mean_first(g, channel_means_as_nodes); }, {{"y", y}});
    std::map<std::string, std::int64_t> largest;
    for (const Node& node : first.nodes()) {
      std::int64_t count = 1;
      for (const Dim& d : first.shape(node.out[0])) count *= d.known() ? d.value : 2;
      largest[node.op] = std::max(largest[node.op], count);
    }
    return largest;
  }
};

TEST_F(MeanOfTokens, ComesBeforeAProductWithWeights) {
  const Value d = input("d", {Dim("N"), kTokens, 5});
  const auto sizes = after(mean_on_grid(slice(matmul(d, constant({5, kWidth})), 1, kTokens, 1)));
  EXPECT_EQ(sizes.at("MatMul"), 2 * kWidth) << "a row for each image";
}

TEST_F(MeanOfTokens, FollowsAnAttentionBackwards) {
  // dQ of the class token alone, dK and dV of all: heads of 4, tokens first.
  const Value dq = input("dq", {1, 2, kWidth}), q = input("q", {4, 4, 1});
  const Value p = input("p", {4, 1, kTokens}), dout = input("dout", {4, 1, 4});
  const Value dv = reshape(transpose(matmul(transpose(p, {0, 2, 1}), dout), {1, 0, 2}), {kTokens, -1, kWidth});
  const Value dk = reshape(transpose(matmul(q, p / float_constant(g_, 3)), {2, 0, 1}), {kTokens, -1, kWidth});
  const Value packed = pad(dv, {0, 0, 2 * kWidth, 0, 0, 0}) + pad(dk, {0, 0, kWidth, 0, 0, kWidth}) +
                       pad(dq, {0, 0, 0, kTokens - 1, 0, 2 * kWidth});
  const Value d = transpose(matmul(packed, constant({3 * kWidth, kWidth})), {1, 0, 2});
  const auto sizes = after(mean_on_grid(slice(d, 1, kTokens, 1)));
  EXPECT_EQ(sizes.at("MatMul"), 4 * 4) << "a row for each head";
  EXPECT_EQ(sizes.at("Pad"), 2 * 3 * kWidth);
}

TEST_F(MeanOfTokens, KnowsThatPaddedTokensAreZero) {
  const Value d = input("d", {Dim("N"), 3, 5}), w = constant({5, kWidth});
  const Value all = matmul(pad(d, {0, 2, 0, 0, 2, 0}), w);
  EXPECT_EQ(after(mean_on_grid(slice(all, 1, kTokens, 1))).at("MatMul"), 2 * kWidth);
}

TEST_F(MeanOfTokens, StopsWhereTokensMeet) {
  const Value d = input("d", {Dim("N"), kTokens, 5});
  const auto sizes = after(mean_on_grid(slice(matmul(softmax(d, 1), constant({5, kWidth})), 1, kTokens, 1)));
  EXPECT_EQ(sizes.at("MatMul"), 2 * kWidth);
  EXPECT_EQ(sizes.at("Softmax"), 2 * kTokens * 5);
}

TEST_F(MeanOfTokens, StopsAtAPadOfOnes) {
  const Value d = input("d", {Dim("N"), 3, 5});
  const Value ones = emit("Pad", {d, int64_constant(g_, {0, 2, 0, 0, 2, 0}), float_constant(g_, 1)});
  const auto sizes = after(mean_on_grid(slice(matmul(ones, constant({5, kWidth})), 1, kTokens, 1)));
  EXPECT_EQ(sizes.at("Pad"), 2 * kTokens * 5);
}

TEST_F(MeanOfTokens, StopsAtASliceWithSteps) {
  const Value d = input("d", {Dim("N"), 2 * kTokens, 5});
  const Value some = emit("Slice", {d, int64_constant(g_, {1}), int64_constant(g_, {2 * kTokens}),
                                    int64_constant(g_, {1}), int64_constant(g_, {2})});
  after(mean_on_grid(slice(matmul(some, constant({5, kWidth})), 0, 6, 1)));
}

TEST_F(MeanOfTokens, StaysWhereThereAreNoWeights) {
  const Value d = input("d", {Dim("N"), kTokens, kWidth}), a = input("a", {Dim("N"), kWidth, kWidth});
  const auto sizes = after(mean_on_grid(slice(matmul(d, a), 1, kTokens, 1)));
  EXPECT_EQ(sizes.at("MatMul"), 2 * kTokens * kWidth);
}

TEST_F(MeanOfTokens, AddsRowsThatAreRepeatedAsTheyAre) {
  const Value d = input("d", {Dim("N"), kTokens, 5});
  const Value biased = matmul(d, constant({5, kWidth})) + constant({kWidth});
  after(mean_on_grid(slice(biased, 1, kTokens, 1)));
}

}  // namespace
}  // namespace limn
