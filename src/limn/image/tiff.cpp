#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "limn/image/codec.h"

namespace limn {
namespace {

/// The file in memory as libtiff reads it, and the first thing libtiff complained about. libtiff returns
/// from its error handlers and reports failure by return values, so nothing jumps here.
struct TiffSource {
  std::span<const std::uint8_t> bytes;
  std::size_t at = 0;
  std::string problem;
};

TiffSource& source_of(thandle_t handle) { return *static_cast<TiffSource*>(handle); }

tmsize_t read_bytes(thandle_t handle, void* target, tmsize_t count) {
  TiffSource& source = source_of(handle);
  const std::size_t left = source.at < source.bytes.size() ? source.bytes.size() - source.at : 0;
  const std::size_t take = std::min(left, static_cast<std::size_t>(std::max<tmsize_t>(count, 0)));
  if (take > 0) std::memcpy(target, source.bytes.data() + source.at, take);
  source.at += take;
  return static_cast<tmsize_t>(take);
}

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return -1; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  TiffSource& source = source_of(handle);
  if (whence == SEEK_CUR) offset += source.at;
  if (whence == SEEK_END) offset += source.bytes.size();
  source.at = static_cast<std::size_t>(offset);
  return offset;
}

int close_nothing(thandle_t) { return 0; }
toff_t size_of_source(thandle_t handle) { return source_of(handle).bytes.size(); }

/// Strips are read straight from memory.
int map(thandle_t handle, void** base, toff_t* size) {
  TiffSource& source = source_of(handle);
  *base = const_cast<std::uint8_t*>(source.bytes.data());
  *size = source.bytes.size();
  return 1;
}
void unmap(thandle_t, void*, toff_t) {}

int on_error(TIFF*, void* source, const char*, const char* format, std::va_list arguments) {
  char text[200];
  std::vsnprintf(text, sizeof text, format, arguments);
  auto& problem = static_cast<TiffSource*>(source)->problem;
  if (problem.empty()) problem = text;
  return 1;  // handled: libtiff prints nothing
}

int on_warning(TIFF*, void*, const char*, const char*, std::va_list) { return 1; }

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffFile = std::unique_ptr<TIFF, CloseTiff>;

TiffFile open(TiffSource& source, std::int64_t max_pixels) {
  struct FreeOptions {
    void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
  };
  const std::unique_ptr<TIFFOpenOptions, FreeOptions> options(TIFFOpenOptionsAlloc());
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &source);
  // For what a damaged directory may ask for; the code tables of small pictures need some, too.
  constexpr std::int64_t kMostBytesPerPixel = 32, kTables = 1 << 20;
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), max_pixels * kMostBytesPerPixel + kTables);
  return TiffFile(TIFFClientOpenExt("image", "r", &source, read_bytes, write_nothing, seek, close_nothing,
                                    size_of_source, map, unmap, options.get()));
}

/// libtiff's converter to 8-bit RGBA of nearly every kind of TIFF.
class RgbaConverter {
 public:
  RgbaConverter(TIFF* tiff, const EncodedImage& encoded, const TiffSource& source)
      : encoded_(encoded), source_(source) {
    char why[1024] = "";
    if (TIFFRGBAImageOK(tiff, why) == 0 || TIFFRGBAImageBegin(&image_, tiff, kStopOnError, why) == 0) {
      if (!source.problem.empty()) throw broken_image(encoded, "TIFF image", source.problem);
      throw Error(ErrorCode::unsupported, fmt::format("this kind of TIFF image is not decoded: {}", why),
                  encoded.where, "save it with 8 bits per channel, or as PNG");
    }
  }
  ~RgbaConverter() { TIFFRGBAImageEnd(&image_); }
  RgbaConverter(const RgbaConverter&) = delete;
  RgbaConverter& operator=(const RgbaConverter&) = delete;

  /// Into an image of the file's size.
  void read_into(Image& out) {
    image_.req_orientation = ORIENTATION_TOPLEFT;
    const auto count = static_cast<std::size_t>(image_.width) * image_.height;
    const auto raster = std::make_unique_for_overwrite<std::uint32_t[]>(count);
    const int fine = TIFFRGBAImageGet(&image_, raster.get(), image_.width, image_.height);
    if (fine == 0 || !source_.problem.empty())
      throw broken_image(encoded_, "TIFF image", source_.problem.empty() ? "it ends too early" : source_.problem);
    std::uint8_t* rgb = out.pixels.data();
    for (std::size_t i = 0; i < count; ++i, rgb += 3) {
      rgb[0] = static_cast<std::uint8_t>(TIFFGetR(raster[i]));
      rgb[1] = static_cast<std::uint8_t>(TIFFGetG(raster[i]));
      rgb[2] = static_cast<std::uint8_t>(TIFFGetB(raster[i]));
    }
  }

 private:
  static constexpr int kStopOnError = 1;
  const EncodedImage& encoded_;
  const TiffSource& source_;
  TIFFRGBAImage image_{};
};

/// Tells the converter, in memory only, that extra channels are no alpha (it would multiply the colours by it)
/// and that the rows are in reading order (turning is done by upright() for all formats alike).
void forget_alpha_and_orientation(TIFF* tiff) {
  std::uint16_t extra = 0;
  std::uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extra, &kinds) != 0 && extra > 0) {
    const std::vector<std::uint16_t> plain(extra, EXTRASAMPLE_UNSPECIFIED);
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, extra, plain.data());
  }
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
}

std::uint16_t number(TIFF* tiff, std::uint32_t tag) {
  std::uint16_t value = 0;
  TIFFGetFieldDefaulted(tiff, tag, &value);
  return value;
}

/// 16-bit grey in strips, of which libtiff's converter would keep the upper byte alone.
bool is_deep_grey(TIFF* tiff) {
  const std::uint16_t photometric = number(tiff, TIFFTAG_PHOTOMETRIC);
  return number(tiff, TIFFTAG_BITSPERSAMPLE) == 16 && number(tiff, TIFFTAG_SAMPLESPERPIXEL) == 1 &&
         number(tiff, TIFFTAG_SAMPLEFORMAT) == SAMPLEFORMAT_UINT && TIFFIsTiled(tiff) == 0 &&
         (photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE);
}

/// Divides by 257 and rounds.
void read_deep_grey(TIFF* tiff, const EncodedImage& encoded, const TiffSource& source, Image& out) {
  const bool inverted = number(tiff, TIFFTAG_PHOTOMETRIC) == PHOTOMETRIC_MINISWHITE;
  std::vector<std::uint16_t> line(static_cast<std::size_t>(std::max<tmsize_t>(TIFFScanlineSize(tiff), 0)) / 2);
  if (line.size() < static_cast<std::size_t>(out.width))
    throw broken_image(encoded, "TIFF image", "its rows have an odd size");
  for (int y = 0; y < out.height; ++y) {
    if (TIFFReadScanline(tiff, line.data(), static_cast<std::uint32_t>(y), 0) < 0 || !source.problem.empty())
      throw broken_image(encoded, "TIFF image", source.problem.empty() ? "it ends too early" : source.problem);
    std::uint8_t* rgb = out.row(y);
    for (int x = 0; x < out.width; ++x, rgb += 3) {
      const int grey = (line[static_cast<std::size_t>(x)] + 128) / 257;
      std::fill_n(rgb, 3, static_cast<std::uint8_t>(inverted ? 255 - grey : grey));
    }
  }
}

Orientation orientation_of(TIFF* tiff) {
  const std::uint16_t orientation = number(tiff, TIFFTAG_ORIENTATION);
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

}  // namespace

DecodedImage decode_tiff(const EncodedImage& encoded) {
  TiffSource source{{encoded.data(), encoded.size()}, 0, {}};
  const TiffFile tiff = open(source, encoded.options.max_pixels);
  if (tiff == nullptr)
    throw broken_image(encoded, "TIFF image", source.problem.empty() ? "it has no directory" : source.problem);
  DecodedImage out;
  std::uint32_t width = 0, height = 0;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  out.image = allocate_image(width, height, encoded);
  out.orientation = orientation_of(tiff.get());
  if (is_deep_grey(tiff.get())) {
    read_deep_grey(tiff.get(), encoded, source, out.image);
    return out;
  }
  forget_alpha_and_orientation(tiff.get());
  RgbaConverter(tiff.get(), encoded, source).read_into(out.image);
  return out;
}

}  // namespace limn
