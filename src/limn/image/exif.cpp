#include "limn/image/exif.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace limn {
namespace {

constexpr std::uint16_t kOrientationTag = 0x0112;
constexpr std::uint16_t kShort = 3;
constexpr std::uint16_t kLong = 4;
constexpr std::size_t kEntryBytes = 12;

/// Numbers of a TIFF structure in its byte order; reading outside gives 0.
class TiffBytes {
 public:
  TiffBytes(std::span<const std::uint8_t> bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  bool holds(std::size_t at, std::size_t count) const { return at <= bytes_.size() && count <= bytes_.size() - at; }
  std::uint16_t u16(std::size_t at) const { return static_cast<std::uint16_t>(number(at, 2)); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }

 private:
  std::uint32_t number(std::size_t at, std::size_t size) const {
    if (!holds(at, size)) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8U | bytes_[big_endian_ ? at + i : at + size - 1 - i];
    return value;
  }

  std::span<const std::uint8_t> bytes_;
  bool big_endian_;
};

Orientation orientation_in_entry(const TiffBytes& tiff, std::size_t entry) {
  const std::uint16_t type = tiff.u16(entry + 2);
  std::uint32_t value = 0;
  if (type == kShort) value = tiff.u16(entry + 8);
  if (type == kLong) value = tiff.u32(entry + 8);
  return value >= 1 && value <= 8 ? static_cast<Orientation>(value) : 1;
}

}  // namespace

Orientation exif_orientation(std::span<const std::uint8_t> block) {
  constexpr std::uint8_t kPrefix[] = {'E', 'x', 'i', 'f', 0, 0};
  if (block.size() >= sizeof kPrefix && std::equal(std::begin(kPrefix), std::end(kPrefix), block.begin()))
    block = block.subspan(sizeof kPrefix);
  if (block.size() < 8) return 1;
  const bool big_endian = block[0] == 'M' && block[1] == 'M';
  if (!big_endian && !(block[0] == 'I' && block[1] == 'I')) return 1;

  const TiffBytes tiff(block, big_endian);
  if (tiff.u16(2) != 42) return 1;
  const std::size_t directory = tiff.u32(4);
  const std::size_t entries = tiff.u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    if (!tiff.holds(entry, kEntryBytes)) return 1;
    if (tiff.u16(entry) == kOrientationTag) return orientation_in_entry(tiff, entry);
  }
  return 1;
}

Image upright(Image stored, Orientation orientation) {
  if (orientation <= 1 || orientation > 8) return stored;
  // Orientations 5 to 8 exchange rows and columns. In words: 2 mirrors left-right, 3 turns by 180 degrees, 4
  // mirrors top-bottom, 5 transposes, 6 turns clockwise, 7 transposes along the other diagonal, 8 turns
  // counter-clockwise.
  const bool exchanged = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image out(exchanged ? stored.height : stored.width, exchanged ? stored.width : stored.height);
  for (int y = 0; y < out.height; ++y) {
    std::uint8_t* target = out.row(y);
    for (int x = 0; x < out.width; ++x, target += 3) {
      int column = exchanged ? y : x;
      int line = exchanged ? x : y;
      if (from_right) column = stored.width - 1 - column;
      if (from_bottom) line = stored.height - 1 - line;
      std::memcpy(target, stored.row(line) + static_cast<std::size_t>(column) * 3, 3);
    }
  }
  return out;
}

}  // namespace limn
