// Parts of a file that are in memory as long as somebody needs them.

#include "limn/base/file_part.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "limn/tensor.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

constexpr std::size_t kSize = std::size_t{32} << 20, kAlignment = 4;

std::byte byte_at(std::size_t i) { return static_cast<std::byte>(i * 131 >> 3); }

/// Bytes of this process that lie in memory.
std::int64_t resident() {
  std::ifstream file("/proc/self/statm");
  std::int64_t all = 0, there = 0;
  file >> all >> there;
  return there * ::sysconf(_SC_PAGESIZE);
}

class FilePartTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  FilePartTest() {
    std::string text(kSize + kAlignment, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(byte_at(i));
    std::ofstream(folder_ / "bytes", std::ios::binary) << text;
    file_ = std::make_shared<MappedFile>(folder_ / "bytes");
    bytes_ = std::make_shared<FilePart>(file_, *file_, file_->bytes().subspan(GetParam(), kSize), kAlignment);
  }

  static void expect_right(const std::byte* bytes) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes) % kAlignment, 0U);
    for (std::size_t i = 0; i < kSize; ++i)
      if (bytes[i] != byte_at(i + GetParam())) FAIL() << "byte " << i << " is wrong";
  }

  const ScratchFolder folder_;
  std::shared_ptr<const MappedFile> file_;
  std::shared_ptr<const FilePart> bytes_;
};

TEST_P(FilePartTest, WhatWasLentLeavesMemoryAgain) {
  const std::int64_t before = resident();
  {
    Lender lender;
    expect_right(lender.lend(*bytes_));
    EXPECT_GT(resident() - before, static_cast<std::int64_t>(kSize / 4 * 3));
    const FilePart other(file_, *file_, file_->bytes().subspan(GetParam(), kSize), kAlignment);
    expect_right(lender.lend(other));
    EXPECT_LT(resident() - before, static_cast<std::int64_t>(kSize / 4 * 5));
  }
  EXPECT_LT(resident() - before, static_cast<std::int64_t>(kSize / 4));
}

TEST_P(FilePartTest, WhatIsKeptIsThereOnce) {
  Lender lender;
  const std::byte* const lent = lender.lend(*bytes_);
  const std::byte* const kept = bytes_->keep();
  expect_right(kept);
  EXPECT_EQ(bytes_->keep(), kept);
  expect_right(lent);
  // A kept copy is lent; what lies in the file is not brought into memory by looking at it.
  const bool is_copy = GetParam() % kAlignment != 0;
  EXPECT_EQ(lender.lend(*bytes_) == kept, is_copy);
  lender.take_back();
  expect_right(kept);
}

TEST_P(FilePartTest, ThreadsKeepTheSame) {
  std::vector<const std::byte*> kept(4);
  {
    std::vector<std::jthread> threads;
    for (auto& k : kept) threads.emplace_back([&] { k = bytes_->keep(); });
  }
  EXPECT_EQ(std::ranges::count(kept, kept[0]), 4);
}

TEST_P(FilePartTest, ATensorHasThem) {
  const Tensor t(DType::u8, {static_cast<std::int64_t>(kSize)}, bytes_);
  const Tensor other = t.reshaped({2, static_cast<std::int64_t>(kSize) / 2});
  EXPECT_EQ(t.identity(), other.identity());
  Lender lender;
  expect_right(t.bytes(lender));
  expect_right(other.bytes());
  EXPECT_EQ(t.bytes(), other.bytes());
  EXPECT_EQ(t.identity(), other.identity());
}

/// A model may lie in more files than a process may hold open.
TEST(MappedFiles, DoNotKeepDescriptors) {
  const ScratchFolder folder;
  std::ofstream(folder / "bytes", std::ios::binary) << "limn";
  std::vector<std::unique_ptr<const MappedFile>> files;
  for (int i = 0; i < 2000; ++i) files.push_back(std::make_unique<MappedFile>(folder / "bytes"));
  for (const auto& file : files) {
    std::string text(4, ' ');
    file->copy(file->bytes(), reinterpret_cast<std::byte*>(text.data()));
    EXPECT_EQ(text, "limn");
  }
  const std::filesystem::directory_iterator open("/proc/self/fd");
  EXPECT_LT(std::distance(begin(open), end(open)), 200);
}

// Where they lie aligned, and where they have to be copied.
INSTANTIATE_TEST_SUITE_P(Offsets, FilePartTest, ::testing::Values(0, 1, kAlignment));

}  // namespace
}  // namespace limn
