#pragma once
// Suggestions for misspelled names.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/export.h"

namespace limn {

/// The names among `candidates` closest to `name` by edit distance, best first, at most `limit`; empty when none
/// is near.
LIMN_API std::vector<std::string> close_names(std::string_view name, std::span<const std::string> candidates,
                                              std::size_t limit = 3);

}  // namespace limn
