#include "limn/passes/join_slopes.h"

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "limn/passes/rebuild.h"

namespace limn {
namespace {

/// Which activation of which value, with what attributes.
using Key = std::tuple<std::string, ValueId, double, std::string>;

Key key_of(const std::string& activation, const Node& node) {
  return {activation, node.in[0], node.attrs.real("alpha", 1.0), node.attrs.text("approximate", "none")};
}

class JoinSlopes {
 public:
  explicit JoinSlopes(const Graph& graph) : graph_(graph), rebuild_(graph) {}

  Graph run() && {
    for (const Node& node : graph_.nodes())
      for (const std::string activation : {"Swish", "Gelu"}) {
        if (node.op == activation) pairs_[key_of(activation, node)].activation = &node;
        if (node.op == "limn::" + activation + "Slope") pairs_[key_of(activation, node)].slope = &node;
      }
    for (const auto& [key, pair] : pairs_)
      if (pair.activation != nullptr && pair.slope != nullptr) {
        pair_of_[pair.activation] = &pair;
        pair_of_[pair.slope] = &pair;
      }
    if (pair_of_.empty()) return graph_;
    for (const Node& node : graph_.nodes()) {
      const auto found = pair_of_.find(&node);
      if (found == pair_of_.end())
        rebuild_.copy(node);
      else if (joined_.insert(found->second).second)
        join(*found->second);
    }
    return std::move(rebuild_).finish();
  }

 private:
  struct Pair {
    const Node *activation = nullptr, *slope = nullptr;
  };

  void join(const Pair& pair) {
    const Node& a = *pair.activation;
    const ValueId y = a.out[0], slope = pair.slope->out[0];
    const auto out =
        rebuild_.to().add_node({"limn::" + a.op + "AndSlope", a.name, {rebuild_(a.in[0]).id}, {}, a.attrs},
                               {graph_.value(y).name, graph_.value(slope).name});
    rebuild_.replace(y, out[0]);
    rebuild_.replace(slope, out[1]);
  }

  const Graph& graph_;
  Rebuild rebuild_;
  std::map<Key, Pair> pairs_;
  std::map<const Node*, const Pair*> pair_of_;
  std::set<const Pair*> joined_;
};

}  // namespace

Graph join_slopes(const Graph& graph) { return JoinSlopes(graph).run(); }

}  // namespace limn
