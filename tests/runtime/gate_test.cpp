// Squeeze and excitation: the factors of channels go into the weights of the pointwise convolution behind them,
// image by image.

#include <gmock/gmock.h>

#include "runtime/small_network.h"

namespace limn {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::StartsWith;

/// Channels times what the mean of their planes says.
Value gated(SmallNetwork& n, Value image, std::int64_t channels) {
  GraphBuilder& g = n.graph();
  const Value x = n.conv(image, channels, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}});
  const Value squeezed = g.add("Relu", {n.conv(n.global_average(x), 4, {1, 1}, {})});
  return g.add("Mul", {g.add("Sigmoid", {n.conv(squeezed, channels, {1, 1}, {})}), x});
}

struct Size {
  std::int64_t channels, outputs, images;
  int threads;

  friend void PrintTo(const Size& s, std::ostream* out) {
    *out << s.channels << " to " << s.outputs << " channels of " << s.images << " images, " << s.threads
         << " threads";
  }
};

class Gate : public ::testing::TestWithParam<Size> {};

TEST_P(Gate, EqualsTheReference) {
  constexpr std::int64_t kSize = 54;
  const Size& s = GetParam();
  SmallNetwork n(1);
  GraphBuilder& g = n.graph();
  const Value x = n.input(3, kSize, kSize);
  const Value y = n.conv(gated(n, x, s.channels), s.outputs, {1, 1}, {});
  const Value again = n.conv(gated(n, x, s.channels), s.outputs, {1, 1}, {});
  const Value sum = g.add("Relu", {g.add("Add", {again, y})});
  const Graph graph = n.finish({{"y", y}, {"sum", sum}});
  const CompileOptions options{{{"N", s.images}}, s.threads};
  EXPECT_THAT(kernels_of(graph, options), Contains(StartsWith("limn:gate")).Times(2));
  expect_like_reference(graph, {{"x", n.normal({s.images, 3, kSize, kSize}, 1)}}, options);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Gate,
                         ::testing::Values(Size{32, 16, 1, 1}, Size{32, 16, 3, 2}, Size{24, 20, 2, 1},
                                           Size{40, 100, 5, 3}));

TEST(Gates, OfFewPositionsAndOfWhatIsReadElsewhereStayFactorsOfPixels) {
  SmallNetwork n(1);
  const Graph small = n.finish({{"y", n.conv(gated(n, n.input(3, 7, 7), 32), 16, {1, 1}, {})}});
  EXPECT_THAT(kernels_of(small), Not(Contains(StartsWith("limn:gate"))));
  SmallNetwork m(1);
  const Value product = gated(m, m.input(3, 54, 54), 32);
  const Graph twice = m.finish({{"y", m.conv(product, 16, {1, 1}, {})}, {"product", product}});
  EXPECT_THAT(kernels_of(twice), Not(Contains(StartsWith("limn:gate"))));
}

}  // namespace
}  // namespace limn
