#include "limn/onnx/decompose.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "limn/ops/table.h"

namespace limn {
namespace {

/// Which nodes an output needs.
std::vector<char> needed_nodes(const Graph& graph) {
  std::vector<char> values(graph.value_count()), nodes(graph.nodes().size());
  for (const Output& output : graph.outputs()) values[index(output.value)] = 1;
  for (std::size_t i = nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    nodes[i] = std::ranges::any_of(node.out, [&](ValueId v) { return v != kAbsent && values[index(v)]; });
    for (const ValueId v : node.in)
      if (nodes[i] && v != kAbsent) values[index(v)] = 1;
  }
  return nodes;
}

/// The first opset whose Shape can tell some of the sizes.
constexpr std::int64_t kShapeOfSome = 15;

/// Builds the new graph node by node.
class Rewriter {
 public:
  Rewriter(const Graph& from, std::int64_t opset)
      : from_(from), opset_(opset), to_(from.data().schema ? *from.data().schema : operators()) {
    map_.resize(from.value_count());
    for (const ValueId id : from.inputs()) map_[index(id)] = to_.input(from.value(id).name, from.value(id).type);
    for (const auto& [key, value] : from.data().metadata) to_.set_metadata(key, value);
  }

  Graph run() && {
    const std::vector<char> needed = needed_nodes(from_);
    for (std::size_t i = 0; i < needed.size(); ++i)
      if (needed[i]) rewrite(from_.nodes()[i]);
    std::vector<std::pair<std::string, Value>> outputs;
    for (const Output& output : from_.outputs()) outputs.emplace_back(output.name, value(output.value));
    return std::move(to_).finish(std::move(outputs));
  }

 private:
  Value value(ValueId id) {
    if (id == kAbsent) return {};
    Value& mapped = map_[index(id)];
    if (!mapped && from_.constant(id) != nullptr) mapped = to_.constant(*from_.constant(id), from_.value(id).name);
    return mapped;
  }

  void rewrite(const Node& node) {
    const OpDef* op = find_op(node.op);
    if (op != nullptr && op->decompose != nullptr)
      decompose(*op, node);
    else if (node.op == "Shape" && opset_ < kShapeOfSome && !node.attrs.all().empty())
      shape_of_some(node);
    else
      copy(node);
  }

  /// Some of the sizes, in older words.
  void shape_of_some(const Node& node) {
    const Value x = value(node.in[0]);
    const auto rank = static_cast<std::int64_t>(x.shape().size());
    const Value all = to_.add("Shape", {x});
    const auto bound = [&](std::string_view name, std::int64_t otherwise) {
      return to_.constant(Tensor::of<std::int64_t>({1}, {node.attrs.integer(name, otherwise)}));
    };
    map_[index(node.out[0])] = to_.add("Slice", {all, bound("start", 0), bound("end", rank)});
  }

  void copy(const Node& node) {
    Node fresh{node.op, node.name, {}, {}, node.attrs};
    for (const ValueId id : node.in) fresh.in.push_back(value(id).id);
    std::vector<std::string> names;
    for (const ValueId id : node.out)
      names.push_back(id == kAbsent ? std::string() : free_name(from_.value(id).name));
    if (!names.empty() && !names[0].empty() && names[0] != from_.value(node.out[0]).name) fresh.name = names[0];
    const auto out = to_.add_node(std::move(fresh), names);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (out[i]) map_[index(node.out[i])] = out[i];
  }

  /// The name itself, unless a decomposition made it up meanwhile.
  std::string free_name(const std::string& name) {
    for (; seen_ < to_.value_count(); ++seen_) taken_.insert(to_.info(ValueId(seen_)).name);
    std::string free = name;
    while (taken_.contains(free)) free += '_';
    return free;
  }

  void decompose(const OpDef& op, const Node& node) {
    std::vector<Value> in;
    for (const ValueId id : node.in) in.push_back(value(id));
    const auto out = op.decompose({node, in, to_});
    for (std::size_t i = 0; i < node.out.size() && i < out.size(); ++i)
      if (node.out[i] != kAbsent) map_[index(node.out[i])] = out[i];
  }

  const Graph& from_;
  std::int64_t opset_;
  GraphBuilder to_;
  std::vector<Value> map_;
  std::unordered_set<std::string> taken_;
  std::size_t seen_ = 0;
};

bool has_own_operator(const Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [](const Node& node) {
    const OpDef* op = find_op(node.op);
    return op != nullptr && op->decompose != nullptr;
  });
}

}  // namespace

Graph in_onnx_operators(const Graph& graph, std::int64_t opset) {
  Graph result = Rewriter(graph, opset).run();
  while (has_own_operator(result)) result = Rewriter(result, opset).run();  // one may be made of others
  return result;
}

}  // namespace limn
