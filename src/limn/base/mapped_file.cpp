#include "limn/base/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace limn {
namespace {

/// Closes the descriptor at the end of the constructor: a mapping outlives it.
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

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
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
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
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
