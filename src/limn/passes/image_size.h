#pragma once

#include <cstdint>

#include "limn/graph.h"

namespace limn {

/// The graph for images [N, C, height, width] where its input declares another size; every shape is inferred again.
/// Throws Error{unsupported} for a network that holds the declared size in its nodes: a dense layer that reads
/// every place, a pool that is as large as the map it is for.
Graph with_image_size(const Graph&, ValueId image, std::int64_t height, std::int64_t width);

}  // namespace limn
