// PNG files written: ISO/IEC 15948. libpng compresses with zlib, which takes three times as long as libdeflate for
// files of the same size; that was most of the time that a picture cost.

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "limn/base/file.h"
#include "limn/image.h"

namespace limn {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::array<std::uint8_t, 8> kSignature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::size_t kPixel = 3;
enum Filter : std::uint8_t { kLeft = 1, kAbove = 2 };  ///< a byte less the one it is predicted by

void append_number(Bytes& out, std::size_t value) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) out.push_back(static_cast<std::uint8_t>(value >> shift & 0xFFU));
}

void append_chunk(Bytes& out, std::string_view name, std::span<const std::uint8_t> data) {
  append_number(out, data.size());
  const std::size_t checked = out.size();
  out.insert(out.end(), name.begin(), name.end());
  out.insert(out.end(), data.begin(), data.end());
  append_number(out, libdeflate_crc32(0, out.data() + checked, out.size() - checked));
}

Bytes header(const Image& image) {
  Bytes out;
  append_number(out, static_cast<std::size_t>(image.width));
  append_number(out, static_cast<std::size_t>(image.height));
  // 8 bits, RGB, the only methods of compression and filtering that there are, not interlaced.
  out.insert(out.end(), {std::uint8_t{8}, std::uint8_t{2}, std::uint8_t{0}, std::uint8_t{0}, std::uint8_t{0}});
  return out;
}

/// How much is left to tell, as libpng estimates it.
std::size_t cost(std::span<const std::uint8_t> filtered) {
  std::size_t sum = 0;
  for (const std::uint8_t v : filtered) sum += static_cast<std::size_t>(std::abs(static_cast<std::int8_t>(v)));
  return sum;
}

/// Every row with the filter that leaves less, which its first byte names.
Bytes filtered(const Image& image) {
  const std::size_t size = kPixel * static_cast<std::size_t>(image.width);
  Bytes out, left(size), above(size);
  out.reserve((size + 1) * static_cast<std::size_t>(image.height));
  const Bytes black(size);
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t *row = image.row(y), *before = y > 0 ? image.row(y - 1) : black.data();
    std::copy_n(row, kPixel, left.begin());
    for (std::size_t i = kPixel; i < size; ++i) left[i] = static_cast<std::uint8_t>(row[i] - row[i - kPixel]);
    for (std::size_t i = 0; i < size; ++i) above[i] = static_cast<std::uint8_t>(row[i] - before[i]);
    const bool take_left = cost(left) <= cost(above);
    out.push_back(take_left ? kLeft : kAbove);
    const Bytes& best = take_left ? left : above;
    out.insert(out.end(), best.begin(), best.end());
  }
  return out;
}

Bytes compressed(const Bytes& bytes) {
  constexpr int kFastest = 1;
  struct Free {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
  };
  const std::unique_ptr<libdeflate_compressor, Free> compressor(libdeflate_alloc_compressor(kFastest));
  if (compressor == nullptr) throw Error(ErrorCode::limit, "not enough memory to write a PNG image");
  Bytes out(libdeflate_zlib_compress_bound(compressor.get(), bytes.size()));
  out.resize(libdeflate_zlib_compress(compressor.get(), bytes.data(), bytes.size(), out.data(), out.size()));
  return out;
}

}  // namespace

std::vector<std::byte> encode_png(const Image& image) {
  if (image.empty()) throw Error(ErrorCode::bad_input, "an empty image cannot be written as PNG");
  constexpr std::size_t kLongestChunk = std::size_t{1} << 30;
  const Bytes data = compressed(filtered(image));
  Bytes out(kSignature.begin(), kSignature.end());
  append_chunk(out, "IHDR", header(image));
  for (std::size_t at = 0; at < data.size(); at += kLongestChunk)
    append_chunk(out, "IDAT", std::span(data).subspan(at, std::min(kLongestChunk, data.size() - at)));
  append_chunk(out, "IEND", {});
  const auto bytes = std::as_bytes(std::span(out));
  return {bytes.begin(), bytes.end()};
}

void write_png(const std::filesystem::path& path, const Image& image) {
  write_file_atomically(path, encode_png(image));
}

}  // namespace limn
