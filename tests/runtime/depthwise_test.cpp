// Depthwise convolutions and their input gradients against the reference in double: with and without a stride, with
// kernels and padding that are not square, with channels that fill no block, and between the activations of a
// backward pass, which large ones leave masks and slopes for.

#include <gmock/gmock.h>

#include <algorithm>

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

/// Between two layers, each behind an activation, as in MobileNet and EfficientNet.
class DepthwiseLayers : public ::testing::TestWithParam<Depthwise> {
 protected:
  using Activation = std::function<Value(SmallNetwork&, Value)>;

  static InputGradient gradient(const Depthwise& d, const Activation& activation, const RuleSet& rules) {
    SmallNetwork n(7);
    const Value x = n.input(3, d.x[2], d.x[3]), wide = activation(n, n.conv(x, d.x[1], {1, 1}, {}));
    const Attrs attrs{{"group", d.x[1]}, {"strides", d.strides}, {"pads", d.pads}, {"dilations", d.dilations}};
    const Value y = n.conv(activation(n, n.conv(wide, d.x[1], d.kernel, attrs)), 8, {1, 1}, {});
    Shape shape = y.shape();
    const Value dy = n.graph().input("dy", {DType::f32, shape}), wrt[] = {x};
    shape[0] = Dim(d.x[0]);
    const Value dx = pull_back(y, dy, wrt, rules).front();
    return {n.finish({{"y", y}, {"dx", dx}}),
            {{"x", n.normal({d.x[0], 3, d.x[2], d.x[3]}, 2)}, {"dy", n.normal(known_dims(shape), 1)}}};
  }
  static void expect_like_reference_by_image_too(const InputGradient& g, const Depthwise& d) {
    for (const std::optional<bool> by_image : {std::optional<bool>(), std::optional(true)}) {
      CompileOptions options{{{"N", d.x[0]}}, d.threads};
      options.by_image = by_image;
      expect_like_reference(g.graph, g.feeds, options, 3e-6);
    }
  }
  static std::vector<std::string> kernels(const InputGradient& g, const Depthwise& d, std::string_view label = "") {
    return kernels_of(g.graph, {{{"N", d.x[0]}}, d.threads}, label);
  }
};

TEST_P(DepthwiseLayers, MakeMasksOfWhatTheyReadAndWrite) {
  const Depthwise& d = GetParam();
  const Activation clip = [](SmallNetwork& n, Value v) { return n.clip(v, 0, 2); };
  for (const RuleSet& rules : {guided_backprop(), deconvnet(), gradients()})
    expect_like_reference_by_image_too(gradient(d, clip, rules), d);
  const InputGradient g = gradient(d, clip, guided_backprop());
  EXPECT_THAT(kernels(g, d, "mask"), ::testing::IsEmpty());
  EXPECT_THAT(kernels(g, d, "Conv+Clip"), ::testing::Contains("limn:depthwise"));
  const bool strided = d.strides != Ints{1, 1};
  EXPECT_EQ(std::ranges::count(kernels(g, d, "ConvGrad+Relu+ClipGrad"), "limn:depthwise"), strided ? 1 : 0);
}

TEST_P(DepthwiseLayers, MakeSlopesOfWhatTheyWrite) {
  const Depthwise& d = GetParam();
  const Activation swish = [](SmallNetwork& n, Value v) { return n.graph().add("Swish", {v}); };
  const InputGradient g = gradient(d, swish, gradients());
  expect_like_reference_by_image_too(g, d);
  EXPECT_THAT(kernels(g, d, "Conv+SwishAndSlope"), ::testing::ElementsAre("limn:depthwise"));
}

INSTANTIATE_TEST_SUITE_P(Sizes, DepthwiseLayers,
                         ::testing::Values(Depthwise{{2, 32, 24, 22}, {3, 3}, {1, 1}, {1, 1, 1, 1}},
                                           Depthwise{{3, 20, 45, 46}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 2},
                                           Depthwise{{1, 24, 50, 43}, {5, 5}, {2, 2}, {2, 1, 2, 2}, {1, 1}, 2},
                                           Depthwise{{2, 9, 23, 24}, {5, 3}, {1, 1}, {4, 2, 4, 2}, {2, 2}},
                                           Depthwise{{1, 16, 26, 70}, {7, 4}, {1, 3}, {3, 1, 3, 2}},
                                           Depthwise{{1, 17, 64, 63}, {2, 3}, {3, 2}, {0, 1, 0, 1}, {2, 3}},
                                           Depthwise{{1, 16, 42, 44}, {1, 1}, {2, 2}, {0, 0, 0, 0}}));

// Small planes cost less by oneDNN's kernel and a pass for the mask.
TEST(DepthwiseLayer, LeavesMasksOfSmallPlanesToPasses) {
  SmallNetwork n(8);
  const Value x = n.input(3, 14, 14), wide = relu(n.conv(x, 16, {1, 1}, {}));
  const Value y = relu(n.conv(wide, 16, {3, 3}, {{"group", std::int64_t{16}}, {"pads", Ints{1, 1, 1, 1}}}));
  const InputGradient g = input_gradient(n, x, n.conv(y, 8, {1, 1}, {}), {1, 3, 14, 14});
  EXPECT_EQ(kernels_of(g.graph, {{{"N", 1}}}, "mask").size(), 2U);
}

}  // namespace
}  // namespace limn
