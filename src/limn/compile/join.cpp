#include "limn/compile/join.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "limn/ops/table.h"

namespace limn {
namespace {

using Names = std::unordered_map<ValueId, std::string>;

class Join {
 public:
  /// Appends the nodes of a graph; `names` has values that are not named as there.
  void append(const Graph& from, const Names& names) {
    std::vector<Value> map(from.value_count());
    const auto named = [&](ValueId id) {
      const auto it = names.find(id);
      return id == kAbsent ? std::string() : it == names.end() ? from.value(id).name : it->second;
    };
    const auto value = [&](ValueId id) {
      if (id == kAbsent) return Value{};
      if (!map[index(id)]) map[index(id)] = to_.constant(*from.constant(id), named(id));
      return map[index(id)];
    };
    for (const ValueId id : from.inputs()) map[index(id)] = input(from.value(id));
    for (const Node& node : from.nodes()) {
      Node fresh{node.op, node.name, {}, {}, node.attrs};
      for (const ValueId id : node.in) fresh.in.push_back(value(id).id);
      std::vector<std::string> outputs;
      for (const ValueId id : node.out) outputs.push_back(named(id));
      const std::vector<Value> out = to_.add_node(std::move(fresh), outputs);
      for (std::size_t i = 0; i < out.size(); ++i)
        if (node.out[i] != kAbsent) map[index(node.out[i])] = out[i];
    }
    for (const Output& output : from.outputs()) made_.insert_or_assign(output.name, value(output.value));
    for (const auto& [key, text] : from.data().metadata) to_.set_metadata(key, text);
  }

  Graph finish(const std::vector<Output>& outputs) && {
    std::vector<std::pair<std::string, Value>> handles;
    for (const Output& output : outputs) handles.emplace_back(output.name, made_.at(output.name));
    return std::move(to_).finish(std::move(handles));
  }

 private:
  Value input(const ValueInfo& info) {
    const auto [it, fresh] = made_.try_emplace(info.name);
    if (fresh) it->second = to_.input(info.name, info.type);
    return it->second;
  }

  GraphBuilder to_{operators()};
  std::unordered_map<std::string, Value> made_;  ///< inputs, and outputs of graphs that were appended
};

}  // namespace

Graph joined(const Graph& front, const Graph& graph) {
  Names names;
  for (const Output& output : front.outputs()) names.emplace(output.value, output.name);
  Join join;
  join.append(front, names);
  join.append(graph, {});
  return std::move(join).finish(graph.outputs());
}

}  // namespace limn
