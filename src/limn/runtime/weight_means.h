#pragma once

#include <cstdint>

#include "limn/graph.h"

namespace limn {

/// ChannelMeans of mean_first() for a program: a new constant, computed now by the threads of the program.
Value channel_means_now(GraphBuilder& g, Value weights, std::int64_t channels);

}  // namespace limn
