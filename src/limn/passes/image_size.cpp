#include "limn/passes/image_size.h"

#include <fmt/format.h>

#include <algorithm>

#include "limn/error.h"
#include "limn/passes/rebuild.h"

namespace limn {
namespace {

/// A pool over a whole map that is written as one over so many pixels would miss the rest of a larger map.
void check_pool(const Graph& graph, const Node& node) {
  if (node.op != "AveragePool" && node.op != "MaxPool") return;
  const auto& shape = graph.value(node.in[0]).type.shape;
  if (!shape || shape->size() != 4) return;
  const auto kernel = node.attrs.integers("kernel_shape");
  if (kernel.size() == 2 && (*shape)[2] == Dim(kernel[0]) && (*shape)[3] == Dim(kernel[1]))
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' pools the whole map of {}x{} by its size", node.name, kernel[0], kernel[1]));
}

}  // namespace

Graph with_image_size(const Graph& graph, ValueId image, std::int64_t height, std::int64_t width) {
  Type type = graph.value(image).type;
  (*type.shape)[2] = Dim(height);
  (*type.shape)[3] = Dim(width);
  for (const Node& node : graph.nodes()) check_pool(graph, node);
  try {
    Rebuild rebuild(graph, {{image, type}});
    for (const Node& node : graph.nodes()) rebuild.copy(node);
    return std::move(rebuild).finish();
  } catch (const Error& e) {
    throw Error(ErrorCode::unsupported,
                fmt::format("the network cannot take images of {}x{}: {}", height, width, e.message()), e.where());
  }
}

}  // namespace limn
