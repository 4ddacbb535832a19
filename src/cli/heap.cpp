#include "heap.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace limn::cli {

void use_huge_pages() {
#if defined(__GLIBC__) && defined(MADV_HUGEPAGE) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  constexpr int kHeap = 64 << 20;
  constexpr std::uintptr_t kPage = std::uintptr_t{2} << 20;
  const auto rounded_up = [](std::uintptr_t at) { return (at + kPage - 1) / kPage * kPage; };
  // One heap for all threads and for large pieces too. It grows by this much at a time, of which nothing is in
  // memory until it is touched.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, kHeap / 2);
  mallopt(M_TRIM_THRESHOLD, 2 * kHeap);
  mallopt(M_TOP_PAD, kHeap);
  // More than the heap has by now, so that it grows; volatile, for otherwise the compiler leaves both calls out.
  void* volatile place = std::malloc(256 << 10);
  std::free(place);
  const auto at = reinterpret_cast<std::uintptr_t>(place);
  const auto begin = rounded_up(at), end = reinterpret_cast<std::uintptr_t>(sbrk(0));
  if (begin >= end) return;                                             // another allocator
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // only advice
  // What lies before the first huge page stays unused, and with that out of memory.
  place = std::malloc(begin - at);
#endif
}

}  // namespace limn::cli
