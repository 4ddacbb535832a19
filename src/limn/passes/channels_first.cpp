#include "limn/passes/channels_first.h"

#include <string>
#include <vector>

#include "limn/passes/rebuild.h"

namespace limn {
namespace {

std::string last_name(const Graph& graph, ValueId image) { return graph.value(image).name + "/channels_last"; }

}  // namespace

Graph with_channels_first(const Graph& graph, ValueId image) {
  const Shape& s = graph.shape(image);
  Rebuild rebuild(graph, {{image, {graph.value(image).type.dtype, Shape{s[0], s[3], s[1], s[2]}}}});
  rebuild.replace(image,
                  rebuild.to().add("Transpose", {rebuild(image)}, {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}},
                                   last_name(graph, image)));
  for (const Node& node : graph.nodes()) rebuild.copy(node);
  return std::move(rebuild).finish();
}

Graph with_channels_last(const Graph& graph, ValueId image) {
  const Shape& s = graph.shape(image);
  Rebuild rebuild(graph, {{image, {graph.value(image).type.dtype, Shape{s[0], s[2], s[3], s[1]}}}});
  const Value last = rebuild(image);
  rebuild.replace(image, rebuild.to().add("Transpose", {last}, {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}},
                                          graph.value(image).name + "/channels_first"));
  for (const Node& node : graph.nodes()) {
    if (node.op == "Transpose" && node.in[0] == image && node.name == last_name(graph, image))
      rebuild.replace(node.out[0], last);
    else
      rebuild.copy(node);
  }
  return std::move(rebuild).finish();
}

}  // namespace limn
