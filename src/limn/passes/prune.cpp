#include "limn/passes/prune.h"

#include "limn/passes/rebuild.h"

namespace limn {
namespace {

std::vector<char> needed_nodes(const Graph& graph) {
  std::vector<char> value(graph.value_count()), node(graph.nodes().size());
  for (const Output& o : graph.outputs()) value[index(o.value)] = 1;
  for (std::size_t k = node.size(); k-- > 0;) {
    for (const ValueId o : graph.nodes()[k].out) node[k] |= o != kAbsent && value[index(o)];
    if (!node[k]) continue;
    for (const ValueId i : graph.nodes()[k].in)
      if (i != kAbsent) value[index(i)] = 1;
  }
  return node;
}

}  // namespace

Graph prune(const Graph& graph) {
  const std::vector<char> needed = needed_nodes(graph);
  Rebuild rebuild(graph);
  for (std::size_t k = 0; k < needed.size(); ++k)
    if (needed[k]) rebuild.copy(graph.nodes()[k]);
  return std::move(rebuild).finish();
}

}  // namespace limn
