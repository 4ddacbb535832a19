#pragma once

#include <omp.h>

namespace limn {

/// OpenMP's number of threads while it lives, for regions that the calling thread opens: limn's and oneDNN's.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~ThreadScope() { omp_set_num_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

/// Of a step: one, or as many as the calling thread may have.
inline int threads_of(bool alone) { return alone ? 1 : omp_get_max_threads(); }

}  // namespace limn
