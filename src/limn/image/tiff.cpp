#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

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
  constexpr std::int64_t kMostBytesPerPixel = 32;
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), max_pixels * kMostBytesPerPixel);
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

  Image read() {
    Image out = allocate_image(image_.width, image_.height, encoded_);
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
    return out;
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

Orientation orientation_of(TIFF* tiff) {
  std::uint16_t orientation = ORIENTATION_TOPLEFT;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

}  // namespace

DecodedImage decode_tiff(const EncodedImage& encoded) {
  TiffSource source{{encoded.data(), encoded.size()}, 0, {}};
  const TiffFile tiff = open(source, encoded.options.max_pixels);
  if (tiff == nullptr)
    throw broken_image(encoded, "TIFF image", source.problem.empty() ? "it has no directory" : source.problem);
  DecodedImage out;
  out.orientation = orientation_of(tiff.get());
  forget_alpha_and_orientation(tiff.get());
  out.image = RgbaConverter(tiff.get(), encoded, source).read();
  return out;
}

}  // namespace limn
