#include "limn/base/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "limn/error.h"

namespace limn {
namespace {

constexpr std::size_t kLine = 64, kHugePage = std::size_t{2} << 20;
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kLarge = SIZE_MAX;  // the sanitizer watches what malloc gives
#else
constexpr std::size_t kLarge = kHugePage;
#endif

std::size_t rounded(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

/// A mapping of whole huge pages.
std::shared_ptr<std::byte> map(std::size_t bytes) {
  const std::size_t size = rounded(bytes, kHugePage), reserved = size + kHugePage;
  void* const place = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return nullptr;
  const auto at = reinterpret_cast<std::uintptr_t>(place);
  const std::size_t before = rounded(at, kHugePage) - at;
  auto* const begin = static_cast<std::byte*>(place) + before;
  if (before > 0) munmap(place, before);
  if (const std::size_t after = reserved - before - size; after > 0) munmap(begin + size, after);
#ifdef MADV_HUGEPAGE
  madvise(begin, size, MADV_HUGEPAGE);
#endif
  return {begin, [size](std::byte* b) { munmap(b, size); }};
}

}  // namespace

std::shared_ptr<std::byte> allocate(std::size_t bytes) {
  if (bytes > SIZE_MAX / 2) return nullptr;
  if (bytes >= kLarge) return map(bytes);
  auto* p = static_cast<std::byte*>(std::aligned_alloc(kLine, rounded(std::max<std::size_t>(bytes, 1), kLine)));
  if (p == nullptr) return nullptr;
  return {p, [](std::byte* b) { std::free(b); }};
}

std::shared_ptr<std::byte> allocate(std::size_t bytes, const char* complaint) {
  auto p = allocate(bytes);
  if (p == nullptr) throw Error(ErrorCode::limit, complaint);
  return p;
}

std::shared_ptr<std::byte> allocate_zeroed(std::size_t bytes) {
  auto p = allocate(bytes);
  if (p != nullptr && bytes < kLarge) std::memset(p.get(), 0, bytes);
  return p;
}

}  // namespace limn
