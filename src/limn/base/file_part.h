#pragma once
// The bytes of a large tensor as they lie in a file.

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>

#include "limn/base/mapped_file.h"

namespace limn {

class FilePart;

/// Lends the bytes of files, of one at a time, as copies that share their memory: new pages for every tensor would
/// cost more than the copies.
class Lender {
 public:
  /// Valid until the next call, as long as `part`. Throws Error{limit} where there is no memory for a copy,
  /// Error{io} where the file cannot be read.
  const std::byte* lend(const FilePart& part);
  /// What was lent is no longer looked at.
  void take_back();

 private:
  std::shared_ptr<std::byte> room_;
  std::size_t size_ = 0;  ///< of the room
};

/// A part of a mapped file that is brought into memory when somebody asks for it: for good, or by a Lender for
/// those who look once, at weights that they then rearrange. Any number of threads may ask at once.
class FilePart {
 public:
  /// `owner` keeps `file` alive, whose `bytes` these are. They are handed out aligned to `alignment` at least:
  /// where they lie in the file, or as a copy aligned to 64.
  FilePart(std::shared_ptr<const void> owner, const MappedFile& file, std::span<const std::byte> bytes,
           std::size_t alignment);

  /// Valid as long as this object. Throws as Lender::lend() does.
  const std::byte* keep() const;

 private:
  friend class Lender;

  /// Null where nobody has kept a copy.
  const std::byte* kept() const;

  std::shared_ptr<const void> owner_;
  const MappedFile& file_;
  std::span<const std::byte> bytes_;
  bool in_place_;
  mutable std::mutex keeping_;
  mutable std::shared_ptr<const std::byte> kept_;  ///< under keeping_
};

}  // namespace limn
