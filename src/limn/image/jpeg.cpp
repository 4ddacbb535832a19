#include <csetjmp>
#include <cstdio>
// jpeglib.h needs size_t and FILE from the headers above.
#include <fmt/format.h>
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "limn/image/codec.h"
#include "limn/image/exif.h"

namespace limn {
namespace {

/// A progressive file can demand work out of all proportion to its size; photos have about ten scans.
constexpr int kMaxScans = 128;

/// libjpeg's state with what its callbacks need. libjpeg reports trouble through callbacks that must not
/// return and must not throw through its C frames, so they jump back into the step that called the library.
struct JpegReader {
  jpeg_decompress_struct library{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back{};
  std::array<char, JMSG_LENGTH_MAX> problem{};

  JpegReader();
  ~JpegReader() { jpeg_destroy_decompress(&library); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
};

JpegReader& reader_of(j_common_ptr library) { return *static_cast<JpegReader*>(library->client_data); }

[[noreturn]] void jump_back(j_common_ptr library) {
  JpegReader& reader = reader_of(library);
  library->err->format_message(library, reader.problem.data());
  std::longjmp(reader.back, 1);
}

/// Warnings about data that are missing or damaged are errors; the others are about harmless disorder that
/// cameras and editors leave behind.
void on_message(j_common_ptr library, int level) {
  if (level >= 0) return;
  const int code = library->err->msg_code;
  const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM ||
                        code == JWRN_NOT_SEQUENTIAL;
  if (!harmless) jump_back(library);
}

void on_progress(j_common_ptr library) {
  const auto* decompress = reinterpret_cast<j_decompress_ptr>(library);
  if (decompress->input_scan_number <= kMaxScans) return;
  JpegReader& reader = reader_of(library);
  std::snprintf(reader.problem.data(), reader.problem.size(), "it has more than %d scans", kMaxScans);
  std::longjmp(reader.back, 1);
}

JpegReader::JpegReader() {
  library.err = jpeg_std_error(&errors);
  errors.error_exit = jump_back;
  errors.emit_message = on_message;
  library.client_data = this;
}

// The steps below hold no object with a destructor: longjmp may leave them at any call. They return whether all
// went well.

bool read_header(JpegReader& reader, const EncodedImage& encoded) {
  if (setjmp(reader.back) != 0) return false;
  jpeg_create_decompress(&reader.library);
  reader.library.client_data = &reader;
  reader.progress.progress_monitor = on_progress;
  reader.library.progress = &reader.progress;
  jpeg_mem_src(&reader.library, encoded.data(), static_cast<unsigned long>(encoded.size()));
  constexpr unsigned kWholeMarker = 0xFFFF;
  jpeg_save_markers(&reader.library, JPEG_APP0 + 1, kWholeMarker);
  jpeg_read_header(&reader.library, TRUE);
  // Grey and YCbCr become RGB in the library; four inks become CMYK there and RGB here. The transform and the
  // upsampling stay at the library's defaults, which are those of other programs.
  reader.library.out_color_space = reader.library.num_components == 4 ? JCS_CMYK : JCS_RGB;
  return true;
}

using LineConversion = void (*)(const std::uint8_t* line, int width, std::uint8_t* rgb);

/// Reads all lines through to the end-of-image marker, four bytes a pixel for CMYK. `line` holds one such.
bool read_lines(JpegReader& reader, Image& image, std::uint8_t* line, LineConversion convert) {
  if (setjmp(reader.back) != 0) return false;
  jpeg_start_decompress(&reader.library);
  while (reader.library.output_scanline < reader.library.output_height) {
    std::uint8_t* target = image.row(static_cast<int>(reader.library.output_scanline));
    JSAMPROW into = convert != nullptr ? line : target;
    jpeg_read_scanlines(&reader.library, &into, 1);
    if (convert != nullptr) convert(line, image.width, target);
  }
  jpeg_finish_decompress(&reader.library);
  return true;
}

/// a * b / 255, rounded, for bytes.
unsigned multiply_bytes(unsigned a, unsigned b) {
  const unsigned product = a * b + 128;
  return ((product >> 8U) + product) >> 8U;
}

/// Four-ink JPEG files hold 255 minus the amount of ink, as Adobe's programs write them.
void inverted_cmyk_to_rgb(const std::uint8_t* line, int width, std::uint8_t* rgb) {
  for (int x = 0; x < width; ++x, line += 4, rgb += 3) {
    const unsigned light = line[3];
    for (int c = 0; c < 3; ++c) {
      const unsigned ink = 255U - line[c];
      rgb[c] = static_cast<std::uint8_t>(light - multiply_bytes(ink, light));
    }
  }
}

/// The file may be in order, only of a kind that libjpeg does not decode: 12 bits, arithmetic coding, lossless.
Error error_of(const JpegReader& reader, const EncodedImage& encoded) {
  constexpr std::array kUnsupported{JERR_BAD_PRECISION, JERR_ARITH_NOTIMPL, JERR_SOF_UNSUPPORTED,
                                    JERR_CONVERSION_NOTIMPL};
  if (std::find(kUnsupported.begin(), kUnsupported.end(), reader.errors.msg_code) == kUnsupported.end())
    return broken_image(encoded, "JPEG image", reader.problem.data());
  return Error(ErrorCode::unsupported,
               fmt::format("this kind of JPEG image is not decoded: {}", reader.problem.data()), encoded.where,
               "save it as an ordinary 8-bit JPEG or as PNG");
}

Orientation orientation_of(const jpeg_decompress_struct& library) {
  constexpr std::array<std::uint8_t, 6> kExif{'E', 'x', 'i', 'f', 0, 0};
  for (const auto* marker = library.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const std::uint8_t> data(marker->data, marker->data_length);
    if (marker->marker == JPEG_APP0 + 1 && data.size() > kExif.size() &&
        std::equal(kExif.begin(), kExif.end(), data.begin()))
      return exif_orientation(data);
  }
  return 1;
}

}  // namespace

DecodedImage decode_jpeg(const EncodedImage& encoded) {
  JpegReader reader;
  if (!read_header(reader, encoded)) throw error_of(reader, encoded);
  DecodedImage out;
  out.image = allocate_image(reader.library.image_width, reader.library.image_height, encoded);
  out.orientation = orientation_of(reader.library);  // the markers are gone after the last line
  const bool cmyk = reader.library.out_color_space == JCS_CMYK;
  std::vector<std::uint8_t> line(cmyk ? static_cast<std::size_t>(out.image.width) * 4 : 0);
  if (!read_lines(reader, out.image, line.data(), cmyk ? inverted_cmyk_to_rgb : nullptr))
    throw error_of(reader, encoded);
  return out;
}

}  // namespace limn
