#include <csetjmp>
#include <cstdio>
#include <cstdlib>
// jpeglib.h needs size_t and FILE from the headers above.
#include <jpeglib.h>

#include <array>
#include <memory>

#include "limn/image.h"

namespace limn {
namespace {

/// As for reading, libjpeg's trouble jumps back into the step that called it.
struct JpegWriter {
  jpeg_compress_struct library{};
  jpeg_error_mgr errors{};
  std::jmp_buf back{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;

  JpegWriter() { library.err = jpeg_std_error(&errors); }
  ~JpegWriter() {
    jpeg_destroy_compress(&library);
    std::free(bytes);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
};

[[noreturn]] void jump_back(j_common_ptr library) {
  std::longjmp(static_cast<JpegWriter*>(library->client_data)->back, 1);
}

bool write(JpegWriter& writer, const Image& image, int quality) {
  writer.errors.error_exit = jump_back;
  if (setjmp(writer.back) != 0) return false;
  jpeg_compress_struct& library = writer.library;
  jpeg_create_compress(&library);
  library.client_data = &writer;
  jpeg_mem_dest(&library, &writer.bytes, &writer.size);
  library.image_width = static_cast<JDIMENSION>(image.width);
  library.image_height = static_cast<JDIMENSION>(image.height);
  library.input_components = 3;
  library.in_color_space = JCS_RGB;
  jpeg_set_defaults(&library);  // colour at half the resolution both ways
  jpeg_set_quality(&library, quality, TRUE);
  jpeg_start_compress(&library, TRUE);
  while (library.next_scanline < library.image_height) {
    JSAMPROW line = const_cast<JSAMPROW>(image.row(static_cast<int>(library.next_scanline)));
    jpeg_write_scanlines(&library, &line, 1);
  }
  jpeg_finish_compress(&library);
  return true;
}

}  // namespace

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  if (image.empty() || quality < 1 || quality > 100)
    throw Error(ErrorCode::bad_input, "a JPEG file needs pixels and a quality of 1 to 100");
  JpegWriter writer;
  if (!write(writer, image, quality)) throw Error(ErrorCode::limit, "the picture cannot be written as JPEG");
  const auto* bytes = reinterpret_cast<const std::byte*>(writer.bytes);
  return {bytes, bytes + writer.size};
}

}  // namespace limn
