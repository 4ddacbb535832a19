// The input gradient of first layers against the reference in double: every number of channels, strides below, at
// and beyond the kernel, rows of one vector and of many, with rests, padding that no window fills, and more threads
// than images.

#include "limn/runtime/stem.h"

#include <gmock/gmock.h>

#include "runtime/small_network.h"

namespace limn {
namespace {

struct Stem {
  Dims x;
  std::int64_t outputs;
  Ints kernel, strides, pads;
  int threads = 1;

  friend void PrintTo(const Stem& s, std::ostream* out) {
    *out << s.x[1] << " to " << s.outputs << " channels of " << s.x[0] << " x " << s.x[2] << " x " << s.x[3]
         << ", kernel " << s.kernel[0] << " x " << s.kernel[1] << ", strides " << s.strides[0] << " and "
         << s.strides[1] << ", " << s.threads << " threads";
  }
};

class StemGradient : public ::testing::TestWithParam<Stem> {};

TEST_P(StemGradient, EqualsTheReference) {
  const Stem& s = GetParam();
  SmallNetwork n(1);
  const Value x = n.input(s.x[1], s.x[2], s.x[3]);
  const Value y = n.conv(x, s.outputs, s.kernel, {{"strides", s.strides}, {"pads", s.pads}});
  const auto [graph, feeds] = input_gradient(n, x, y, s.x);
  const CompileOptions options{{{"N", s.x[0]}}, s.threads};
  EXPECT_THAT(kernels_of(graph, options, "ConvGrad"), ::testing::ElementsAre("limn:stem"));
  expect_elements_like_reference(graph, feeds, options, 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Sizes, StemGradient,
                         ::testing::Values(Stem{{2, 3, 64, 64}, 64, {7, 7}, {2, 2}, {3, 3, 3, 3}},
                                           Stem{{3, 3, 33, 47}, 32, {3, 3}, {2, 2}, {1, 1, 1, 1}, 2},
                                           Stem{{1, 3, 40, 224}, 16, {3, 3}, {1, 1}, {1, 1, 1, 1}, 3},
                                           Stem{{2, 1, 28, 28}, 10, {5, 5}, {1, 1}, {0, 0, 0, 0}},
                                           Stem{{1, 2, 30, 65}, 17, {3, 4}, {1, 2}, {2, 0, 1, 3}, 2},
                                           Stem{{1, 4, 50, 250}, 24, {5, 3}, {2, 1}, {2, 1, 2, 1}},
                                           Stem{{1, 3, 67, 67}, 40, {11, 11}, {4, 4}, {2, 2, 2, 2}, 2},
                                           Stem{{2, 3, 64, 64}, 48, {16, 16}, {16, 16}, {0, 0, 0, 0}, 3},
                                           Stem{{1, 3, 35, 38}, 16, {4, 4}, {4, 4}, {0, 0, 0, 0}},
                                           Stem{{1, 3, 20, 21}, 16, {1, 1}, {1, 1}, {0, 0, 0, 0}},
                                           Stem{{1, 3, 21, 20}, 16, {2, 2}, {3, 3}, {0, 0, 0, 0}},
                                           Stem{{1, 4, 9, 300}, 8, {1, 3}, {3, 2}, {0, 1, 0, 4}},
                                           Stem{{1, 3, 5, 4}, 16, {7, 7}, {2, 2}, {3, 3, 3, 3}, 2},
                                           Stem{{1, 1, 3, 2}, 4, {2, 2}, {2, 2}, {3, 3, 4, 4}}));

}  // namespace
}  // namespace limn
