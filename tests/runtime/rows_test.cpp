// Operators that normalise rows, and activations, against the reference in double: values and gradients.

#include <gmock/gmock.h>

#include <functional>

#include "runtime/small_network.h"

namespace limn {
namespace {

struct Case {
  const char* name;
  Shape shape;
  std::function<Value(SmallNetwork&, Value)> make;
  const char* kernel;  ///< of some step

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name << " of " << to_string(c.shape); }
};

Value numbers(SmallNetwork& n, Dims dims) { return n.weight(n.uniform(std::move(dims), 0.5F, 1.5F)); }

std::function<Value(SmallNetwork&, Value)> softmax_along(std::int64_t axis) {
  return [axis](SmallNetwork&, Value x) { return softmax(x, axis); };
}
std::function<Value(SmallNetwork&, Value)> layer(Dims scale, std::int64_t axis, bool bias = true) {
  return [=](SmallNetwork& n, Value x) {
    std::vector<Value> in{x, numbers(n, scale)};
    if (bias) in.push_back(numbers(n, scale));
    return n.graph().add("LayerNormalization", in, {{"axis", axis}});
  };
}
std::function<Value(SmallNetwork&, Value)> channels(const char* op, Attrs attrs) {
  return [=](SmallNetwork& n, Value x) {
    const Dims c{x.shape()[1].value};
    return n.graph().add(op, {x, numbers(n, c), numbers(n, c)}, attrs);
  };
}
std::function<Value(SmallNetwork&, Value)> unary(const char* op, Attrs attrs = {}) {
  return [=](SmallNetwork& n, Value x) { return n.graph().add(op, {x}, attrs); };
}

class Rows : public ::testing::TestWithParam<Case> {};

TEST_P(Rows, LikeReference) {
  const Case& c = GetParam();
  SmallNetwork n(1);
  const Value x = n.graph().input("x", {DType::f32, c.shape});
  const Value y = c.make(n, x), dy = n.graph().input("dy", y.type()), wrt[] = {x};
  const Value dx = pull_back(y, dy, wrt).front();
  const Feeds feeds{{"x", n.normal(known_dims(c.shape), 2.0F)}, {"dy", n.normal(known_dims(y.shape()), 1.0F)}};
  const Graph graph = n.finish({{"y", y}, {"dx", dx}});
  expect_like_reference(graph, feeds, {}, 2e-6);
  expect_like_reference(graph, feeds, {.threads = 2}, 2e-6);
  EXPECT_THAT(kernels_of(graph), ::testing::Contains(c.kernel));
}

INSTANTIATE_TEST_SUITE_P(
    Operators, Rows,
    ::testing::Values(
        Case{"Softmax", {2, 3, 5, 37}, softmax_along(-1), "limn:rows"},
        Case{"Softmax", {1, 12, 50, 50}, softmax_along(3), "limn:rows"},
        Case{"Softmax", {2, 7, 1, 1}, softmax_along(1), "limn:rows"},
        Case{"Softmax along the middle", {2, 7, 3}, softmax_along(1), "reference"},
        Case{"LayerNormalization", {2, 17, 96}, layer({96}, -1), "limn:rows"},
        Case{"LayerNormalization of two axes", {2, 17, 5}, layer({17, 5}, 1), "limn:rows"},
        Case{"LayerNormalization without bias", {3, 19}, layer({19}, 1, false), "limn:rows"},
        Case{"LayerNormalization with one scale", {3, 19}, layer({1}, 1), "limn:rows"},
        Case{"LayerNormalization of [N, H, W, C]", {1, 6, 7, 24}, layer({24}, -1), "limn:rows"},
        Case{"GroupNormalization",
             {2, 12, 3, 5},
             channels("GroupNormalization", {{"num_groups", std::int64_t{3}}}),
             "limn:rows"},
        Case{"GroupNormalization of vectors",
             {2, 12},
             channels("GroupNormalization", {{"num_groups", std::int64_t{4}}}),
             "limn:rows"},
        Case{"InstanceNormalization", {2, 5, 6, 4}, channels("InstanceNormalization", {}), "limn:rows"},
        Case{"Sigmoid", {2, 3, 50}, unary("Sigmoid"), "limn:chain"},
        Case{"Tanh", {2, 16, 3, 3}, unary("Tanh"), "limn:chain"}, Case{"Exp", {7}, unary("Exp"), "limn:chain"},
        Case{"Erf", {2, 3, 50}, unary("Erf"), "limn:chain"}, Case{"Gelu", {2, 17, 40}, unary("Gelu"), "limn:chain"},
        Case{"Swish", {2, 17, 40}, unary("Swish"), "limn:chain"},
        Case{"Gelu by tanh", {2, 17, 40}, unary("Gelu", {{"approximate", std::string("tanh")}}), "limn:chain"}));

}  // namespace
}  // namespace limn
