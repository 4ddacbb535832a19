#pragma once

#include <string>

#include "limn/graph.h"

namespace limn {

/// One graph of both: an input of `graph` that has the name of an output of `front` is what that makes. Names of
/// `graph` stay; new values of `front` are named `prefix`/NAME. The outputs are those of `graph`.
Graph joined(const Graph& front, const Graph& graph, const std::string& prefix);

}  // namespace limn
