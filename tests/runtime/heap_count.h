#pragma once

namespace limn {

/// Counts what is taken from the heap while it lives, by malloc and its kin and by operator new.
class HeapCount {
 public:
  HeapCount();
  ~HeapCount();
  HeapCount(const HeapCount&) = delete;
  HeapCount& operator=(const HeapCount&) = delete;

  /// Allocations by anyone but oneDNN's and the OpenMP library's own code.
  long outside_libraries() const;
  /// False under sanitizers, which replace the allocator themselves.
  static bool works();
};

}  // namespace limn
