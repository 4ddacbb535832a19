// Precision::bf16: how far its products are from the reference in double, and what lies as bfloat16.

#include "limn/runtime/bf16.h"

#include <gmock/gmock.h>

#include <limits>

#include "limn/runtime/dnnl.h"
#include "runtime/small_network.h"

namespace limn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

#define SKIP_WITHOUT_BF16() \
  if (!processor_has_bf16()) GTEST_SKIP() << "this processor does not multiply bfloat16 (AVX512_BF16)"

/// Rounding to 8 significant bits moves a number by this part of it at most.
constexpr double kRounding = 1.0 / 256;
/// Of a product whose two factors are rounded, and a little for sums in float.
constexpr double kProduct = 2 * kRounding + kRounding * kRounding + 1e-5;

CompileOptions bf16(std::int64_t images = 1, int threads = 1) {
  return {{{"N", images}}, threads, Precision::bf16};
}

Tensor magnitudes(const Tensor& t) {
  Tensor out(DType::f32, t.dims());
  std::ranges::transform(t.as<float>(), out.mutable_view().as<float>().begin(),
                         [](float v) { return std::abs(v); });
  return out;
}

/// Every output is as near to that of the reference as `magnitude`, the same graph of absolute values, allows: the
/// bound is that of the rounding error of every single product, which no sum can exceed. And it is rounded, if
/// `rounds`.
void expect_within_rounding(const Graph& graph, const Graph& magnitude, const Feeds& feeds,
                            const CompileOptions& options, bool rounds = true) {
  const Program program = Program::compile(graph, options);
  Session session(program);
  fill(session, feeds, program.inputs());
  session.run();
  Feeds absolute;
  for (const auto& [name, t] : feeds) absolute.insert_or_assign(name, magnitudes(t));
  const auto most = evaluate(magnitude, absolute);
  for (const auto& [name, want] : evaluate(graph, feeds)) {
    const auto got = session.output(name);
    const Tensor wide = want.converted(DType::f64), bound = most.at(name).converted(DType::f64);
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
      worst = std::max(worst, std::abs(got[i] - wide.as<double>()[i]) / (1e-6 + bound.as<double>()[i]));
    EXPECT_LE(worst, kProduct) << name;
    EXPECT_EQ(worst > kRounding / 1e3, rounds) << name << ": " << worst;
  }
}

struct Layer {
  std::int64_t inputs, outputs, size, kernel, images = 1;
  Attrs attrs = {};
  bool gradient = true;  ///< whether that is computed in bfloat16 too
  int threads = 1;

  friend void PrintTo(const Layer& l, std::ostream* out) {
    *out << l.inputs << " to " << l.outputs << " channels, kernel " << l.kernel << ", " << l.images << " x "
         << l.size << " pixels";
  }
};

/// y = Conv(x) and the gradient of it for the cotangent dy.
Graph convolution(const Layer& s, bool absolute) {
  SmallNetwork n(1);
  const auto drawn = [&](Dims dims) {
    const Tensor t = n.normal(std::move(dims), 1);
    return n.weight(absolute ? magnitudes(t) : t);
  };
  const Value x = n.input(s.inputs, s.size, s.size);
  const Value w = drawn({s.outputs, s.inputs / s.attrs.integer("group", 1), s.kernel, s.kernel});
  const Value y = n.graph().add("Conv", {x, w, drawn({s.outputs})}, s.attrs);
  if (!s.gradient) return n.finish({{"y", y}});
  const Value dy = n.graph().input("dy", {DType::f32, y.shape()}), wrt[] = {x};
  return n.finish({{"y", y}, {"dx", pull_back(y, dy, wrt).front()}});
}

/// With AMX, layers of few products for each number that they read and write stay in float.
bool is_in_bf16(const Layer& s) {
  const bool many = s.outputs * s.inputs * s.kernel * s.kernel >= 50 * (s.inputs + s.outputs);
  return !processor_has_amx() || (many && s.attrs.integer("group", 1) == 1);
}

class Bf16Layers : public ::testing::TestWithParam<Layer> {};

TEST_P(Bf16Layers, StayWithinTheirRounding) {
  SKIP_WITHOUT_BF16();
  const Layer& s = GetParam();
  const Graph graph = convolution(s, false);
  SmallNetwork draw(2);
  Feeds feeds{{"x", draw.normal({s.images, s.inputs, s.size, s.size}, 1)}};
  if (s.gradient) {
    Shape y = graph.shape(graph.at("dy"));
    y[0] = Dim(s.images);
    feeds.emplace("dy", draw.normal(known_dims(y), 1));
  }
  const CompileOptions options = bf16(s.images, s.threads);
  const bool rounds = is_in_bf16(s);
  expect_within_rounding(graph, convolution(s, true), feeds, options, rounds);
  const auto in_bf16 = HasSubstr(processor_has_amx() && rounds ? "amx" : "bf16");
  EXPECT_THAT(kernels_of(graph, options, "Conv"),
              Each(rounds ? ::testing::Matcher<std::string>(in_bf16) : Not(in_bf16)));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Bf16Layers,
    ::testing::Values(Layer{3, 32, 33, 3, 2, {{"pads", Ints{1, 1, 1, 1}}}, false},
                      Layer{3, 64, 31, 7, 1, {{"strides", Ints{2, 2}}, {"pads", Ints{3, 3, 3, 3}}}, false},
                      Layer{16, 32, 14, 3, 3, {{"pads", Ints{1, 1, 1, 1}}}, true, 2},
                      Layer{40, 24, 13, 3, 1, {{"pads", Ints{1, 1, 1, 1}}}},
                      Layer{32, 32, 15, 3, 2, {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}},
                      Layer{32, 48, 16, 1, 2, {{"strides", Ints{2, 2}}}},
                      Layer{32, 32, 17, 3, 1, {{"dilations", Ints{2, 2}}, {"pads", Ints{2, 2, 2, 2}}}},
                      Layer{48, 64, 9, 1, 1, {}, false}, Layer{24, 32, 11, 5, 1, {}},
                      Layer{128, 96, 9, 1, 1, {}, false}, Layer{136, 120, 12, 1, 2, {{"strides", Ints{2, 2}}}},
                      Layer{32, 32, 14, 3, 2, {{"group", std::int64_t{32}}, {"pads", Ints{1, 1, 1, 1}}}}));

TEST(Bf16, DenseLayersStayWithinTheirRounding) {
  SKIP_WITHOUT_BF16();
  for (const std::int64_t images : {1, 5, 100}) {
    const auto dense = [](bool absolute) {
      SmallNetwork n(1);
      const auto drawn = [&](Dims dims) {
        const Tensor t = n.normal(std::move(dims), 1);
        return n.weight(absolute ? magnitudes(t) : t);
      };
      const Value x = n.graph().input("x", {DType::f32, Shape{Dim("N"), 96}});
      const Value w = drawn({40, 96}), b = drawn({40}), turned = drawn({96, 24}), bias = drawn({24});
      return n.finish({{"gemm", n.graph().add("Gemm", {x, w, b}, {{"transB", std::int64_t{1}}})},
                       {"matmul", n.graph().add("MatMul", {x, turned}) + bias}});
    };
    SmallNetwork draw(2);
    expect_within_rounding(dense(false), dense(true), {{"x", draw.normal({images, 96}, 1)}}, bf16(images));
  }
}

/// Neighbours hand each other bfloat16: nothing is converted but the picture, and what the pooling reads.
TEST(Bf16, NeighboursHandOnWhatTheyMultiply) {
  SKIP_WITHOUT_BF16();
  if (processor_has_amx()) GTEST_SKIP() << "with AMX values lie otherwise (see the next test)";
  const Attrs same{{"pads", Ints{1, 1, 1, 1}}};
  SmallNetwork n(1);
  Value y = relu(n.conv(n.input(3, 32, 32), 32, {3, 3}, same));
  y = n.max_pool(y, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  y = relu(y + n.conv(relu(n.conv(y, 32, {3, 3}, same)), 32, {3, 3}, same));
  y = n.concat({relu(n.conv(y, 32, {1, 1}, {})), relu(n.conv(y, 16, {3, 3}, same))});
  y = relu(n.conv(n.max_pool(y, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}}), 64, {1, 1}, {}));
  const Graph graph = n.finish({{"logits", n.dense(n.flatten(n.global_average(y)), 10)}});
  EXPECT_THAT(kernels_of(graph, bf16(), "reorder"), ::testing::SizeIs(2));
  EXPECT_THAT(kernels_of(graph, bf16(), "Concat"), ::testing::IsEmpty());
  EXPECT_THAT(kernels_of(graph, bf16(), "MaxPool"), Each(HasSubstr("bf16")));
}

/// The same in the form for tiles: the picture is converted, and what leaves the last convolution.
TEST(Bf16, NeighboursHandOnTiles) {
  if (!processor_has_amx()) GTEST_SKIP() << "this processor does not multiply tiles of bfloat16 (AMX)";
  const Attrs same{{"pads", Ints{1, 1, 1, 1}}};
  SmallNetwork n(1);
  Value y = relu(n.conv(n.input(16, 12, 12), 64, {3, 3}, same));
  y = relu(y + n.conv(relu(n.conv(y, 64, {3, 3}, same)), 64, {3, 3}, same));
  const Graph graph = n.finish({{"y", relu(n.conv(y, 256, {1, 1}, {}))}});
  EXPECT_THAT(kernels_of(graph, bf16(), "Conv"), Each(HasSubstr("amx")));
  EXPECT_THAT(kernels_of(graph, bf16(), "reorder"), ::testing::SizeIs(2));
}

/// One position per channel is read in any layout as it lies, in a slot or not.
TEST(Bf16, ConcatenationsOfSinglePositionsAreWhole) {
  SKIP_WITHOUT_BF16();
  SmallNetwork n(1);
  const Value x = n.input(32, 1, 1);
  Value y = n.concat({relu(n.conv(x, 32, {1, 1}, {})), relu(n.conv(x, 16, {1, 1}, {{"group", std::int64_t{2}}}))});
  y = relu(n.conv(n.concat({y, relu(n.conv(y, 16, {1, 1}, {}))}), 32, {1, 1}, {}));
  SmallNetwork draw(2);
  expect_like_reference(n.finish({{"y", y}}), {{"x", draw.normal({3, 32, 1, 1}, 1)}}, bf16(3), 0.02);
}

TEST(Bf16, OtherPrecisionsHaveNone) {
  const Graph graph = convolution({32, 32, 14, 3}, false);
  for (const Precision p : {Precision::exact, Precision::fast})
    EXPECT_THAT(kernels_of(graph, {.precision = p}), Each(Not(HasSubstr("bf16"))));
}

TEST(Bf16, LargeConvolutionsKeepTheirTransform) {
  SKIP_WITHOUT_BF16();
  if (processor_has_amx()) GTEST_SKIP() << "tiles (AMX) are faster";
  SmallNetwork n(1);
  const Value x = n.graph().add("Relu", {n.input(256, 28, 28)});
  const Graph graph = n.finish({{"y", n.conv(x, 256, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}})}});
  EXPECT_THAT(kernels_of(graph, bf16(), "Conv "), ElementsAre(HasSubstr("wino")));
}

TEST(Bf16, IsRefusedWhereTheProcessorHasNone) {
  if (processor_has_bf16()) GTEST_SKIP() << "this processor multiplies bfloat16";
  try {
    Program::compile(convolution({32, 32, 14, 3}, false), bf16());
    FAIL() << "the program compiled";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
    EXPECT_THAT(e.message(), HasSubstr("AVX512_BF16"));
  }
}

TEST(Bf16, WeightsWithNaNAreNamed) {
  SKIP_WITHOUT_BF16();
  SmallNetwork n(1);
  Tensor w(DType::f32, {16, 16, 3, 3});
  std::ranges::fill(w.mutable_view().as<float>(), 1.0F);
  w.mutable_view().as<float>()[7] = std::numeric_limits<float>::quiet_NaN();
  const Value y = n.graph().add("Conv", {n.input(16, 8, 8), n.graph().constant(w, "conv1.weight")}, {}, "conv1");
  try {
    Program::compile(n.finish({{"y", y}}), bf16());
    FAIL() << "the program compiled";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::bad_input);
    EXPECT_THAT(e.message(), HasSubstr("'conv1.weight' contain NaN"));
  }
}

}  // namespace
}  // namespace limn
