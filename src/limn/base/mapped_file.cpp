#include "limn/base/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace limn {
namespace {

/// Closes the descriptor at the end of the constructor, unless it was taken: a mapping outlives it.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

[[noreturn]] void fail(const std::filesystem::path& path, int number) {
  const bool missing = number == ENOENT || number == ENOTDIR;
  throw Error(missing ? ErrorCode::not_found : ErrorCode::io,
              fmt::format("the file cannot be opened: {}", std::strerror(number)), path.string(),
              missing ? "check the spelling of the path" : "check the permissions of the file and its folder");
}

/// A model may consist of a thousand files, and a process may have no more descriptors than that: files beyond the
/// first are read by their mapping.
constexpr int kMostKept = 64;

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) fail(path, errno);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) fail(path, errno);
  if (S_ISDIR(info.st_mode)) throw Error(ErrorCode::io, "it is a folder", path.string(), "name a file in it");
  if (!S_ISREG(info.st_mode)) throw Error(ErrorCode::io, "it is not a regular file", path.string());
  if (info.st_size == 0) return;  // an empty mapping is an error to the system, but not to us
  const auto size = static_cast<std::size_t>(info.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED) fail(path, errno);
  bytes_ = {static_cast<const std::byte*>(address), size};
  if (file.fd < kMostKept) descriptor_ = std::exchange(file.fd, -1);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  if (descriptor_ >= 0) ::close(descriptor_);
}

void MappedFile::copy(std::span<const std::byte> part, std::byte* to) const {
  constexpr std::size_t kPiece = std::size_t{8} << 20;
  for (std::size_t at = 0; descriptor_ < 0 && at < part.size(); at += kPiece) {
    const auto piece = part.subspan(at, std::min(kPiece, part.size() - at));
    std::memcpy(to + at, piece.data(), piece.size());
    release(piece);
  }
  if (descriptor_ < 0) return;
  for (std::size_t done = 0; done < part.size();) {
    const auto rest = part.subspan(done);
    const ssize_t n = ::pread(descriptor_, to + done, rest.size(), rest.data() - bytes_.data());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw Error(ErrorCode::io, fmt::format("the file cannot be read: {}", std::strerror(errno)), path_.string());
    if (n == 0)
      throw Error(ErrorCode::io, "the file has become shorter while it was in use", path_.string(), "start again");
    done += static_cast<std::size_t>(n);
  }
}

void MappedFile::release(std::span<const std::byte> part) const {
  if (part.empty()) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto first = static_cast<std::size_t>(part.data() - bytes_.data()) / page * page;
  const auto last = static_cast<std::size_t>(part.data() - bytes_.data()) + part.size();
  // Only advice: a refusal costs memory, not correctness.
  ::madvise(const_cast<std::byte*>(bytes_.data()) + first, last - first, MADV_DONTNEED);
}

}  // namespace limn
