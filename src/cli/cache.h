#pragma once

#include <filesystem>

namespace limn::cli {

/// Where transformed weights are kept (see CompileOptions::cache): LIMN_CACHE, or limn in the user's folder of
/// caches; empty for LIMN_CACHE=off and for a user without a home.
std::filesystem::path cache_folder();

}  // namespace limn::cli
