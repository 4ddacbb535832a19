#include "limn/passes/join_slopes.h"

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "limn/passes/rebuild.h"

namespace limn {
namespace {

/// Which activation of which value, with what attributes.
using Key = std::tuple<std::string, ValueId, double, std::string>;

/// Of an activation and of its slope alike.
std::optional<Key> key_of(const Node& node) {
  for (const std::string activation : {"Swish", "Gelu"})
    if (node.op == activation || node.op == "limn::" + activation + "Slope")
      return Key{activation, node.in[0], node.attrs.real("alpha", 1.0), node.attrs.text("approximate", "none")};
  return std::nullopt;
}
bool is_slope(const Node& node) { return node.op.starts_with("limn::"); }

class JoinSlopes {
 public:
  explicit JoinSlopes(const Graph& graph) : graph_(graph), rebuild_(graph) {}

  Graph run() && {
    for (const Node& node : graph_.nodes())
      if (const auto key = key_of(node)) (is_slope(node) ? pairs_[*key].slope : pairs_[*key].activation) = &node;
    std::erase_if(pairs_,
                  [](const auto& p) { return p.second.activation == nullptr || p.second.slope == nullptr; });
    if (pairs_.empty()) return graph_;
    for (const Node& node : graph_.nodes()) {
      const auto key = key_of(node);
      const auto found = key ? pairs_.find(*key) : pairs_.end();
      if (found == pairs_.end()) {
        rebuild_.copy(node);
        continue;
      }
      if (found->second.made.empty()) make(found->second);
      rebuild_.replace(node.out[0], found->second.made[is_slope(node) ? 1 : 0]);
    }
    return std::move(rebuild_).finish();
  }

 private:
  struct Pair {
    const Node *activation = nullptr, *slope = nullptr;
    std::vector<Value> made = {};  ///< by the node of both: y and the slope
  };

  void make(Pair& pair) {
    const Node& a = *pair.activation;
    pair.made = rebuild_.to().add_node({"limn::" + a.op + "AndSlope", a.name, {rebuild_(a.in[0]).id}, {}, a.attrs},
                                       {graph_.value(a.out[0]).name, graph_.value(pair.slope->out[0]).name});
  }

  const Graph& graph_;
  Rebuild rebuild_;
  std::map<Key, Pair> pairs_;
};

}  // namespace

Graph join_slopes(const Graph& graph) { return JoinSlopes(graph).run(); }

}  // namespace limn
