// Live parity with Debian's python3-pil: decoding and resizing, bit for bit. Skipped without it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "limn/image.h"
#include "limn/preprocess.h"
#include "reference_images.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

class Pillow : public testing::Test {
 protected:
  /// Runs the script once for all tests of this suite.
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    photos_ = new std::vector<std::filesystem::path>(some_photos());
    std::string command =
        "/usr/bin/python3 " LIMN_SOURCE_DIR "/tests/image/pillow_reference.py " + folder_->path().string();
    for (const auto& photo : *photos_) command += " " + photo.string();
    const int status = std::system((command + " 2>&1").c_str());
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  static void TearDownTestSuite() {
    delete photos_;
    delete folder_;
  }
  void SetUp() override {
    constexpr int kNotInstalled = 77, kNoPython = 127;
    if (exit_code_ == kNotInstalled || exit_code_ == kNoPython)
      GTEST_SKIP() << "needs Debian's python3-pil and python3-numpy";
    ASSERT_EQ(exit_code_, 0) << "pillow_reference.py failed";
  }

  /// Every fifth of the ILSVRC photos, if they are there.
  static std::vector<std::filesystem::path> some_photos() {
    const std::filesystem::path data = LIMN_SHARED_DATA "/ilsvrc-val-250/ILSVRC/Data";
    std::vector<std::filesystem::path> all, some;
    if (!std::filesystem::exists(data)) return {};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data))
      if (entry.is_regular_file()) all.push_back(entry.path());
    std::sort(all.begin(), all.end());
    for (std::size_t i = 0; i < all.size(); i += 5) some.push_back(all[i]);
    return some;
  }

  inline static ScratchFolder* folder_ = nullptr;
  inline static std::vector<std::filesystem::path>* photos_ = nullptr;
  inline static int exit_code_ = -1;
};

TEST_F(Pillow, ReadsTheSamePixelsOfEveryFormat) {
  for (const char* size : {"320", "65"})
    for (const auto& [path, expected] : reference_images(*folder_ / "formats" / size))
      EXPECT_EQ(largest_difference(read_image(path), expected), 0) << path;
}

TEST_F(Pillow, ResizesToTheSamePixels) {
  int compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder_ / "resized")) {
    // "large.224x224.png"
    const std::string name = entry.path().filename().string();
    int width = 0, height = 0;
    const std::size_t dot = name.find('.');
    if (std::sscanf(name.c_str() + dot, ".%dx%d.png", &width, &height) != 2) continue;
    const Image source = read_image(*folder_ / "resized" / (name.substr(0, dot) + ".png"));
    EXPECT_EQ(largest_difference(resize(source, width, height), read_image(entry.path())), 0) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 24);
}

TEST_F(Pillow, ReadsTheSamePixelsOfPhotos) {
  if (photos_->empty()) GTEST_SKIP() << "the ILSVRC photos are not there";
  for (std::size_t i = 0; i < photos_->size(); ++i)
    EXPECT_EQ(
        largest_difference(read_image((*photos_)[i]), read_image(*folder_ / "photos" / fmt::format("{}.png", i))),
        0)
        << (*photos_)[i];
}

}  // namespace
}  // namespace limn
