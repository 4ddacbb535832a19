#include "limn/onnx/fold.h"

#include <algorithm>
#include <utility>

#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"

namespace limn {
namespace {

/// Elements that folding reads or writes at most: enough for sizes and axes, too few to cost anything.
constexpr std::int64_t kLargestFolded = 1024;
/// Quantized weights become float weights, whatever their number.
constexpr std::int64_t kLargestWeights = std::int64_t{1} << 31;

std::int64_t most_elements(const Node& node) {
  return node.op == "DequantizeLinear" ? kLargestWeights : kLargestFolded;
}

bool asks_for_sizes(const Node& node) { return node.op == "Shape" || node.op == "Size"; }

/// Whether the node reads constants alone, and few elements of them.
bool reads_little(const GraphBuilder& graph, const Node& node) {
  std::int64_t elements = 0;
  for (const ValueId v : node.in) {
    if (v == kAbsent) continue;
    const auto& constant = graph.info(v).constant;
    if (!constant) return false;
    elements += constant->count();
  }
  return !node.in.empty() && elements <= most_elements(node);
}

bool writes_little(const Node& node, const std::vector<Schema::Inferred>& out) {
  return !out.empty() && std::ranges::all_of(out, [&](const Schema::Inferred& o) {
    return o.type.dtype != DType::undefined && o.type.shape && is_known(*o.type.shape) &&
           element_count(known_dims(*o.type.shape)) <= most_elements(node);
  });
}

/// The answer of Shape or Size, when each element is a number.
std::optional<std::vector<Tensor>> known_sizes(const Schema::Inferred& out) {
  if (!out.content || !std::ranges::all_of(*out.content, &Dim::known)) return std::nullopt;
  std::vector<std::int64_t> sizes;
  for (const Dim& d : *out.content) sizes.push_back(d.value);
  return std::vector<Tensor>{
      Tensor::of<std::int64_t>(known_dims(*out.type.shape), std::span(std::as_const(sizes)))};
}

}  // namespace

std::optional<std::vector<Tensor>> fold(const GraphBuilder& graph, const Node& node, std::size_t outputs) {
  if (find_op(node.op) == nullptr) return std::nullopt;
  if (!asks_for_sizes(node) && !reads_little(graph, node)) return std::nullopt;
  std::vector<const ValueInfo*> in;
  std::vector<Tensor> constants;
  for (const ValueId v : node.in) {
    in.push_back(v == kAbsent ? nullptr : &graph.info(v));
    constants.push_back(in.back() != nullptr && in.back()->constant ? *in.back()->constant : Tensor());
  }
  const auto types = graph.schema().infer(node, in);
  if (!writes_little(node, types)) return std::nullopt;
  if (asks_for_sizes(node)) return known_sizes(types.front());
  Node alone = node;
  alone.out.assign(outputs, kAbsent);
  return evaluate_node(alone, constants, Precision::f32);
}

}  // namespace limn
