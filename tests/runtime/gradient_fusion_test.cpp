// What gradients of convolutions take up of that which follows them: against the reference in double, and that it
// happens.

#include <gmock/gmock.h>

#include <algorithm>

#include "limn/runtime/dnnl.h"
#include "runtime/small_network.h"

namespace limn {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::StartsWith;

struct Case {
  std::string name;
  std::function<Value(SmallNetwork&, Value)> make;  ///< of x [N, 24, 12, 10], between two layers
  std::string guided, plain;                        ///< what some step begins with, by either rules

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

const Ints kPads{1, 1, 1, 1};

Value pointwise(SmallNetwork& n, Value x) { return relu(n.conv(relu(x), 40, {1, 1}, {})); }
Value clipped(SmallNetwork& n, Value x) { return n.conv(n.clip(n.conv(x, 32, {1, 1}, {}), 0, 6), 16, {1, 1}, {}); }
Value depthwise(SmallNetwork& n, Value x) {
  return n.conv(n.clip(x, 0, 6), 24, {3, 3}, {{"group", std::int64_t{24}}, {"pads", kPads}});
}
Value wide(SmallNetwork& n, Value x) { return n.conv(relu(x), 20, {5, 3}, {{"pads", Ints{2, 1, 2, 1}}}); }
Value residual(SmallNetwork& n, Value x) {
  const Value a = relu(x);
  return relu(n.conv(a, 24, {1, 1}, {}) + a);
}
Value two_branches(SmallNetwork& n, Value x) {
  const Value a = relu(x);
  return n.concat({n.conv(a, 16, {1, 1}, {}), n.conv(a, 32, {5, 5}, {{"pads", Ints{2, 2, 2, 2}}}),
                   n.conv(n.max_pool(a, {{"kernel_shape", Ints{3, 3}}, {"pads", kPads}}), 20, {1, 1}, {})});
}
/// A normalisation that no convolution takes in, as in DenseNet.
Value normalised(SmallNetwork& n, Value x, std::int64_t channels) {
  const Value pooled = n.max_pool(n.conv(x, channels, {1, 1}, {}), {{"kernel_shape", Ints{2, 2}}});
  return n.conv(relu(n.batch_norm(pooled)), 16, {1, 1}, {});
}

class GradientFusion : public ::testing::TestWithParam<Case> {
 protected:
  InputGradient gradient(const RuleSet& rules, std::int64_t images) const {
    SmallNetwork n(61);
    const Value x = n.input(3, 12, 10), made = GetParam().make(n, n.conv(x, 24, {3, 3}, {{"pads", kPads}}));
    const Value y = n.conv(made, 8, {3, 3}, {});  // its cotangent may be sparse
    Shape shape = y.shape();
    const Value dy = n.graph().input("dy", {DType::f32, shape}), wrt[] = {x};
    shape[0] = Dim(images);
    const Value dx = pull_back(y, dy, wrt, rules).front();
    return {n.finish({{"dx", dx}}),
            {{"x", n.normal({images, 3, 12, 10}, 2)}, {"dy", n.normal(known_dims(shape), 1)}}};
  }
  static std::vector<std::string> labels(const Graph& graph) {
    std::vector<std::string> found;
    for (const StepInfo& s : Program::compile(graph, {{{"N", 1}}}).steps()) found.push_back(s.label);
    return found;
  }
};

TEST_P(GradientFusion, LikeReference) {
  for (const RuleSet& rules : {guided_backprop(), deconvnet(), gradients()})
    for (const std::int64_t images : {1, 3})
      for (const int threads : {1, 2})
        for (const std::optional<bool> by_image : {std::optional<bool>(), std::optional(true)}) {
          const InputGradient g = gradient(rules, images);
          CompileOptions options{{{"N", images}}, threads};
          options.by_image = by_image;
          expect_like_reference(g.graph, g.feeds, options, 3e-6);
        }
}

TEST_P(GradientFusion, TakesUpWhatFollows) {
  EXPECT_THAT(labels(gradient(guided_backprop(), 1).graph), Contains(StartsWith(GetParam().guided + ' ')));
  EXPECT_THAT(labels(gradient(gradients(), 1).graph), Contains(StartsWith(GetParam().plain + ' ')));
}

TEST_P(GradientFusion, IsNotDoneInBfloat16) {
  if (!processor_has_bf16()) GTEST_SKIP() << "this processor does not multiply bfloat16 (AVX512_BF16)";
  const InputGradient g = gradient(guided_backprop(), 1);
  for (const StepInfo& s : Program::compile(g.graph, {{{"N", 1}}, 1, Precision::bf16}).steps())
    EXPECT_THAT(s.label, Not(StartsWith("ConvGrad+")));
}

INSTANTIATE_TEST_SUITE_P(
    Networks, GradientFusion,
    ::testing::Values(Case{"pointwise", pointwise, "ConvGrad+Relu+ReluGrad", "ConvGrad+ReluGrad"},
                      Case{"clipped", clipped, "ConvGrad+Relu+ClipGrad", "ConvGrad+ClipGrad"},
                      Case{"depthwise", depthwise, "ConvGrad+Relu+ClipGrad", "ConvGrad+ClipGrad"},
                      Case{"wide", wide, "ConvGrad+Relu+ReluGrad", "ConvGrad+ReluGrad"},
                      Case{"residual", residual, "ConvGrad+Add+Relu+ReluGrad", "ConvGrad+Add+ReluGrad"},
                      Case{"two branches", two_branches, "ConvGrad+Add", "ConvGrad+Add"},
                      Case{"normalised", [](SmallNetwork& n, Value x) { return normalised(n, x, 32); },
                           "ConvGrad+Relu+ReluGrad+Mul", "ConvGrad+ReluGrad+Mul"},
                      Case{"normalised, of channels that fill no block",
                           [](SmallNetwork& n, Value x) { return normalised(n, x, 20); }, "ConvGrad", "ConvGrad"}));

/// The cotangent of class scores is zero but for a class: what reads it looks for that first.
TEST(GradientFusionOfClasses, LeavesSparseCotangentsAlone) {
  SmallNetwork n(62);
  const Value x = n.input(16, 6, 6), a = relu(n.conv(x, 32, {1, 1}, {}));
  const Value y = n.global_average(n.conv(a, 48, {1, 1}, {}));
  const InputGradient g = input_gradient(n, x, y, {1, 16, 6, 6});
  EXPECT_THAT(kernels_of(g.graph, {{{"N", 1}}}), Contains(StartsWith("limn:sparse")));
  expect_like_reference(g.graph, g.feeds, {{{"N", 1}}}, 3e-6);
}

}  // namespace
}  // namespace limn
