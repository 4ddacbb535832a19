// Convolutions by Winograd's transform: how far they are from the reference in double, and when they are chosen.

#include "limn/runtime/winograd.h"

#include <gmock/gmock.h>

#include "runtime/small_network.h"

namespace limn {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

struct Size {
  std::int64_t inputs, outputs, height, width, images;
  Ints pads;
  int threads;
  bool transformed = false;  ///< known to be so accurate, on AVX-512, that the forward pass takes the transform

  friend void PrintTo(const Size& s, std::ostream* out) {
    *out << s.inputs << " to " << s.outputs << " channels of " << s.images << " x " << s.height << " x " << s.width
         << ", " << s.threads << " threads";
  }
};

struct Convolved {
  Graph graph;
  Feeds feeds;
};

/// y = Relu(Conv(x)) and the gradient of Conv(x) for the cotangent dy.
Convolved convolved(const Size& s) {
  SmallNetwork n(1);
  const Value x = n.input(s.inputs, s.height, s.width);
  const Value z = n.conv(x, s.outputs, {3, 3}, {{"pads", s.pads}});
  Shape shape = z.shape();
  const Value dy = n.graph().input("dy", {DType::f32, shape}), wrt[] = {x};
  shape[0] = Dim(s.images);
  const Value y = n.graph().add("Relu", {z}), dx = pull_back(z, dy, wrt).front();
  Feeds feeds{{"x", n.uniform({s.images, s.inputs, s.height, s.width}, 0, 1)},
              {"dy", n.normal(known_dims(shape), 1)}};
  return {n.finish({{"y", y}, {"dx", dx}}), std::move(feeds)};
}

/// The largest difference, in parts of the largest value.
double difference(std::span<const float> a, const Tensor& b) {
  const Tensor wide = b.converted(DType::f64);
  double most = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double want = wide.as<double>()[i];
    most = std::max(most, std::abs(static_cast<double>(a[i]) - want));
    largest = std::max(largest, std::abs(want));
  }
  return most / largest;
}

bool has_transform() { return channel_block() == 16; }

class Winograd : public ::testing::TestWithParam<Size> {};

TEST_P(Winograd, StaysWithinItsError) {
  const Size& s = GetParam();
  const Convolved c = convolved(s);
  const CompileOptions options{{{"N", s.images}}, s.threads, Precision::fast};
  const Program program = Program::compile(c.graph, options);
  Session session(program);
  fill(session, c.feeds, program.inputs());
  session.run();
  // Of all results of a gradient the worst may be further off than the check at compiling, of a thousand, has seen.
  for (const auto& [name, want] : evaluate(c.graph, c.feeds))
    EXPECT_LE(difference(session.output(name), want), name == "dx" ? 2 * kWinogradError : kWinogradError) << name;
  if (s.transformed && has_transform()) {
    EXPECT_THAT(kernels_of(c.graph, options, "Conv+Relu"), Contains(HasSubstr("wino")));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, Winograd,
    ::testing::Values(Size{16, 16, 17, 31, 1, {1, 1, 1, 1}, 1}, Size{24, 40, 15, 15, 3, {1, 1, 1, 1}, 1},
                      Size{32, 64, 28, 28, 1, {1, 1, 1, 1}, 2, true}, Size{64, 48, 33, 13, 3, {1, 1, 1, 1}, 2},
                      Size{64, 64, 56, 56, 1, {1, 1, 1, 1}, 2, true}, Size{48, 192, 27, 27, 3, {1, 1, 1, 1}, 1},
                      Size{128, 128, 28, 28, 1, {1, 1, 1, 1}, 1}));

TEST(WinogradChoice, ExactForwardPassesAreDirectAndFastOnesAreNot) {
  const Convolved c = convolved({64, 64, 56, 56, 1, {1, 1, 1, 1}, 1});
  const CompileOptions fast{.precision = Precision::fast};
  EXPECT_THAT(kernels_of(c.graph, {}, "Conv+Relu"), Not(Contains(HasSubstr("wino"))));
  if (!has_transform()) GTEST_SKIP() << "no AVX-512 here";
  EXPECT_THAT(kernels_of(c.graph, fast, "Conv+Relu"), Contains(HasSubstr("wino")));
  EXPECT_THAT(kernels_of(c.graph, fast, "ConvGrad"), Contains(HasSubstr("wino")));
  EXPECT_THAT(kernels_of(c.graph, {}, "ConvGrad"), Contains(HasSubstr("wino")));
}

/// Pixels of both signs leave smaller results beside the same errors: weights may suit one kind alone, and a
/// verdict on one kind is none on the other, though they share a form.
TEST(WinogradChoice, TheSignsOfPixelsDecideToo) {
  if (!has_transform()) GTEST_SKIP() << "no AVX-512 here";
  constexpr std::int64_t kChannels = 256;
  const Attrs same{{"pads", Ints{1, 1, 1, 1}}};
  for (const bool both_first : {false, true}) {
    SmallNetwork n(1);
    GraphBuilder& g = n.graph();
    const Value x = g.input("x", {DType::f32, Shape{1, kChannels, 28, 28}});
    const Value w = n.weight(n.normal({kChannels, kChannels, 3, 3}, 1));
    const Value first = g.add("Conv", {both_first ? x : g.add("Relu", {x}), w}, same);
    const Value second = g.add("Conv", {both_first ? g.add("Relu", {x}) : x, w}, same);
    const Graph graph = n.finish({{"first", first}, {"second", second}});
    const auto kernels = kernels_of(graph, {.precision = Precision::fast}, "Conv");
    const auto wino = HasSubstr("wino"), direct = HasSubstr("jit:");
    if (both_first) {
      EXPECT_THAT(kernels, ::testing::ElementsAre(direct, wino));
    } else {
      EXPECT_THAT(kernels, ::testing::ElementsAre(wino, direct));
    }
  }
}

/// Few pixels, few channels, and what is no 3x3 convolution of stride 1.
TEST(WinogradChoice, OthersStayDirect) {
  const auto forward = [](const Size& s) {
    const CompileOptions options{{{"N", s.images}}, s.threads, Precision::fast};
    return kernels_of(convolved(s).graph, options, "Conv+Relu");
  };
  EXPECT_THAT(forward({128, 32, 7, 7, 1, {1, 1, 1, 1}, 2}), Not(Contains(HasSubstr("wino"))));
  EXPECT_THAT(forward({8, 64, 28, 28, 1, {1, 1, 1, 1}, 1}), Not(Contains(HasSubstr("wino"))));
  for (const Attrs& attrs :
       {Attrs{{"strides", Ints{2, 2}}}, Attrs{{"dilations", Ints{2, 2}}}, Attrs{{"group", std::int64_t{2}}}}) {
    SmallNetwork n(1);
    const Value y = n.graph().add("Relu", {n.conv(n.input(64, 29, 29), 64, {3, 3}, attrs)});
    EXPECT_THAT(kernels_of(n.finish({{"y", y}}), {.precision = Precision::fast}, "Conv+Relu"),
                Not(Contains(HasSubstr("wino"))));
  }
}

/// The check at compile time sees weights that are off by more than the bound, and passes those that are right.
TEST(WinogradChoice, TheErrorOfWrongWeightsIsSeen) {
  if (!has_transform()) GTEST_SKIP() << "no AVX-512 here";
  constexpr std::int64_t kChannels = 64, kPixels = 56;
  SmallNetwork n(1);
  const Tensor weights = n.normal({kChannels, kChannels, 3, 3}, 1);
  const WindowAxis axis{kPixels, kPixels, 3, 1, 1, 1, 1};
  const Dims image{1, kChannels, kPixels, kPixels};
  const ConvolutionShape s{1, image, image, axis, axis};
  const auto blocked = dnnl_desc(whole(0, Layout::blocked, DType::f32, image), 1);
  const dnnl::memory::desc any(s.weights(), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any);
  const dnnl::convolution_forward::primitive_desc pd({dnnl::prop_kind::forward_inference,
                                                      dnnl::algorithm::convolution_winograd,
                                                      blocked,
                                                      any,
                                                      blocked,
                                                      {1, 1},
                                                      {1, 1},
                                                      {1, 1}},
                                                     dnnl_engine());
  std::vector<std::byte> form(pd.weights_desc().get_size());
  reorder_weights(weights.bytes(), dnnl_plain(s.weights()), pd.weights_desc(), form.data());
  const auto values = weights.as<float>();
  EXPECT_LE(winograd_error(s, 1, values, pd, form.data(), true), kWinogradError);
  std::vector<float> off(values.begin(), values.end());
  for (float& v : off) v *= 1 + 1e-4F;
  EXPECT_GT(winograd_error(s, 1, off, pd, form.data(), true), 1e-5);
}

}  // namespace
}  // namespace limn
