#include "limn/compile/join.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "limn/ops/table.h"

namespace limn {
namespace {

class Join {
 public:
  Join() : to_(operators()) {}

  /// `names` of values that are not called as in `from`.
  void copy(const Graph& from, const std::unordered_map<ValueId, std::string>& names, const std::string& prefix) {
    const auto named = [&](ValueId id) {
      if (id == kAbsent) return std::string();
      const auto it = names.find(id);
      if (it != names.end()) return it->second;
      return prefix.empty() ? from.value(id).name : prefix + "/" + from.value(id).name;
    };
    std::vector<Value> map(from.value_count());
    for (const ValueId id : from.inputs()) {
      const ValueInfo& input = from.value(id);
      const auto made = made_.find(input.name);
      map[index(id)] = made == made_.end() ? to_.input(input.name, input.type) : made->second;
    }
    const auto value = [&](ValueId id) {
      if (id == kAbsent) return Value{};
      if (!map[index(id)]) map[index(id)] = to_.constant(*from.constant(id), named(id));
      return map[index(id)];
    };
    for (const Node& node : from.nodes()) {
      Node fresh{node.op, prefix.empty() ? node.name : prefix + "/" + node.name, {}, {}, node.attrs};
      for (const ValueId id : node.in) fresh.in.push_back(value(id).id);
      std::vector<std::string> outputs;
      for (const ValueId id : node.out) outputs.push_back(named(id));
      const std::vector<Value> out = to_.add_node(std::move(fresh), outputs);
      for (std::size_t i = 0; i < out.size(); ++i)
        if (node.out[i] != kAbsent) map[index(node.out[i])] = out[i];
    }
    outputs_.clear();
    for (const Output& output : from.outputs()) outputs_.emplace_back(output.name, value(output.value));
    for (const auto& [key, text] : from.data().metadata) to_.set_metadata(key, text);
  }

  /// The outputs so far become what the next graph's inputs of their names are.
  void hand_on() {
    for (const auto& [name, made] : outputs_) made_.insert_or_assign(name, made);
  }

  Graph finish() && { return std::move(to_).finish(std::move(outputs_)); }

 private:
  GraphBuilder to_;
  std::unordered_map<std::string, Value> made_;
  std::vector<std::pair<std::string, Value>> outputs_;
};

}  // namespace

Graph joined(const Graph& front, const Graph& graph, const std::string& prefix) {
  std::unordered_map<ValueId, std::string> names;
  for (const Output& output : front.outputs()) names.emplace(output.value, output.name);
  Join join;
  join.copy(front, names, prefix);
  join.hand_on();
  join.copy(graph, {}, {});
  return std::move(join).finish();
}

}  // namespace limn
