#include <webp/decode.h>

#include <string_view>

#include "limn/image/codec.h"
#include "limn/image/exif.h"

namespace limn {
namespace {

std::string_view sentence(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY: return "there is no memory for it";
    case VP8_STATUS_NOT_ENOUGH_DATA: return "it ends too early";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "it uses an unknown feature";
    default: return "its data make no sense";
  }
}

std::size_t little_endian_u32(const std::uint8_t* at) {
  return at[0] | static_cast<std::size_t>(at[1]) << 8U | static_cast<std::size_t>(at[2]) << 16U |
         static_cast<std::size_t>(at[3]) << 24U;
}

/// The EXIF block among the chunks of the RIFF container: a name of four letters, a size, data padded to even.
Orientation orientation_of(const EncodedImage& encoded) {
  const std::span<const std::uint8_t> bytes(encoded.data(), encoded.size());
  std::size_t at = 12;
  while (at + 8 <= bytes.size()) {
    const std::string_view name(reinterpret_cast<const char*>(&bytes[at]), 4);
    const std::size_t size = little_endian_u32(&bytes[at + 4]);
    at += 8;
    if (size > bytes.size() - at) return 1;
    if (name == "EXIF") return exif_orientation(bytes.subspan(at, size));
    at += size + size % 2;
  }
  return 1;
}

}  // namespace

DecodedImage decode_webp(const EncodedImage& encoded) {
  const auto broken = [&](std::string_view problem) { return broken_image(encoded, "WebP image", problem); };
  // The container's own size: what lies behind the picture (metadata) is missed only here.
  if (little_endian_u32(encoded.data() + 4) > encoded.size() - 8) throw broken("it ends too early");
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(encoded.data(), encoded.size(), &features);
  if (status != VP8_STATUS_OK) throw broken(sentence(status));
  if (features.has_animation != 0)
    throw Error(ErrorCode::unsupported, "the WebP image is an animation", encoded.where,
                "save one frame of it as a still image");

  DecodedImage out;
  out.image = allocate_image(features.width, features.height, encoded);
  if (WebPDecodeRGBInto(encoded.data(), encoded.size(), out.image.pixels.data(), out.image.pixels.size(),
                        3 * out.image.width) == nullptr)
    throw broken("its data end too early or make no sense");
  out.orientation = orientation_of(encoded);
  return out;
}

}  // namespace limn
