#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "limn/base/file.h"
#include "limn/image.h"
#include "limn/image/codec.h"
#include "limn/image/exif.h"

namespace limn {
namespace {

bool has(std::span<const std::byte> bytes, std::size_t at, std::string_view text) {
  if (bytes.size() < at + text.size()) return false;
  return std::equal(text.begin(), text.end(), reinterpret_cast<const char*>(bytes.data()) + at);
}

/// BMP's two letters begin many a text file; the size of its second header tells them apart.
bool looks_like_bmp(std::span<const std::byte> bytes) {
  if (!has(bytes, 0, "BM") || bytes.size() < 18) return false;
  const auto size = std::to_integer<unsigned>(bytes[14]);
  const bool known =
      size == 12 || size == 40 || size == 52 || size == 56 || size == 64 || size == 108 || size == 124;
  return known &&
         std::all_of(bytes.begin() + 15, bytes.begin() + 18, [](std::byte b) { return b == std::byte{0}; });
}

bool looks_like_tiff(std::span<const std::byte> bytes) {
  using namespace std::string_view_literals;
  constexpr std::array kBeginnings{"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv};
  return std::any_of(kBeginnings.begin(), kBeginnings.end(), [&](auto text) { return has(bytes, 0, text); });
}

}  // namespace

Image::Image(int w, int h) : width(w), height(h) {
  if (w <= 0 || h <= 0) throw Error(ErrorCode::bad_input, fmt::format("an image cannot have the size {}x{}", w, h));
  pixels.resize(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) * 3);
}

ImageFormat image_format(std::span<const std::byte> bytes) {
  if (has(bytes, 0, "\xFF\xD8\xFF")) return ImageFormat::jpeg;
  if (has(bytes, 0, "\x89PNG\r\n\x1A\n")) return ImageFormat::png;
  if (has(bytes, 0, "RIFF") && has(bytes, 8, "WEBP")) return ImageFormat::webp;
  if (looks_like_bmp(bytes)) return ImageFormat::bmp;
  if (looks_like_tiff(bytes)) return ImageFormat::tiff;
  return ImageFormat::unknown;
}

Image allocate_image(std::int64_t width, std::int64_t height, const EncodedImage& encoded) {
  if (width <= 0 || height <= 0 || width > INT32_MAX || height > INT32_MAX)
    throw broken_image(encoded, "image", fmt::format("its size is {}x{}", width, height));
  if (width > encoded.options.max_pixels / height)
    throw Error(ErrorCode::limit,
                fmt::format("the image is too large: {}x{} pixels, the limit is {:.0f} megapixels", width, height,
                            static_cast<double>(encoded.options.max_pixels) / 1e6),
                encoded.where, "shrink the image first");
  return Image(static_cast<int>(width), static_cast<int>(height));
}

Error broken_image(const EncodedImage& encoded, std::string_view format, std::string_view problem) {
  return Error(ErrorCode::bad_input, fmt::format("the {} is corrupt or truncated: {}", format, problem),
               encoded.where, "check that the file was copied completely, or save the image again");
}

Image decode_image(std::span<const std::byte> bytes, std::string_view where, const DecodeOptions& options) {
  const EncodedImage encoded{bytes, std::string(where), options};
  if (bytes.empty())
    throw Error(ErrorCode::bad_input, "the image file is empty", encoded.where, "check how the file was made");
  DecodedImage decoded;
  switch (image_format(bytes)) {
    case ImageFormat::jpeg: decoded = decode_jpeg(encoded); break;
    case ImageFormat::png: decoded = decode_png(encoded); break;
    case ImageFormat::webp: decoded = decode_webp(encoded); break;
    case ImageFormat::bmp: decoded = decode_bmp(encoded); break;
    case ImageFormat::tiff: decoded = decode_tiff(encoded); break;
    case ImageFormat::unknown:
      throw Error(ErrorCode::bad_input, "the file is not an image limn can read (JPEG, PNG, WebP, BMP, TIFF)",
                  encoded.where, "convert it to one of these formats");
  }
  return upright(std::move(decoded.image), decoded.orientation);
}

Image read_image(const std::filesystem::path& path, const DecodeOptions& options) {
  return decode_image(read_file(path), path.string(), options);
}

}  // namespace limn
