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

bool all_equal(const std::vector<std::int64_t>& list, std::int64_t value) {
  return std::ranges::all_of(list, [&](std::int64_t v) { return v == value; });
}

bool pools_evenly(const Node& pool) {
  return all_equal(pool.attrs.integers("pads"), 0) && pool.attrs.integer("ceil_mode", 0) == 0 &&
         pool.attrs.text("auto_pad", "NOTSET") == "NOTSET";
}

bool is_same_size(const Dim& a, const Dim& b) { return a == b && (a.known() || !a.symbol.empty()); }

bool is_same_type(const Type& a, const Type& b) {
  return a.dtype == b.dtype && a.shape && b.shape && std::ranges::equal(*a.shape, *b.shape, is_same_size);
}

}  // namespace limn
