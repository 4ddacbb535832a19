#include "limn/passes/channels_first.h"

#include <vector>

#include "limn/passes/rebuild.h"

namespace limn {

Graph with_channels_first(const Graph& graph, ValueId image) {
  const Shape& s = graph.shape(image);
  Rebuild rebuild(graph, {{image, {graph.value(image).type.dtype, Shape{s[0], s[3], s[1], s[2]}}}});
  rebuild.replace(image,
                  rebuild.to().add("Transpose", {rebuild(image)}, {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}},
                                   graph.value(image).name + "/channels_last"));
  for (const Node& node : graph.nodes()) rebuild.copy(node);
  return std::move(rebuild).finish();
}

}  // namespace limn
