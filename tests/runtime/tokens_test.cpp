// What transformers are made of, beside normalisations: dense layers of tokens, products of stacks of matrices,
// axes in another order. Against the reference in double.

#include <gmock/gmock.h>

#include <functional>

#include "limn/runtime/dnnl.h"
#include "runtime/small_network.h"

namespace limn {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  const char* name;
  Shape shape;
  std::function<Value(SmallNetwork&, Value)> make;
  const char* kernel;  ///< of some step; no step is by the reference

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name << " of " << to_string(c.shape); }
};

std::function<Value(SmallNetwork&, Value)> order(Ints perm) {
  return [=](SmallNetwork&, Value x) { return transpose(x, perm); };
}
std::function<Value(SmallNetwork&, Value)> slice(Ints starts, Ints ends, Ints axes, Ints steps) {
  return [=](SmallNetwork& n, Value x) {
    GraphBuilder& g = n.graph();
    return g.add("Slice", {x, int64_constant(g, starts), int64_constant(g, ends), int64_constant(g, axes),
                           int64_constant(g, steps)});
  };
}

/// x between a weight and twice itself along an axis.
std::function<Value(SmallNetwork&, Value)> joined(std::int64_t axis) {
  return [=](SmallNetwork& n, Value x) {
    Dims dims = known_dims(x.shape());
    dims[static_cast<std::size_t>(axis < 0 ? axis + std::ssize(dims) : axis)] = 3;
    return n.graph().add("Concat", {n.weight(n.normal(dims, 1)), x, x + x}, {{"axis", axis}});
  };
}

enum class Weights { as_they_lie, transposed };
enum class End { none, bias, gelu, relu, residual, residual_read_later };

Value dense_tokens(SmallNetwork& n, Value x, Weights weights, End end) {
  GraphBuilder& g = n.graph();
  const std::int64_t in = x.shape().back().value, out = end >= End::residual ? in : 40;
  const bool turned = weights == Weights::transposed;
  const Value w = n.weight(n.normal(turned ? Dims{out, in} : Dims{in, out}, 0.2F));
  Value y = g.add("MatMul", {x, turned ? transpose(w, {1, 0}) : w});
  if (end == End::none) return y;
  y = g.add("Add", {n.weight(n.normal({out}, 1)), y});
  if (end == End::gelu) return g.add("Gelu", {y});
  if (end == End::relu) return g.add("Relu", {y});
  if (end == End::residual) return g.add("Add", {g.add("Sigmoid", {x}), y});
  if (end == End::residual_read_later) return g.add("Mul", {g.add("Add", {x, y}), x});
  return y;
}
std::function<Value(SmallNetwork&, Value)> dense(Weights weights, End end) {
  return [=](SmallNetwork& n, Value x) { return dense_tokens(n, x, weights, end); };
}

/// A square matrix read both ways, as by a layer and by its gradient.
Value dense_both_ways(SmallNetwork& n, Value x) {
  GraphBuilder& g = n.graph();
  const std::int64_t size = x.shape().back().value;
  const Value w = n.weight(n.normal({size, size}, 0.2F));
  return g.add("MatMul", {g.add("MatMul", {x, w}), transpose(w, {1, 0})});
}

/// softmax(x x') x of every head.
Value attention(SmallNetwork& n, Value x) {
  const Value heads = transpose(x, {0, 2, 1, 3});
  const Value scores = softmax(n.graph().add("MatMul", {heads, transpose(heads, {0, 1, 3, 2})}), -1);
  return transpose(n.graph().add("MatMul", {scores, heads}), {0, 2, 1, 3});
}

/// oneDNN's names of its best kernels for products, with AVX-512 and without; those of matrices in blocks.
const char* product() { return channel_block() == 16 ? "brg" : "gemm:jit"; }
const char* matrix_product() { return channel_block() == 16 ? "brg:" : "gemm:jit"; }

class Tokens : public ::testing::TestWithParam<Case> {};

TEST_P(Tokens, LikeReference) {
  const Case& c = GetParam();
  SmallNetwork n(1);
  const Value x = n.graph().input("x", {DType::f32, c.shape});
  const Value y = c.make(n, x);
  const Feeds feeds{{"x", n.normal(known_dims(c.shape), 1)}};
  const Graph graph = n.finish({{"y", y}});
  expect_like_reference(graph, feeds, {}, 2e-6);
  expect_like_reference(graph, feeds, {.threads = 2}, 2e-6);
  const auto kernels = kernels_of(graph);
  EXPECT_THAT(kernels, Contains(HasSubstr(c.kernel)));
  EXPECT_THAT(kernels, Not(Contains("reference")));
}

INSTANTIATE_TEST_SUITE_P(
    Operators, Tokens,
    ::testing::Values(
        Case{"Transpose", {5, 7}, order({1, 0}), "limn:strided"},
        Case{"Transpose", {3, 50, 70}, order({0, 2, 1}), "limn:strided"},
        Case{"Transpose", {50, 2, 64}, order({1, 0, 2}), "limn:strided"},
        Case{"Transpose", {17, 3, 40}, order({2, 1, 0}), "limn:strided"},
        Case{"Transpose", {17, 3, 40}, order({2, 0, 1}), "limn:strided"},
        Case{"Transpose", {2, 19, 4, 16}, order({0, 2, 3, 1}), "limn:strided"},
        Case{"Transpose", {2, 3, 4, 5, 6, 7}, order({0, 2, 4, 1, 3, 5}), "limn:strided"},
        Case{"Slice", {20, 3, 96}, slice({32}, {64}, {2}, {1}), "limn:strided"},
        Case{"Slice backwards", {20, 3, 96}, slice({-1, 90}, {-100, 10}, {0, -1}, {-3, -7}), "limn:strided"},
        Case{"Concat", {5, 7}, joined(0), "limn:strided"}, Case{"Concat", {3, 50, 7}, joined(1), "limn:strided"},
        Case{"Concat", {90, 2, 300}, joined(-1), "limn:strided"},
        Case{"Concat", {2, 3, 4, 5, 6}, joined(2), "limn:strided"},
        Case{"Expand",
             {3, 1, 7},
             [](SmallNetwork& n, Value x) {
               return n.graph().add("Expand", {x, int64_constant(n.graph(), {2, 3, 5, 7})});
             },
             "limn:strided"},
        Case{"Attention", {2, 50, 3, 16}, attention, product()},
        Case{"Dense", {2, 19, 32}, dense(Weights::as_they_lie, End::none), product()},
        Case{"Dense", {2, 19, 32}, dense(Weights::transposed, End::none), product()},
        Case{"Dense both ways", {2, 19, 768}, dense_both_ways, product()},
        Case{"Dense with bias", {2, 19, 32}, dense(Weights::transposed, End::bias), product()},
        Case{"Dense with bias of vectors", {3, 32}, dense(Weights::as_they_lie, End::bias), product()},
        Case{"Dense and Gelu", {1, 19, 32}, dense(Weights::transposed, End::gelu), product()},
        Case{"Dense and Relu", {1, 19, 32}, dense(Weights::as_they_lie, End::relu), product()},
        Case{"Dense and residual", {2, 19, 32}, dense(Weights::transposed, End::residual), product()},
        Case{"Dense and residual read later",
             {2, 19, 32},
             dense(Weights::transposed, End::residual_read_later),
             "limn:copy"},
        // From 96 rows on, as products of matrices.
        Case{"Dense of many rows", {4, 25, 32}, dense(Weights::as_they_lie, End::none), matrix_product()},
        Case{"Dense of many rows", {4, 25, 32}, dense(Weights::transposed, End::none), matrix_product()},
        Case{"Dense of many rows with bias", {96, 32}, dense(Weights::as_they_lie, End::bias), matrix_product()},
        Case{"Dense of many rows and Gelu", {1, 197, 32}, dense(Weights::transposed, End::gelu), matrix_product()},
        Case{"Dense of many rows and Relu", {3, 33, 32}, dense(Weights::as_they_lie, End::relu), matrix_product()},
        Case{"Dense of many rows and residual",
             {2, 50, 32},
             dense(Weights::transposed, End::residual),
             matrix_product()},
        Case{"Dense of many rows both ways", {2, 50, 768}, dense_both_ways, matrix_product()},
        Case{"Gradient of many rows", {100, 32}, dense(Weights::as_they_lie, End::none), matrix_product()}));

/// Its weights have one place in memory, padded to blocks.
TEST(TokensWeights, ATransposedMatrixIsNotMade) {
  SmallNetwork n(1);
  const Value x = n.graph().input("x", {DType::f32, Shape{1, 19, 64}});
  const Graph graph = n.finish({{"y", dense_tokens(n, x, Weights::transposed, End::bias)}});
  const Program program = Program::compile(graph, {});
  EXPECT_EQ(program.steps().size(), 1U);
  EXPECT_LE(program.weight_bytes(), 64U * 64U * sizeof(float));
}

/// A Swish behind a convolution is the end of it, unless somebody reads what enters it.
TEST(TokensActivation, SwishIsPartOfAConvolution) {
  for (const bool read : {false, true}) {
    SmallNetwork n(1);
    const Value z = n.conv(n.input(16, 9, 7), 24, {1, 1}, {});
    const Value y = n.graph().add("Swish", {z}, {{"alpha", 1.5}});
    std::vector<std::pair<std::string, Value>> outputs{{"y", y}};
    if (read) outputs.emplace_back("z", z);
    const Feeds feeds{{"x", n.normal({3, 16, 9, 7}, 1)}};
    const Graph graph = n.finish(outputs);
    const CompileOptions options{{{"N", 3}}};
    expect_like_reference(graph, feeds, options, 2e-6);
    std::vector<std::string> labels;
    for (const StepInfo& step : Program::compile(graph, options).steps())
      labels.push_back(step.label.substr(0, step.label.find(' ')));
    EXPECT_EQ(std::ranges::count(labels, "Conv+Swish"), read ? 0 : 1);
  }
}

/// Without the activation itself, which slopes_test.cpp has beside it.
TEST(TokensActivation, TheDerivativeOfSwishIsOneStep) {
  for (const double alpha : {1.0, 1.5}) {
    SmallNetwork n(1);
    const Value x = n.graph().input("x", {DType::f32, Shape{3, 20, 9, 7}});
    const Value y = n.graph().add("Swish", {x}, {{"alpha", alpha}}), dy = n.graph().input("dy", y.type());
    const Graph graph = n.finish({{"dx", pull_back(y, dy, std::span(&x, 1)).front()}});
    EXPECT_THAT(kernels_of(graph), ::testing::ElementsAre("limn:chain"));
    expect_like_reference(graph, {{"x", n.normal({3, 20, 9, 7}, 3)}, {"dy", n.normal({3, 20, 9, 7}, 1)}}, {}, 1e-6);
  }
}

/// A cotangent that is zero for most channels, spread over them, as that of one class is behind a global pooling.
TEST(TokensActivation, ASpreadCotangentOfOneClassIsMasked) {
  SmallNetwork n(1);
  GraphBuilder& g = n.graph();
  const Value y = g.input("y", {DType::f32, Shape{2, 40, 5, 5}}),
              dy = g.input("dy", {DType::f32, Shape{2, 40, 1, 1}});
  const Value dx = relu_grad(expand_like(dy, y), y);
  const Graph graph = n.finish({{"dx", dx}});
  std::vector<float> one_hot(80);
  one_hot[18] = 2.0F;   // in the second block of the first image,
  one_hot[77] = -3.0F;  // and in the last, incomplete block of the second
  expect_like_reference(
      graph, {{"y", n.normal({2, 40, 5, 5}, 1)}, {"dy", Tensor::of<float>({2, 40, 1, 1}, one_hot)}}, {}, 0.0);
}

}  // namespace
}  // namespace limn
