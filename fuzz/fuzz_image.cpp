// Any bytes at the image door: a picture that can be preprocessed, or an Error; nothing else.

#include <cstdint>
#include <vector>

#include "limn/image.h"
#include "limn/preprocess.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  limn::DecodeOptions options;
  options.max_pixels = 1 << 18;  // the limit is tested elsewhere; here it keeps a run short
  try {
    const limn::Image image = limn::decode_image(std::as_bytes(std::span(data, size)), "fuzz", options);
    const limn::Preprocess imagenet = limn::preset("imagenet", {3, 64, 64});
    std::vector<float> tensor(3 * 64 * 64);
    limn::preprocess(image, imagenet, tensor);
  } catch (const limn::Error& error) {
    // A bug of ours is no answer to bad bytes.
    if (error.code() == limn::ErrorCode::internal) __builtin_trap();
  }
  return 0;
}
