#include "limn/base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "limn/base/mapped_file.h"
#include "support/expect_error.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using testing::HasSubstr;

TEST(WholeFile, ReadsBackWhatWasWritten) {
  const ScratchFolder folder;
  const std::string text("a\0b\xFF\n", 5);
  write_file_atomically(folder / "f", text);
  EXPECT_EQ(read_text_file(folder / "f"), text);
  EXPECT_EQ(read_file(folder / "f").size(), 5U);
}

TEST(WholeFile, ReadsAnEmptyFileAndAPipe) {
  const ScratchFolder folder;
  write_file_atomically(folder / "empty", "");
  EXPECT_TRUE(read_file(folder / "empty").empty());
  EXPECT_EQ(read_text_file("/proc/self/comm").substr(0, 4), "test");  // its size is said to be 0
}

TEST(WholeFile, ReplacesAnOlderFileAndLeavesNothingElse) {
  const ScratchFolder folder;
  write_file_atomically(folder / "f", "old");
  write_file_atomically(folder / "f", "new");
  EXPECT_EQ(read_text_file(folder / "f"), "new");
  const std::filesystem::directory_iterator files(folder.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(WholeFile, SaysWhatIsMissingOrNoFile) {
  const ScratchFolder folder;
  EXPECT_ERROR(read_file(folder / "none"), ErrorCode::not_found, HasSubstr("none"));
  EXPECT_ERROR(read_file(folder.path()), ErrorCode::io, HasSubstr("folder"));
  EXPECT_ERROR(read_file(folder / "none" / "deeper"), ErrorCode::not_found, HasSubstr("deeper"));
  EXPECT_ERROR(write_file_atomically(folder / "none" / "f", ""), ErrorCode::not_found, HasSubstr("none"));
}

TEST(WholeFile, RefusesFilesAboveTheLimit) {
  const ScratchFolder folder;
  write_file_atomically(folder / "f", "12345");
  EXPECT_EQ(read_file(folder / "f", 5).size(), 5U);
  EXPECT_ERROR(read_file(folder / "f", 4), ErrorCode::limit, HasSubstr("4 bytes"));
}

TEST(WholeFile, RefusesAnUnwritableFolder) {
  if (::geteuid() == 0) GTEST_SKIP() << "permissions do not bind root";
  const ScratchFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_read);
  EXPECT_ERROR(write_file_atomically(folder / "f", ""), ErrorCode::io, HasSubstr("permission"));
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

TEST(WholeFile, AFolderInTheWayIsKept) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "f");
  EXPECT_ERROR(write_file_atomically(folder / "f", "x"), ErrorCode::io, HasSubstr("cannot write"));
  const std::filesystem::directory_iterator files(folder.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);  // no temporary file was left
}

TEST(WholeFile, ADiskThatFillsUpLeavesTheOldFile) {
  // A file size limit makes write() fail the way a full disk does, in the middle of the data.
  const ScratchFolder folder;
  write_file_atomically(folder / "f", "old");
  const FileSizeLimit limit(1000);
  EXPECT_ERROR(write_file_atomically(folder / "f", std::string(5000, 'x')), ErrorCode::io,
               HasSubstr("cannot write"));
  EXPECT_EQ(read_text_file(folder / "f"), "old");
  const std::filesystem::directory_iterator files(folder.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(PieceByPiece, AppearsWhenItIsWhole) {
  const ScratchFolder folder;
  write_file_atomically(folder / "f", "old");
  {
    AtomicFile file(folder / "f");
    file.write(std::as_bytes(std::span("ab", 2)));
    EXPECT_EQ(read_text_file(folder / "f"), "old");
    file.write(std::as_bytes(std::span("c", 1)));
    file.commit();
    EXPECT_EQ(read_text_file(folder / "f"), "abc");
  }
  { AtomicFile(folder / "f").write(std::as_bytes(std::span("given up", 8))); }
  EXPECT_EQ(read_text_file(folder / "f"), "abc");
  const std::filesystem::directory_iterator files(folder.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(MappedFile, ReleasedBytesAreReadAgain) {
  const ScratchFolder folder;
  const std::string text(100'000, 'x');
  write_file_atomically(folder / "f", text + "y");
  const MappedFile file(folder / "f");
  file.release(file.bytes().subspan(5, 90'000));
  file.release({});
  EXPECT_EQ(std::memcmp(file.bytes().data(), text.data(), text.size()), 0);
  EXPECT_EQ(file.bytes().back(), std::byte{'y'});
}

}  // namespace
}  // namespace limn
