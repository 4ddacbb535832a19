#pragma once
// Pictures: reading them from files of any common format, resizing and writing them.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "limn/error.h"
#include "limn/export.h"

namespace limn {

/// An 8-bit RGB picture, `pixels` is [height, width, 3] without gaps.
struct LIMN_API Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;

  Image() = default;
  /// Black. Throws Error{bad_input} unless both sizes are positive.
  Image(int width, int height);

  std::uint8_t* row(int y) { return pixels.data() + static_cast<std::size_t>(y) * width * 3; }
  const std::uint8_t* row(int y) const { return pixels.data() + static_cast<std::size_t>(y) * width * 3; }
  bool empty() const { return pixels.empty(); }
  bool operator==(const Image&) const = default;
};

struct DecodeOptions {
  /// Pictures with more pixels are refused before their pixels are decoded, against decompression bombs.
  std::int64_t max_pixels = 256'000'000;
};

/// The formats limn reads; which one a file is in is told from its first bytes, never from its name.
enum class ImageFormat { jpeg, png, webp, bmp, tiff, unknown };
LIMN_API ImageFormat image_format(std::span<const std::byte> bytes);

/// Decodes a picture and turns it upright by its EXIF orientation (JPEG, PNG, WebP) or orientation tag (TIFF).
/// The pixels equal those of Pillow's convert("RGB"): alpha is dropped without compositing, CMYK is converted
/// by its plain formula, colour profiles are ignored. 16-bit samples are divided by 257 and rounded. Of a TIFF
/// with many pages the first is read.
/// Throws Error{bad_input} for anything corrupt, truncated, empty or of another format, Error{unsupported} for
/// a variant that limn does not decode (animated WebP, compressed BMP, ...), Error{limit} for too many pixels.
/// `where` names the source in errors.
LIMN_API Image decode_image(std::span<const std::byte> bytes, std::string_view where, const DecodeOptions& = {});

/// decode_image of a file. Throws also Error{not_found} for a missing file and Error{io} for a directory or an
/// unreadable file.
LIMN_API Image read_image(const std::filesystem::path&, const DecodeOptions& = {});

/// Antialiased bilinear resize, bit for bit that of Pillow (Image.resize with BILINEAR): horizontally first,
/// rounded to 8 bits between the passes. Throws Error{bad_input} unless both sizes are positive, Error{limit}
/// above 256 megapixels.
LIMN_API Image resize(const Image&, int width, int height);

/// The picture as the bytes of a baseline JPEG file, its colour at half the resolution: what libjpeg makes of it by
/// default. Throws Error{bad_input} for a quality outside 1..100 or a picture without pixels.
LIMN_API std::vector<std::byte> encode_jpeg(const Image&, int quality);
/// The picture as the bytes of a PNG file.
LIMN_API std::vector<std::byte> encode_png(const Image&);
/// Writes a PNG file under a temporary name and renames it, so that no reader sees a part of it. Throws
/// Error{io} when the folder is not writable or the disk is full; then nothing is left behind.
LIMN_API void write_png(const std::filesystem::path&, const Image&);

}  // namespace limn
