#pragma once
// The decoders behind decode_image(), one per format. Each gets all bytes of a file and gives the pixels as
// stored, with the orientation that the file asks for; turning upright is done once, by the caller.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "limn/image.h"

namespace limn {

/// EXIF orientation: 1 is upright, 2..8 name the mirror or rotation that makes the stored pixels upright.
using Orientation = int;

struct DecodedImage {
  Image image;
  Orientation orientation = 1;
};

/// What a decoder works on.
struct EncodedImage {
  std::span<const std::byte> bytes;
  std::string where;  ///< for errors
  DecodeOptions options;

  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }
  std::size_t size() const { return bytes.size(); }
};

DecodedImage decode_jpeg(const EncodedImage&);
DecodedImage decode_png(const EncodedImage&);
DecodedImage decode_webp(const EncodedImage&);
DecodedImage decode_bmp(const EncodedImage&);
DecodedImage decode_tiff(const EncodedImage&);

/// A black image of these sizes. Throws Error{bad_input} for sizes below 1 and Error{limit} above the options'
/// number of pixels.
Image allocate_image(std::int64_t width, std::int64_t height, const EncodedImage&);

/// The Error for a file that is in a known format but corrupt or truncated; `problem` is the codec's sentence.
Error broken_image(const EncodedImage&, std::string_view format, std::string_view problem);

}  // namespace limn
