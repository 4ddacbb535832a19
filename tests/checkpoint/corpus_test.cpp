// The inputs that the fuzzer kept, fuzz/corpus/checkpoint, through the same door.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "../../fuzz/fuzz_checkpoint.cpp"

namespace {

TEST(CheckpointCorpus, EveryFileIsAnswered) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(LIMN_SOURCE_DIR "/fuzz/corpus/checkpoint")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    SCOPED_TRACE(entry.path());
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++files;
  }
  EXPECT_GE(files, 15U);
}

}  // namespace
