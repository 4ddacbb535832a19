// Products with one large matrix: joined where they can be, and nothing else changed.

#include "limn/passes/join_products.h"

#include <gmock/gmock.h>

#include "runtime/small_network.h"

namespace limn {
namespace {

constexpr std::int64_t kSide = 512;  // 512 x 512 is large enough

std::size_t count(const Graph& g, std::string_view op) {
  return static_cast<std::size_t>(std::ranges::count(g.nodes(), op, &Node::op));
}

void expect_same_values(const Graph& before, const Graph& after, const Feeds& feeds) {
  const auto want = evaluate(before, feeds), got = evaluate(after, feeds);
  ASSERT_EQ(want.size(), got.size());
  for (const auto& [name, value] : want)
    EXPECT_THAT(got.at(name).as<double>(), testing::Pointwise(testing::DoubleNear(1e-12), value.as<double>()))
        << name;
}

/// Cotangents `t0`, `t1`, ... of [rows, 512] through two rectified layers: tangled as differentiation writes them,
/// one target after the other.
Graph two_layers(SmallNetwork& n, std::int64_t targets, std::int64_t side = kSide) {
  GraphBuilder& g = n.graph();
  const Value last = n.weight(n.normal({side, side}, 0.05F)), first = n.weight(n.normal({side, side}, 0.05F));
  const Value y = g.input("y", {DType::f32, Shape{2, side}});
  std::vector<std::pair<std::string, Value>> outputs;
  for (std::int64_t t = 0; t < targets; ++t) {
    const Value d = g.input("t" + std::to_string(t), {DType::f32, Shape{2, side}});
    const Value through = g.add("limn::ReluGrad", {g.add("MatMul", {d, last}), y});
    outputs.emplace_back("d" + std::to_string(t), g.add("MatMul", {through, first}));
  }
  return n.finish(std::move(outputs));
}

TEST(JoinProducts, ReadsEachMatrixOnce) {
  SmallNetwork n(1);
  const Graph before = two_layers(n, 3);
  const Graph after = join_products(before);
  EXPECT_EQ(count(before, "MatMul"), 6U);
  EXPECT_EQ(count(after, "MatMul"), 2U);
  Feeds feeds{{"y", n.normal({2, kSide}, 1)}};
  for (const char* t : {"t0", "t1", "t2"}) feeds.emplace(t, n.normal({2, kSide}, 1));
  expect_same_values(before, after, feeds);
  expect_like_reference(after, feeds, {{}, 2});
}

TEST(JoinProducts, LeavesSmallMatricesAndSingleProductsAlone) {
  SmallNetwork small(2), single(3);
  for (const Graph& g : {two_layers(small, 3, 64), two_layers(single, 1)})
    EXPECT_EQ(to_text(join_products(g)), to_text(g));
}

TEST(JoinProducts, KeepsProductsApartThatDependOnEachOther) {
  // The same matrix three times in a row, and once beside the second: only these two meet.
  SmallNetwork n(4);
  GraphBuilder& g = n.graph();
  const Value w = n.weight(n.normal({kSide, kSide}, 0.05F));
  const Value x = g.input("x", {DType::f32, Shape{1, kSide}});
  const Value once = g.add("MatMul", {x, w}), twice = g.add("MatMul", {relu(once), w});
  const Value thrice = g.add("MatMul", {relu(twice), w}), beside = g.add("MatMul", {exp(once), w});
  const Graph before = n.finish({{"thrice", thrice}, {"beside", relu(beside)}});
  const Graph after = join_products(before);
  EXPECT_EQ(count(after, "MatMul"), 3U);
  expect_same_values(before, after, {{"x", n.normal({1, kSide}, 0.1F)}});
}

TEST(JoinProducts, LetsNoForwardPassWaitForATarget) {
  SmallNetwork n(6);
  GraphBuilder& g = n.graph();
  const Value w = n.weight(n.normal({kSide, kSide}, 0.05F));
  const Value x = g.input("x", {DType::f32, Shape{1, 2, kSide / 2}});
  const Value target = g.input("target", {DType::f32, Shape{1, kSide}});
  const Graph before =
      n.finish({{"logits", g.add("MatMul", {n.flatten(x), w})}, {"back", g.add("MatMul", {target, w})}});
  EXPECT_EQ(to_text(join_products(before)), to_text(before));
}

TEST(JoinProducts, TellsOperatorsAndTranspositionsApart) {
  SmallNetwork n(5);
  GraphBuilder& g = n.graph();
  const Value w = n.weight(n.normal({kSide, kSide}, 0.05F)), b = n.weight(n.normal({kSide}, 1));
  const Value x = g.input("x", {DType::f32, Shape{3, kSide}}), z = g.input("z", {DType::f32, Shape{3, kSide}});
  const Attrs transposed{{"transB", std::int64_t{1}}};
  const Graph before = n.finish({{"plain", g.add("MatMul", {x, w})},
                                 {"turned", g.add("Gemm", {x, w}, transposed)},
                                 {"other", g.add("Gemm", {z, w}, transposed)},
                                 {"biased", g.add("Gemm", {z, w, b}, transposed)}});
  const Graph after = join_products(before);
  EXPECT_EQ(count(after, "Gemm"), 2U);
  EXPECT_EQ(count(after, "MatMul"), 1U);
  expect_same_values(before, after, {{"x", n.normal({3, kSide}, 1)}, {"z", n.normal({3, kSide}, 1)}});
}

}  // namespace
}  // namespace limn
