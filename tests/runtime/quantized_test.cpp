// Networks with quantized weights and activations, and sums of products, as programs.

#include "runtime/small_network.h"

namespace limn {
namespace {

/// x rounded to a grid of 8 bits and back.
Value on_grid(SmallNetwork& n, Value x, float scale) {
  GraphBuilder& g = n.graph();
  const Value s = float_constant(g, scale), zero = g.constant(Tensor::scalar<std::int8_t>(3));
  return g.add("DequantizeLinear", {g.add("QuantizeLinear", {x, s, zero}), s, zero});
}

/// int8 weights with a scale for each output.
Value quantized_weights(SmallNetwork& n, Dims dims) {
  Tensor w(DType::i8, dims);
  for (auto& v : w.mutable_view().as<std::int8_t>()) v = static_cast<std::int8_t>(n.draw(-100, 100));
  GraphBuilder& g = n.graph();
  const Value zero = g.constant(
      Tensor::of<std::int8_t>({dims[0]}, std::vector<std::int8_t>(static_cast<std::size_t>(dims[0]), 0)));
  return g.add("DequantizeLinear", {g.constant(w), n.weight(n.uniform({dims[0]}, 0.001F, 0.004F)), zero},
               {{"axis", std::int64_t{0}}});
}

// The scales are powers of two and the inputs lie on eighths, so that float and double round alike; the weights are
// small, so that nothing is clipped by a hair.
TEST(Quantized, ForwardAndGradientLikeReference) {
  SmallNetwork n(5);
  const Value x = n.input(3, 8, 8);
  const Value w = quantized_weights(n, {16, 3, 3, 3});
  Value y = n.graph().add("Conv", {on_grid(n, x, 0.25F), w}, {{"pads", Ints{1, 1, 1, 1}}});
  y = n.global_average(relu(y));
  const Value dy = n.graph().input("dy", y.type()), wrt[] = {x};
  const Value dx = pull_back(y, dy, wrt).front();
  Tensor image = n.normal({2, 3, 8, 8}, 8.0F);
  for (float& v : image.mutable_view().as<float>()) v = std::round(v * 4.0F) / 4.0F + 0.0625F;
  const Feeds feeds{{"x", image}, {"dy", n.normal({2, 16, 1, 1}, 1.0F)}};
  const Graph graph = n.finish({{"y", y}, {"dx", dx}});
  CompileOptions options;
  options.symbols = {{"N", 2}};
  expect_like_reference(graph, feeds, options);
}

TEST(Quantized, ClippedInputsHaveNoGradient) {
  SmallNetwork n(6);
  const Value x = n.graph().input("x", {DType::f32, Shape{4}});
  const Value y = on_grid(n, x, 0.5F), wrt[] = {x};
  const Value dx = vjp(y, wrt).front();
  const Graph graph = n.finish({{"y", y}, {"dx", dx}});
  const Program program = Program::compile(graph, {});
  Session session(program);
  // The grid reaches from (-128 - 3) / 2 to (127 - 3) / 2.
  std::ranges::copy(std::vector<float>{-80.0F, -65.4F, 61.9F, 70.0F}, session.input("x").begin());
  session.run();
  const auto d = session.output("dx"), v = session.output("y");
  EXPECT_EQ(std::vector<float>(d.begin(), d.end()), (std::vector<float>{0, 1, 1, 0}));
  EXPECT_EQ(std::vector<float>(v.begin(), v.end()), (std::vector<float>{-65.5F, -65.5F, 62.0F, 62.0F}));
}

TEST(Einsum, ForwardAndGradientLikeReference) {
  for (const char* equation : {"bij,bjk->bik", "bii->bi", "bij,bij->b", "bij,kj->bki"}) {
    SmallNetwork n(7);
    const Value x = n.graph().input("x", {DType::f32, Shape{Dim("N"), 5, 5}});
    std::vector<Value> in{x};
    const std::string text = equation;
    if (text.find(",k") != std::string::npos)
      in.push_back(n.weight(n.normal({4, 5}, 1.0F)));
    else if (text.find(',') != std::string::npos)
      in.push_back(n.weight(n.normal({3, 5, 5}, 1.0F)));
    const Value y = n.graph().add("Einsum", in, {{"equation", text}});
    const Value dy = n.graph().input("dy", y.type()), wrt[] = {x};
    const Value dx = pull_back(y, dy, wrt).front();
    Dims dims{3};
    for (std::size_t i = 1; i < y.shape().size(); ++i) dims.push_back(y.shape()[i].value);
    const Feeds feeds{{"x", n.normal({3, 5, 5}, 1.0F)}, {"dy", n.normal(dims, 1.0F)}};
    const Graph graph = n.finish({{"y", y}, {"dx", dx}});
    CompileOptions options;
    options.symbols = {{"N", 3}};
    expect_like_reference(graph, feeds, options);
  }
}

}  // namespace
}  // namespace limn
