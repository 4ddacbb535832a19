// Which values are known never to be negative.

#include "limn/runtime/signs.h"

#include <gmock/gmock.h>

#include "runtime/small_network.h"

namespace limn {
namespace {

/// By node with that operator: whether its first input is known never to be negative.
std::vector<bool> inputs_known(const Graph& graph, std::string_view op) {
  const auto known = values_never_negative(graph);
  std::vector<bool> out;
  for (const Node& node : graph.nodes())
    if (node.op == op) out.push_back(known[index(node.in[0])] != 0);
  return out;
}

/// Everything that a rectified network is made of, and its input gradient by these rules.
Graph network(const RuleSet& rules) {
  SmallNetwork n(3);
  GraphBuilder& g = n.graph();
  const Value x = n.input(8, 12, 12);
  const Attrs same{{"pads", Ints{1, 1, 1, 1}}};
  const Value a = g.add("Relu", {n.conv(x, 16, {3, 3}, same)});
  const Value b = n.max_pool(a, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  const Value c = n.clip(n.conv(b, 16, {3, 3}, same), 0, 6);
  const Value d = n.conv(n.concat({b, c}), 16, {3, 3}, same);
  const Value e = g.add("Relu", {g.add("Add", {d, b})});
  const Value f = g.add("AveragePool", {e}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  const Value y = n.dense(n.flatten(n.global_average(f)), 3), wrt[] = {x};
  const Value dy = g.input("dy", y.type());
  return n.finish({{"y", y}, {"dx", pull_back(y, dy, wrt, rules).front()}});
}

TEST(Signs, BehindRectifiersAndInGuidedBackpropagationNothingIsNegative) {
  const Graph guided = network(guided_backprop()), plain = network(gradients());
  EXPECT_THAT(inputs_known(plain, "Conv"), ::testing::ElementsAre(false, true, true));
  EXPECT_THAT(inputs_known(plain, "limn::ConvGrad"), ::testing::Each(false));
  // What comes out of a convolution's gradient has either sign, until the next rectifier; every convolution here
  // lies right below one.
  EXPECT_THAT(inputs_known(guided, "limn::ConvGrad"),
              ::testing::AllOf(::testing::SizeIs(3), ::testing::Each(true)));
}

TEST(Signs, WhatIsSaidHolds) {
  for (const RuleSet& rules : {guided_backprop(), gradients()}) {
    const Graph graph = network(rules);
    SmallNetwork n(4);
    const Feeds feeds{{"x", n.normal({2, 8, 12, 12}, 1)}, {"dy", n.normal({2, 3}, 1)}};
    const auto known = values_never_negative(graph);
    GraphBuilder g(graph);
    std::vector<std::pair<std::string, Value>> outputs;
    for (std::size_t i = 0; i < known.size(); ++i)
      if (known[i] != 0) outputs.emplace_back(std::to_string(i), g.handle(ValueId(i)));
    ASSERT_GE(outputs.size(), 6U);
    for (const auto& [name, value] : evaluate(std::move(g).finish(outputs), feeds))
      EXPECT_GE(std::ranges::min(value.converted(DType::f64).as<double>()), 0) << name;
  }
}

TEST(Signs, ConstantsCountByTheirNumbersAndClipsByTheirBounds) {
  SmallNetwork n(5);
  GraphBuilder& g = n.graph();
  const Value x = g.add("Relu", {n.input(1, 2, 2)});
  const Value more = g.add("Mul", {x, float_constant(g, 0.5F)}), less = g.add("Mul", {x, float_constant(g, -0.5F)});
  const Value low = n.clip(less, -1, 1), high = n.clip(less, 0.5F, 1);
  const Graph graph = n.finish({{"more", more}, {"less", less}, {"low", low}, {"high", high}});
  const auto known = values_never_negative(graph);
  std::vector<bool> of_outputs;
  for (const auto& output : graph.outputs()) of_outputs.push_back(known[index(output.value)] != 0);
  EXPECT_THAT(of_outputs, ::testing::ElementsAre(true, false, false, true));
}

}  // namespace
}  // namespace limn
