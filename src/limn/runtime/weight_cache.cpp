#include "limn/runtime/weight_cache.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <vector>

#include "limn/base/file.h"
#include "limn/base/memory.h"
#include "limn/runtime.h"
#include "limn/runtime/dnnl.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostCached = std::uint64_t{2} << 30;
constexpr std::string_view kEnding = ".weights";

/// What stands before the bytes. Numbers are as this machine has them: files do not travel.
struct Header {
  std::array<char, 16> magic = {'l', 'i', 'm', 'n', ' ', 'w', 'e', 'i', 'g', 'h', 't', 's', ' ', '1'};
  std::uint64_t size = 0, low = 0, high = 0;
};

Header header_of(std::span<const std::byte> bytes) {
  const XXH128_hash_t sum = XXH3_128bits(bytes.data(), bytes.size());
  Header h;
  h.size = bytes.size();
  h.low = sum.low64;
  h.high = sum.high64;
  return h;
}

struct CachedFile {
  fs::path path;
  std::uint64_t size;
  fs::file_time_type used;
};

/// Whether it is what a process left that ended while it wrote: AtomicFile's, and older than any writing takes.
bool is_left_over(const CachedFile& file) {
  constexpr std::string_view kUnfinished = ".tmp";
  return file.path.extension() == kUnfinished && file.path.stem().string().find(kEnding) != std::string::npos &&
         fs::file_time_type::clock::now() - file.used > std::chrono::hours(1);
}

std::vector<CachedFile> files_of(const fs::path& folder) {
  std::vector<CachedFile> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;  // another process may remove it meanwhile
    const CachedFile file{it->path(), it->file_size(gone), it->last_write_time(gone)};
    if (!gone && (file.path.extension() == kEnding || is_left_over(file))) files.push_back(file);
  }
  return files;
}

/// Removes the files that were not used for longest, until the rest fits.
void make_room(const fs::path& folder) {
  std::vector<CachedFile> files = files_of(folder);
  std::uint64_t total = 0;
  for (const CachedFile& f : files) total += f.size;
  std::ranges::sort(files, {}, &CachedFile::used);
  std::error_code ignored;
  for (const CachedFile& f : files) {
    if (total <= kMostCached) return;
    fs::remove(f.path, ignored);
    total -= f.size;
  }
}

/// The entry in a file; nothing where the file is damaged.
std::optional<WeightCache::Entry> read_entry(std::ifstream& in) {
  Header found;
  if (!in.read(reinterpret_cast<char*>(&found), sizeof found) || found.magic != Header().magic) return std::nullopt;
  WeightCache::Entry entry;
  entry.size = found.size;
  if (found.size == 0) return entry;
  entry.bytes = found.size <= kMostCached ? limn::allocate(found.size) : nullptr;
  if (entry.bytes == nullptr) return std::nullopt;
  if (!in.read(reinterpret_cast<char*>(entry.bytes.get()), static_cast<std::streamsize>(found.size)))
    return std::nullopt;
  const Header read = header_of({entry.bytes.get(), entry.size});
  return read.low == found.low && read.high == found.high ? std::optional(entry) : std::nullopt;
}

}  // namespace

std::string WeightCache::key(std::span<const float> weights, std::string_view form) const {
  if (folder_.empty()) return {};
  const dnnl_version_t* v = dnnl_version();
  const std::string made_by = fmt::format("{}.{}.{} {} isa {} | {}", v->major, v->minor, v->patch, v->hash,
                                          static_cast<int>(dnnl_get_effective_cpu_isa()), form);
  const XXH128_hash_t how = XXH3_128bits(made_by.data(), made_by.size());
  const XXH128_hash_t of = XXH3_128bits(weights.data(), weights.size_bytes());
  return fmt::format("{:016x}{:016x}-{:016x}{:016x}{}", of.high64, of.low64, how.high64, how.low64, kEnding);
}

std::optional<WeightCache::Entry> WeightCache::find(const std::string& key) const {
  if (key.empty()) return std::nullopt;
  const fs::path path = folder_ / key;
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  auto entry = read_entry(in);
  std::error_code ignored;
  if (entry)
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  else
    fs::remove(path, ignored);
  return entry;
}

void WeightCache::keep(const std::string& key, std::span<const std::byte> bytes) const {
  if (key.empty()) return;
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) return;
  try {
    const Header header = header_of(bytes);
    AtomicFile file(folder_ / key);
    file.write(std::as_bytes(std::span(&header, 1)));
    file.write(bytes);
    file.commit();
  } catch (const Error&) {
    return;  // a full disk, or a folder of somebody else: the next process transforms anew
  }
  make_room(folder_);
}

CacheUse cache_use(const fs::path& folder) {
  CacheUse use;
  for (const CachedFile& f : files_of(folder)) {
    ++use.files;
    use.bytes += f.size;
  }
  return use;
}

CacheUse clear_cache(const fs::path& folder) {
  CacheUse removed;
  for (const CachedFile& f : files_of(folder)) {
    std::error_code error;
    fs::remove(f.path, error);
    if (error)
      throw Error(ErrorCode::io, "the file cannot be removed: " + error.message(), f.path.string(),
                  "check the permissions of the folder");
    ++removed.files;
    removed.bytes += f.size;
  }
  return removed;
}

}  // namespace limn
