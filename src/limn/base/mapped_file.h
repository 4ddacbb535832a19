#pragma once
// A whole file seen as memory, without reading it first.

#include <cstddef>
#include <filesystem>
#include <span>

#include "limn/error.h"

namespace limn {

/// A read-only mapping of a regular file, undone when the object goes. Pages are read when they are touched; the
/// file must not be cut short meanwhile (replacing it by renaming a new one over it is fine).
class MappedFile {
 public:
  /// Throws Error{not_found} when there is no such file, Error{io} for a folder, a device or a refusal.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  /// Copies a part of bytes(), whose own pages do not stay in memory. Throws Error{io} where the file cannot be
  /// read any more.
  void copy(std::span<const std::byte> part, std::byte* to) const;
  /// Takes these bytes out of memory; who touches them again reads them anew.
  void release(std::span<const std::byte> part) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;  ///< none where it was given back
  std::span<const std::byte> bytes_;
};

}  // namespace limn
