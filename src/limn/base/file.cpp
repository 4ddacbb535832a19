#include "limn/base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace limn {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

[[noreturn]] void fail(const char* what, const std::filesystem::path& path, int number) {
  const bool missing = number == ENOENT || number == ENOTDIR;
  std::string mend;
  if (missing) mend = "check the spelling of the path";
  if (number == EACCES || number == EPERM || number == EROFS)
    mend = "check the permissions of the file and its folder";
  if (number == ENOSPC || number == EDQUOT) mend = "free some space on the disk or choose another folder";
  throw Error(missing ? ErrorCode::not_found : ErrorCode::io, fmt::format("{}: {}", what, std::strerror(number)),
              path.string(), mend);
}

/// The size of what was opened, as far as the system knows (0 for a pipe).
std::int64_t size_of_file(int fd, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail("cannot read the file", path, errno);
  if (S_ISDIR(info.st_mode))
    throw Error(ErrorCode::io, "cannot read the file: it is a folder", path.string(), "name a file in it");
  return S_ISREG(info.st_mode) ? info.st_size : 0;
}

template <class Bytes>
Bytes read_whole(const std::filesystem::path& path, std::int64_t max_bytes) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) fail("cannot open the file", path, errno);
  const auto limit = static_cast<std::size_t>(max_bytes);
  const auto known = static_cast<std::size_t>(size_of_file(file.get(), path));
  const auto check_limit = [&](std::size_t size) {
    if (size > limit)
      throw Error(ErrorCode::limit, fmt::format("the file is larger than {} bytes", max_bytes), path.string());
  };
  check_limit(known);

  // One byte more than known, so that the read that finds the end of the file needs no growing.
  Bytes bytes(known + 1, typename Bytes::value_type{});
  std::size_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(std::max<std::size_t>(2 * used, 65536));
    const ssize_t got = ::read(file.get(), bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read the file", path, errno);
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    check_limit(used);
  }
  bytes.resize(used);
  return bytes;
}

/// Beside the final file, so that the rename stays within one file system; hidden, and distinct for every
/// process and call.
std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> count{0};
  return path.parent_path() / fmt::format(".{}.{}.{}.tmp", path.filename().string(), ::getpid(), count++);
}

/// The system's error number, 0 when all was written.
int write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path, std::int64_t max_bytes) {
  return read_whole<std::vector<std::byte>>(path, max_bytes);
}

std::string read_text_file(const std::filesystem::path& path, std::int64_t max_bytes) {
  return read_whole<std::string>(path, max_bytes);
}

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)),
      temporary_(temporary_beside(path_)),
      fd_(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
  if (fd_ < 0) fail("cannot write the file", path_, errno);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (const int failure = write_all(fd_, bytes)) fail("cannot write the file", path_, failure);
}

void AtomicFile::commit() {
  // Closing can report a write that failed late, on network file systems.
  if (::close(std::exchange(fd_, -1)) != 0) fail("cannot write the file", path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot write the file", path_, errno);
  temporary_.clear();
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace limn
