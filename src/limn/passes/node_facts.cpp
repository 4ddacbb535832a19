#include "limn/passes/node_facts.h"

#include <algorithm>

namespace limn {

bool is_by_element(std::string_view op) {
  static constexpr std::string_view kOps[] = {
      "Abs",      "Add",  "Celu",       "Clip",        "Div",       "Dropout",  "Elu",
      "Erf",      "Exp",  "Gelu",       "HardSigmoid", "HardSwish", "Identity", "LeakyRelu",
      "Log",      "Max",  "Mean",       "Min",         "Mish",      "Mul",      "Neg",
      "PRelu",    "Pow",  "Reciprocal", "Relu",        "Selu",      "Sigmoid",  "Softplus",
      "Softsign", "Sqrt", "Sub",        "Sum",         "Swish",     "Tanh",     "ThresholdedRelu"};
  return std::ranges::find(kOps, op) != std::end(kOps);
}

bool has_one_output(const Node& node) {
  return !node.out.empty() && node.out[0] != kAbsent &&
         std::all_of(node.out.begin() + 1, node.out.end(), [](ValueId o) { return o == kAbsent; });
}

}  // namespace limn
