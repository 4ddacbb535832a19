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

const Node* producer_of(const Graph& graph, ValueId id) {
  if (id == kAbsent) return nullptr;
  const auto& k = graph.value(id).producer;
  return k ? &graph.nodes()[*k] : nullptr;
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

bool is_pointwise(const Node& conv, const Dims& weights) {
  return weights.size() == 4 && weights[2] == 1 && weights[3] == 1 &&
         all_equal(conv.attrs.integers("strides"), 1) && all_equal(conv.attrs.integers("pads"), 0);
}

std::optional<std::vector<std::int64_t>> zero_pads(const Graph& graph, const Node& node) {
  if (node.op != "Pad" || node.attrs.text("mode", "constant") != "constant" || node.in.size() > 3) return {};
  if (node.in.size() > 2 && node.in[2] != kAbsent) {
    const Tensor* filling = graph.constant(node.in[2]);
    if (filling == nullptr || filling->dtype() != DType::f32 || filling->as<float>()[0] != 0.0F) return {};
  }
  const Tensor* pads = graph.constant(node.in[1]);
  if (pads == nullptr) return {};
  return pads->to_int64();
}

bool is_same_size(const Dim& a, const Dim& b) { return a == b && (a.known() || !a.symbol.empty()); }

bool is_same_type(const Type& a, const Type& b) {
  return a.dtype == b.dtype && a.shape && b.shape && std::ranges::equal(*a.shape, *b.shape, is_same_size);
}

}  // namespace limn
