#include "runtime/heap_count.h"

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::atomic<bool> counting{false};
std::atomic<long> outside{0};

bool is_library(const char* file) {
  return std::strstr(file, "libdnnl") != nullptr || std::strstr(file, "libomp") != nullptr;
}

void count(const void* caller) {
  if (!counting) return;
  Dl_info info{};
  if (dladdr(caller, &info) == 0 || info.dli_fname == nullptr || !is_library(info.dli_fname)) ++outside;
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
bool limn::HeapCount::works() { return false; }
#else
bool limn::HeapCount::works() { return true; }

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_malloc(bytes);
}
void* calloc(std::size_t n, std::size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_calloc(n, bytes);
}
void* realloc(void* p, std::size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_realloc(p, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** p, std::size_t alignment, std::size_t bytes) {
  count(__builtin_return_address(0));
  *p = __libc_memalign(alignment, bytes);
  return *p == nullptr ? 12 : 0;
}
}

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  count(__builtin_return_address(0));
  if (void* p = __libc_malloc(bytes)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif

namespace limn {

HeapCount::HeapCount() {
  outside = 0;
  counting = true;
}
HeapCount::~HeapCount() { counting = false; }
long HeapCount::outside_libraries() const { return outside; }

}  // namespace limn
