// The input gradient of depthwise convolutions against the reference in double: with and without a stride, with
// kernels and padding that are not square, and with channels that fill no block.

#include "runtime/small_network.h"

namespace limn {
namespace {

struct Depthwise {
  Dims x;
  Ints kernel, strides, pads, dilations = {1, 1};
  int threads = 1;

  friend void PrintTo(const Depthwise& d, std::ostream* out) {
    *out << d.x[1] << " channels of " << d.x[0] << " x " << d.x[2] << " x " << d.x[3] << ", kernel " << d.kernel[0]
         << " x " << d.kernel[1] << ", strides " << d.strides[0] << " and " << d.strides[1] << ", dilations "
         << d.dilations[0] << " and " << d.dilations[1] << ", " << d.threads << " threads";
  }
};

class DepthwiseGradient : public ::testing::TestWithParam<Depthwise> {};

TEST_P(DepthwiseGradient, EqualsTheReference) {
  const Depthwise& d = GetParam();
  SmallNetwork n(1);
  const Value x = n.input(d.x[1], d.x[2], d.x[3]);
  const Value w = n.weight(n.normal({d.x[1], 1, d.kernel[0], d.kernel[1]}, 1));
  const Value y = n.graph().add(
      "Conv", {x, w}, {{"group", d.x[1]}, {"strides", d.strides}, {"pads", d.pads}, {"dilations", d.dilations}});
  const auto [graph, feeds] = input_gradient(n, x, y, d.x);
  expect_elements_like_reference(graph, feeds, {{{"N", d.x[0]}}, d.threads}, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Sizes, DepthwiseGradient,
                         ::testing::Values(Depthwise{{2, 32, 14, 14}, {3, 3}, {1, 1}, {1, 1, 1, 1}},
                                           Depthwise{{3, 48, 7, 9}, {5, 5}, {1, 1}, {2, 2, 2, 2}, {1, 1}, 2},
                                           Depthwise{{1, 24, 11, 6}, {3, 5}, {1, 1}, {0, 2, 1, 1}},
                                           Depthwise{{2, 40, 12, 13}, {3, 3}, {1, 1}, {2, 1, 2, 3}, {2, 2}, 2},
                                           Depthwise{{2, 16, 9, 9}, {3, 3}, {1, 1}, {3, 3, 3, 3}},
                                           Depthwise{{2, 32, 14, 15}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 2},
                                           Depthwise{{1, 32, 14, 14}, {5, 5}, {2, 1}, {1, 2, 2, 2}},
                                           Depthwise{{2, 5, 8, 8}, {3, 3}, {1, 1}, {1, 1, 1, 1}}));

}  // namespace
}  // namespace limn
