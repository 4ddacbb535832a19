#pragma once

#include "limn/graph.h"

namespace limn {

/// The Error for a value that is not there, with the closest names.
Error no_such_value(std::string_view name, const GraphData&);

}  // namespace limn
