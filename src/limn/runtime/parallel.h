#pragma once

#include <cstdint>
#include <functional>

namespace limn {

/// f(0), f(1), ... f(count - 1), shared out among so many threads, those that programs run on. `f`
/// must not throw.
void parallel_for(std::int64_t count, int threads, const std::function<void(std::int64_t)>& f);

}  // namespace limn
