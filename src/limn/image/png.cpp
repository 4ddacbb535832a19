#include <png.h>

#include <array>
#include <csetjmp>
#include <cstring>
#include <utility>
#include <vector>

#include "limn/image/codec.h"
#include "limn/image/exif.h"

namespace limn {
namespace {

/// libpng reports errors through a callback that must not return; like libjpeg's it jumps (see jpeg.cpp).
struct PngProblem {
  std::array<char, 160> text{};
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto* problem = static_cast<PngProblem*>(png_get_error_ptr(png));
  std::strncpy(problem->text.data(), text, problem->text.size() - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  PngProblem problem;
  const std::uint8_t* next = nullptr;
  std::size_t left = 0;

  PngReader() = default;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
};

void read_bytes(png_structp png, png_bytep target, std::size_t count) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader->left) png_error(png, "it ends too early");
  std::memcpy(target, reader->next, count);
  reader->next += count;
  reader->left -= count;
}

/// Whether every chunk (length, name, data, checksum) up to IEND lies within the file. libpng allocates what a
/// chunk claims to hold before it reads: 70 bytes could ask for two gigabytes.
bool is_complete(const EncodedImage& encoded) {
  constexpr std::size_t kSignature = 8, kFrame = 12;
  std::size_t at = kSignature;
  while (encoded.size() - at >= kFrame) {
    const std::size_t length = png_get_uint_32(encoded.data() + at);
    if (length > encoded.size() - at - kFrame) return false;
    if (std::memcmp(encoded.data() + at + 4, "IEND", 4) == 0) return true;
    at += kFrame + length;
  }
  return false;
}

// As in jpeg.cpp, the steps hold no object with a destructor.

bool read_header(PngReader& reader, const EncodedImage& encoded) {
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader.problem, on_error, on_warning);
  if (reader.png == nullptr) return false;
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  reader.info = png_create_info_struct(reader.png);
  reader.next = encoded.data();
  reader.left = encoded.size();
  png_set_read_fn(reader.png, &reader, read_bytes);
  constexpr png_uint_32 kAnySize = 0x7FFFFFFF;  // allocate_image() has the better sentence
  png_set_user_limits(reader.png, kAnySize, kAnySize);
  png_read_info(reader.png, reader.info);
  return true;
}

/// Every PNG type as 8-bit RGB: palettes looked up, fewer bits scaled up, 16 bits divided by 257 and rounded,
/// grey repeated, alpha and transparent colours left out.
bool ask_for_rgb(PngReader& reader, std::size_t row_bytes) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  const int type = png_get_color_type(reader.png, reader.info);
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(reader.png);
  if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(reader.png);
  if ((type & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(reader.png);
  png_set_scale_16(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  if (png_get_rowbytes(reader.png, reader.info) != row_bytes) png_error(reader.png, "its rows have an odd size");
  return true;
}

bool read_rows(PngReader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, reader.info);
  return true;
}

bool find_exif(PngReader& reader, png_uint_32* size, png_bytep* block) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  return png_get_eXIf_1(reader.png, reader.info, size, block) != 0;
}

}  // namespace

DecodedImage decode_png(const EncodedImage& encoded) {
  if (!is_complete(encoded)) throw broken_image(encoded, "PNG image", "it ends too early");
  PngReader reader;
  const auto broken = [&] { return broken_image(encoded, "PNG image", reader.problem.text.data()); };
  if (!read_header(reader, encoded)) throw broken();
  DecodedImage out;
  out.image = allocate_image(png_get_image_width(reader.png, reader.info),
                             png_get_image_height(reader.png, reader.info), encoded);
  if (!ask_for_rgb(reader, static_cast<std::size_t>(out.image.width) * 3)) throw broken();
  std::vector<png_bytep> rows;
  for (int y = 0; y < out.image.height; ++y) rows.push_back(out.image.row(y));
  if (!read_rows(reader, rows.data())) throw broken();
  png_uint_32 size = 0;
  png_bytep block = nullptr;
  if (find_exif(reader, &size, &block)) out.orientation = exif_orientation({block, size});
  return out;
}

}  // namespace limn
