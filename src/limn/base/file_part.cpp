#include "limn/base/file_part.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "limn/base/memory.h"

namespace limn {
namespace {

std::shared_ptr<std::byte> room_for(std::size_t bytes) {
  auto room = allocate(bytes);
  if (room == nullptr)
    throw Error(ErrorCode::limit, fmt::format("there is no memory for a tensor of {} bytes", bytes));
  return room;
}

}  // namespace

const std::byte* Lender::lend(const FilePart& part) {
  if (const std::byte* const kept = part.kept()) return kept;
  const std::size_t size = part.bytes_.size();
  if (size > size_) {
    room_.reset();
    size_ = 0;
    room_ = room_for(size);
    size_ = size;
  }
  part.file_.copy(part.bytes_, room_.get());
  return room_.get();
}

void Lender::take_back() {
  constexpr std::size_t kWorthKeeping = std::size_t{32} << 20;
  if (size_ <= kWorthKeeping) return;
  room_.reset();
  size_ = 0;
}

FilePart::FilePart(std::shared_ptr<const void> owner, const MappedFile& file, std::span<const std::byte> bytes,
                   std::size_t alignment)
    : owner_(std::move(owner)),
      file_(file),
      bytes_(bytes),
      in_place_(reinterpret_cast<std::uintptr_t>(bytes.data()) % alignment == 0) {}

const std::byte* FilePart::keep() const {
  if (in_place_) return bytes_.data();
  const std::lock_guard lock(keeping_);
  if (!kept_) {
    auto room = room_for(bytes_.size());
    file_.copy(bytes_, room.get());
    kept_ = std::move(room);
  }
  return kept_.get();
}

const std::byte* FilePart::kept() const {
  const std::lock_guard lock(keeping_);
  return kept_.get();
}

}  // namespace limn
