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

/// Whether the node computes with sizes: its inputs are constants, or elements of which some are known.
bool reads_sizes(const GraphBuilder& graph, const Node& node) {
  bool some = false;
  for (const ValueId v : node.in) {
    if (v == kAbsent) continue;
    const ValueInfo& info = graph.info(v);
    if (!info.constant && !info.content) return false;
    some |= info.content.has_value();
  }
  return some;
}

/// The sizes that the node answers, when each of them is a number.
std::optional<std::vector<Tensor>> known_sizes(const std::vector<Schema::Inferred>& out) {
  if (out.size() != 1 || !out[0].content || !std::ranges::all_of(*out[0].content, &Dim::known)) return std::nullopt;
  std::vector<std::int64_t> sizes;
  for (const Dim& d : *out[0].content) sizes.push_back(d.value);
  const Tensor t = Tensor::of<std::int64_t>(known_dims(*out[0].type.shape), std::span(std::as_const(sizes)));
  return std::vector<Tensor>{out[0].type.dtype == DType::i64 ? t : t.converted(out[0].type.dtype)};
}

}  // namespace

std::optional<std::vector<Tensor>> fold(const GraphBuilder& graph, const Node& node, std::size_t outputs) {
  if (find_op(node.op) == nullptr) return std::nullopt;
  const bool little = reads_little(graph, node);
  if (!asks_for_sizes(node) && !little && !reads_sizes(graph, node)) return std::nullopt;
  std::vector<const ValueInfo*> in;
  std::vector<Tensor> constants;
  for (const ValueId v : node.in) {
    in.push_back(v == kAbsent ? nullptr : &graph.info(v));
    constants.push_back(in.back() != nullptr && in.back()->constant ? *in.back()->constant : Tensor());
  }
  const auto types = graph.schema().infer(node, in);
  if (!writes_little(node, types)) return std::nullopt;
  if (!little) return known_sizes(types);
  Node alone = node;
  alone.out.assign(outputs, kAbsent);
  return evaluate_node(alone, constants, FloatWidth::f32);
}

}  // namespace limn
