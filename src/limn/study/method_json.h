#pragma once

#include "limn/explain.h"
#include "limn/image/json.h"

namespace limn {

/// What decides the numbers of a method beside its variant and layer, by key; null for a method without parameters.
Json parameters_json(const MethodRequest&);

}  // namespace limn
