#include "limn/compile/append.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace limn {
namespace {

class Append {
 public:
  Append(const Graph& model, const Graph& addition, const std::string& prefix)
      : from_(addition),
        to_(model),
        prefix_(prefix),
        map_(addition.value_count()),
        scopes_(addition.value_count()),
        of_model_(addition.value_count()) {
    std::unordered_map<std::string_view, ValueId> names;
    for (std::size_t i = 0; i < model.value_count(); ++i) names.emplace(model.value(ValueId(i)).name, ValueId(i));
    for (std::size_t i = 0; i < map_.size(); ++i) {
      const auto it = names.find(addition.value(ValueId(i)).name);
      if (it == names.end()) continue;
      map_[i] = to_.handle(it->second);
      of_model_[i] = 1;
    }
  }

  Graph run() && {
    for (const ValueId id : from_.inputs())
      if (!map_[index(id)]) map_[index(id)] = to_.input(from_.value(id).name, from_.value(id).type);
    for (const Node& node : from_.nodes())
      if (!makes_model_value(node)) copy(node);
    std::vector<std::pair<std::string, Value>> outputs;
    for (const Output& output : from_.outputs()) outputs.emplace_back(output.name, value(output.value));
    return std::move(to_).finish(std::move(outputs));
  }

 private:
  bool makes_model_value(const Node& node) const {
    return std::ranges::any_of(node.out, [&](ValueId v) { return v != kAbsent && of_model_[index(v)]; });
  }

  Value value(ValueId id) {
    if (id == kAbsent) return {};
    Value& mapped = map_[index(id)];
    if (!mapped) mapped = to_.constant(*from_.constant(id), named({}, from_.value(id).name));
    return mapped;
  }

  std::string named(const std::string& scope, const std::string& name) const {
    if (prefix_.empty()) return name;
    return scope.empty() ? prefix_ + "/" + name : prefix_ + "/" + scope + "/" + name;
  }

  /// The value of the model that a node is about: the last one that it reads, or else that its inputs are about.
  std::string scope_of(const Node& node) const {
    std::string scope;
    for (const ValueId id : node.in) {
      if (id == kAbsent) continue;
      const std::string& about = of_model_[index(id)] ? from_.value(id).name : scopes_[index(id)];
      if (!about.empty()) scope = about;
    }
    return scope;
  }

  void copy(const Node& node) {
    const std::string scope = scope_of(node);
    std::vector<std::string> names;
    for (const ValueId id : node.out)
      names.push_back(id == kAbsent ? std::string() : named(scope, from_.value(id).name));
    // Passes keep the names of values apart, not those of nodes.
    const auto own = std::ranges::find_if_not(names, &std::string::empty);
    Node fresh{node.op, *own, {}, {}, node.attrs};
    for (const ValueId id : node.in) fresh.in.push_back(value(id).id);
    const std::vector<Value> out = to_.add_node(std::move(fresh), names);
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (node.out[i] == kAbsent) continue;
      map_[index(node.out[i])] = out[i];
      scopes_[index(node.out[i])] = scope;
    }
  }

  const Graph& from_;
  GraphBuilder to_;
  const std::string& prefix_;
  std::vector<Value> map_;
  std::vector<std::string> scopes_;  ///< of new values
  std::vector<char> of_model_;
};

}  // namespace

Graph appended(const Graph& model, const Graph& addition, const std::string& prefix) {
  return Append(model, addition, prefix).run();
}

}  // namespace limn
