#pragma once
// Tests of passes over small graphs: what a pass makes of a graph must compute what the graph did.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "limn/ops/build.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"
#include "limn/passes/prune.h"

namespace limn::test {

class PassTest : public ::testing::Test {
 protected:
  /// Numbers that differ from their neighbours, of both signs.
  static Tensor numbers(Dims dims) {
    std::vector<float> v(static_cast<std::size_t>(element_count(dims)));
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>((i * 7 + v.size()) % 11) / 4 - 1.25F;
    return Tensor::of<float>(std::move(dims), std::move(v));
  }

  /// An input that is fed such numbers; sizes that are not known are 2.
  Value input(const std::string& name, Shape shape) {
    Dims dims;
    for (const Dim& d : shape) dims.push_back(d.known() ? d.value : 2);
    feeds_[name] = numbers(std::move(dims));
    return g_.input(name, {DType::f32, std::move(shape)});
  }
  Value constant(Dims dims) { return g_.constant(numbers(std::move(dims))); }
  Value sizes(Dims dims) { return int64_constant(g_, std::move(dims)); }

  /// The graph of these outputs after the pass, without what nobody reads. Its values are compared.
  Graph after(const std::function<Graph(const Graph&)>& pass, std::vector<std::pair<std::string, Value>> outputs) {
    const Graph before = std::move(g_).finish(std::move(outputs));
    Graph changed = prune(pass(before));
    const auto want = evaluate(before, feeds_), got = evaluate(changed, feeds_);
    for (const auto& [name, value] : want) {
      EXPECT_EQ(value.dims(), got.at(name).dims()) << name;
      const auto a = value.as<double>(), b = got.at(name).as<double>();
      for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) EXPECT_NEAR(a[i], b[i], 1e-6) << name;
    }
    return changed;
  }

  static std::vector<std::string> operators_of(const Graph& graph) {
    std::vector<std::string> ops;
    for (const Node& node : graph.nodes()) ops.push_back(node.op);
    return ops;
  }

  GraphBuilder g_{operators()};
  std::map<std::string, Tensor> feeds_;
};

}  // namespace limn::test
