#pragma once
// Whole files: reading them, and writing them so that a reader sees all or nothing.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/error.h"

namespace limn {

/// The bytes of a file. Throws Error{not_found} when it does not exist, Error{io} for a directory or when the
/// system refuses, Error{limit} above max_bytes.
std::vector<std::byte> read_file(const std::filesystem::path&, std::int64_t max_bytes = std::int64_t{1} << 32);
/// The same as text.
std::string read_text_file(const std::filesystem::path&, std::int64_t max_bytes = std::int64_t{1} << 30);

/// A file written piece by piece under another name in the same folder, which commit() turns into `path`. A process
/// that dies or a disk that fills up leaves the old file (or none), never a part of the new one.
class AtomicFile {
 public:
  /// Throws Error{io}, or Error{not_found} when the folder does not exist.
  explicit AtomicFile(std::filesystem::path path);
  /// Removes what was written, unless it was committed.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Throws Error{io}.
  void write(std::span<const std::byte>);
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int fd_ = -1;
};

/// Writes the bytes to a new file in the same folder and renames it to `path`: see AtomicFile.
void write_file_atomically(const std::filesystem::path&, std::span<const std::byte>);
void write_file_atomically(const std::filesystem::path&, std::string_view text);

}  // namespace limn
