#include "limn/runtime/signs.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "limn/runtime/links.h"

namespace limn {
namespace {

/// Their results are never negative.
constexpr std::array<std::string_view, 6> kMakers{"Abs", "Exp", "HardSigmoid", "Relu", "Sigmoid", "Softmax"};

/// Their results are elements of the first input, sums of these, or zero: the other inputs say where and how many.
constexpr std::array<std::string_view, 20> kKeepers{"AveragePool",
                                                    "Expand",
                                                    "Flatten",
                                                    "Gather",
                                                    "GlobalAveragePool",
                                                    "GlobalMaxPool",
                                                    "Identity",
                                                    "MaxPool",
                                                    "ReduceMax",
                                                    "ReduceMean",
                                                    "ReduceSum",
                                                    "Reshape",
                                                    "Slice",
                                                    "Split",
                                                    "Squeeze",
                                                    "Transpose",
                                                    "limn::AveragePoolGrad",
                                                    "limn::ClipGrad",
                                                    "limn::MaxPoolGrad",
                                                    "limn::ReluGrad"};

/// Their results are elements, sums or products of all inputs.
constexpr std::array<std::string_view, 4> kJoiners{"Add", "Concat", "Mul", "Sum"};

bool holds(std::span<const std::string_view> list, std::string_view op) {
  return std::ranges::find(list, op) != list.end();
}

class Signs {
 public:
  explicit Signs(const Graph& graph) : graph_(graph), known_(graph.value_count()) {}

  std::vector<char> run() && {
    for (const Node& node : graph_.nodes())
      if (makes(node))
        for (const ValueId out : node.out)
          if (out != kAbsent) known_[index(out)] = 1;
    return std::move(known_);
  }

 private:
  bool makes(const Node& node) const {
    if (holds(kMakers, node.op)) return true;
    if (node.op == "Clip") {
      const auto bounds = rectifier_bounds(graph_, node);
      return bounds && bounds->low >= 0 && bounds->high >= 0;
    }
    if (holds(kKeepers, node.op)) return is_known(node.in[0]);
    return holds(kJoiners, node.op) && std::ranges::all_of(node.in, [&](ValueId in) { return is_known(in); });
  }

  bool is_known(ValueId id) const {
    if (const Tensor* constant = graph_.constant(id))
      return constant->dtype() == DType::f32 &&
             std::ranges::all_of(constant->as<float>(), [](float v) { return v >= 0; });
    return known_[index(id)] != 0;
  }

  const Graph& graph_;
  std::vector<char> known_;
};

}  // namespace

std::vector<char> values_never_negative(const Graph& graph) { return Signs(graph).run(); }

}  // namespace limn
