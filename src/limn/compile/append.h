#pragma once

#include <string>

#include "limn/graph.h"

namespace limn {

/// `model` with what `addition` has beyond it: values of the addition that have the name of a value of the model
/// are that value, new inputs and the nodes that make other values follow behind the model's; the outputs are the
/// addition's. With a prefix, names of new values begin with it and the value of the model that they are about.
Graph appended(const Graph& model, const Graph& addition, const std::string& prefix);

}  // namespace limn
