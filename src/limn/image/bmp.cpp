#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

#include "limn/image/codec.h"

namespace limn {
namespace {

constexpr std::size_t kFileHeaderBytes = 14;
constexpr std::uint32_t kCoreHeaderBytes = 12;  // OS/2: 16-bit sizes, palette entries of three bytes

/// What the headers say; everything was checked against the file's size but the pixels.
struct BmpLayout {
  std::int64_t width = 0, height = 0;
  bool top_down = false;
  unsigned bits = 0;
  std::size_t pixels_at = 0;
  std::array<std::uint32_t, 3> masks{};  ///< of red, green and blue, for 16 and 32 bits
  std::array<std::array<std::uint8_t, 3>, 256> palette{};
};

class BmpReader {
 public:
  explicit BmpReader(const EncodedImage& encoded) : encoded_(encoded), bytes_(encoded.data()) {}

  Image read() {
    const BmpLayout layout = read_layout();
    const std::size_t row_bytes = (static_cast<std::size_t>(layout.width) * layout.bits + 31) / 32 * 4;
    Image image = allocate_checked(layout, row_bytes);
    for (int y = 0; y < image.height; ++y) {
      const int stored = layout.top_down ? y : image.height - 1 - y;
      const std::uint8_t* line = bytes_ + layout.pixels_at + static_cast<std::size_t>(stored) * row_bytes;
      convert_line(layout, line, image.width, image.row(y));
    }
    return image;
  }

 private:
  Error broken(std::string_view problem) const { return broken_image(encoded_, "BMP image", problem); }
  Error unsupported(std::string_view what) const {
    return Error(ErrorCode::unsupported, fmt::format("the BMP image {}, which limn does not decode", what),
                 encoded_.where, "save it as PNG");
  }

  /// Little-endian numbers, checked against the end of the file.
  std::uint32_t number(std::size_t at, std::size_t size) const {
    if (at > encoded_.size() || size > encoded_.size() - at) throw broken("it ends in its header");
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8U | bytes_[at + i];
    return value;
  }
  std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }

  BmpLayout read_layout() const {
    BmpLayout layout;
    layout.pixels_at = u32(10);
    const std::uint32_t header = u32(kFileHeaderBytes);
    const bool core = header == kCoreHeaderBytes;
    if (core) {
      layout.width = u16(18);
      layout.height = u16(20);
      layout.bits = u16(24);
    } else {
      layout.width = static_cast<std::int32_t>(u32(18));
      layout.height = static_cast<std::int32_t>(u32(22));
      layout.bits = u16(28);
      read_compression(header, layout);
    }
    layout.top_down = layout.height < 0;
    if (layout.top_down) layout.height = -layout.height;
    if (layout.bits <= 8) read_palette(header, layout);
    return layout;
  }

  void read_compression(std::uint32_t header, BmpLayout& layout) const {
    enum : std::uint32_t { kPlain = 0, kBitFields = 3, kAlphaBitFields = 6 };
    const std::uint32_t compression = u32(30);
    if (compression == kBitFields || compression == kAlphaBitFields) {
      if (layout.bits != 16 && layout.bits != 32) throw broken("bit fields need 16 or 32 bits per pixel");
      // In the longer headers the masks are fields, behind the short one they follow at the same place.
      for (std::size_t c = 0; c < 3; ++c) layout.masks[c] = u32(kFileHeaderBytes + 40 + 4 * c);
    } else if (compression != kPlain) {
      throw unsupported("is compressed");
    } else if (layout.bits == 16) {
      layout.masks = {0x7C00, 0x03E0, 0x001F};
    } else {
      layout.masks = {0xFF0000, 0x00FF00, 0x0000FF};
    }
    if (header < 40) throw broken("its header has an unknown size");
  }

  void read_palette(std::uint32_t header, BmpLayout& layout) const {
    if (layout.bits != 1 && layout.bits != 2 && layout.bits != 4 && layout.bits != 8)
      throw broken(fmt::format("{} bits per pixel", layout.bits));
    const bool core = header == kCoreHeaderBytes;
    std::size_t colors = core ? 0 : u32(46);
    const std::size_t most = std::size_t{1} << layout.bits;
    if (colors == 0 || colors > most) colors = most;
    const std::size_t entry = core ? 3 : 4;
    const std::size_t at = kFileHeaderBytes + header;
    // Old writers leave out the end of a palette that no pixel uses; colours that are not there stay black.
    for (std::size_t i = 0; i < colors && at + (i + 1) * entry <= layout.pixels_at; ++i) {
      const std::uint32_t bgr = number(at + i * entry, 3);
      layout.palette[i] = {static_cast<std::uint8_t>(bgr >> 16U), static_cast<std::uint8_t>(bgr >> 8U),
                           static_cast<std::uint8_t>(bgr)};
    }
  }

  Image allocate_checked(const BmpLayout& layout, std::size_t row_bytes) const {
    const bool known = layout.bits <= 8 || layout.bits == 16 || layout.bits == 24 || layout.bits == 32;
    if (!known) throw unsupported(fmt::format("has {} bits per pixel", layout.bits));
    if (layout.width <= 0 || layout.height == 0)
      throw broken(fmt::format("its size is {}x{}", layout.width, layout.height));
    const std::size_t size = encoded_.size();
    // The missing data first: a header that lies about its size must not cost memory.
    if (layout.pixels_at > size || (size - layout.pixels_at) / row_bytes < static_cast<std::size_t>(layout.height))
      throw broken("it ends too early");
    return allocate_image(layout.width, layout.height, encoded_);
  }

  /// A field of 1 to 32 bits under its mask, stretched to 0..255.
  static std::uint8_t field(std::uint32_t pixel, std::uint32_t mask) {
    if (mask == 0) return 0;
    const int shift = std::countr_zero(mask);
    const std::uint64_t value = (pixel & mask) >> shift;
    return static_cast<std::uint8_t>(value * 255 / (mask >> shift));
  }

  static void convert_line(const BmpLayout& layout, const std::uint8_t* line, int width, std::uint8_t* rgb) {
    const auto count = static_cast<std::size_t>(width);
    if (layout.bits <= 8) {
      const std::size_t per_byte = 8 / layout.bits;
      const unsigned mask = (1U << layout.bits) - 1;
      for (std::size_t x = 0; x < count; ++x, rgb += 3) {
        const auto shift = (per_byte - 1 - x % per_byte) * layout.bits;
        std::memcpy(rgb, layout.palette[static_cast<unsigned>(line[x / per_byte]) >> shift & mask].data(), 3);
      }
    } else if (layout.bits == 24) {
      for (std::size_t x = 0; x < count; ++x, rgb += 3, line += 3) {
        rgb[0] = line[2];
        rgb[1] = line[1];
        rgb[2] = line[0];
      }
    } else {
      const std::size_t bytes = layout.bits / 8;
      for (std::size_t x = 0; x < count; ++x, rgb += 3, line += bytes) {
        std::uint32_t pixel = 0;
        std::memcpy(&pixel, line, bytes);
        for (std::size_t c = 0; c < 3; ++c) rgb[c] = field(pixel, layout.masks[c]);
      }
    }
  }

  const EncodedImage& encoded_;
  const std::uint8_t* bytes_;
};

}  // namespace

DecodedImage decode_bmp(const EncodedImage& encoded) { return {BmpReader(encoded).read(), 1}; }

}  // namespace limn
