#pragma once

#include <string_view>

namespace limn {

/// Whether the operator computes every element of its result from the elements at the same place of its inputs
/// alone, which broadcast as numpy's do.
bool is_by_element(std::string_view op);

}  // namespace limn
