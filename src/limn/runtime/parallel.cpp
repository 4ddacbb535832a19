#include "limn/runtime/parallel.h"

namespace limn {

void parallel_for(std::int64_t count, int threads, const std::function<void(std::int64_t)>& f) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::int64_t i = 0; i < count; ++i) f(i);
}

}  // namespace limn
