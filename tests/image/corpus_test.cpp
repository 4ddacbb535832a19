// What the fuzzer found interesting once, through the same door again.
#include <gtest/gtest.h>

#include "limn/base/file.h"
#include "limn/image.h"
#include "limn/preprocess.h"

namespace limn {
namespace {

TEST(FuzzCorpus, EveryFileIsAPictureOrAnError) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(LIMN_SOURCE_DIR "/fuzz/corpus/image")) {
    SCOPED_TRACE(entry.path().string());
    const auto bytes = read_file(entry.path());
    ++files;
    try {
      const Image image = decode_image(bytes, "corpus", {1 << 18});
      std::vector<float> tensor(3 * 64 * 64);
      preprocess(image, preset("imagenet", {3, 64, 64}), tensor);
    } catch (const Error& e) {
      EXPECT_NE(e.code(), ErrorCode::internal) << e.what();
      EXPECT_FALSE(e.message().empty());
    }
  }
  EXPECT_GT(files, 20);
}

}  // namespace
}  // namespace limn
