// Transformed weights on disk: found again, told apart, and never a reason to fail or to compute something else.

#include "limn/runtime/weight_cache.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "limn/runtime/plan.h"
#include "runtime/small_network.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAreArray;

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}
std::span<const std::byte> bytes_of(const std::vector<float>& v) { return std::as_bytes(std::span(v)); }
std::vector<std::byte> bytes_of(const WeightCache::Entry& e) { return {e.bytes.get(), e.bytes.get() + e.size}; }

const std::vector<float> kWeights{1, 2, 3}, kForm{5, 6, 7, 8, 9};

class Cached : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  WeightCache cache_{folder_.path()};
  std::string key_ = cache_.key(kWeights, "form");
};

TEST_F(Cached, WhatIsKeptIsFound) {
  EXPECT_FALSE(cache_.find(key_));
  cache_.keep(key_, bytes_of(kForm));
  const auto found = WeightCache(folder_.path()).find(key_);
  ASSERT_TRUE(found);
  EXPECT_THAT(bytes_of(*found), ElementsAreArray(bytes_of(kForm)));
}

TEST_F(Cached, AVerdictIsKeptWithoutBytes) {
  cache_.keep(key_, {});
  const auto found = cache_.find(key_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes, nullptr);
}

TEST_F(Cached, OtherWeightsAndFormsHaveOtherNames) {
  EXPECT_NE(cache_.key({{1, 2, 4}}, "form"), key_);
  EXPECT_NE(cache_.key(kWeights, "other"), key_);
  EXPECT_EQ(cache_.key(kWeights, "form"), key_);
}

TEST_F(Cached, DamagedFilesCountAsNoneAndGo) {
  const auto damage = [&](const std::function<void(const fs::path&)>& how) {
    cache_.keep(key_, bytes_of(kForm));
    how(folder_.path() / key_);
    EXPECT_FALSE(cache_.find(key_));
    EXPECT_FALSE(fs::exists(folder_.path() / key_));
  };
  damage([](const fs::path& f) { fs::resize_file(f, fs::file_size(f) - 1); });
  damage([](const fs::path& f) { fs::resize_file(f, 3); });
  damage([](const fs::path& f) { fs::resize_file(f, 0); });
  for (const std::streamoff at : {std::streamoff{0}, std::streamoff{16}, std::streamoff{23}, std::streamoff{45}})
    damage([&](const fs::path& f) {  // the magic, both ends of the size, a weight
      std::fstream file(f, std::ios::binary | std::ios::in | std::ios::out);
      file.seekp(at);
      file.put('\x7f');
    });
}

TEST_F(Cached, AFolderThatCannotBeIsNoError) {
  std::ofstream(folder_.path() / "file") << "in the way";
  for (const fs::path& folder : {folder_.path() / "file", folder_.path() / "file" / "below", fs::path()}) {
    const WeightCache none(folder);
    const std::string key = none.key(kWeights, "form");
    none.keep(key, bytes_of(kForm));
    EXPECT_FALSE(none.find(key)) << folder;
    EXPECT_EQ(cache_use(folder).files, 0U);
  }
}

TEST_F(Cached, ManyMayWriteAndReadAtOnce) {
  std::vector<float> large(100'000, 1.5F);
  const auto work = [&] {
    for (int i = 0; i < 50; ++i) {
      cache_.keep(key_, bytes_of(large));
      const auto found = cache_.find(key_);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->size, large.size() * sizeof(float));
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(files_in(folder_.path()).size(), 1U);  // no temporary file was left
}

TEST_F(Cached, UseIsToldAndClearedWithoutTouchingOtherFiles) {
  cache_.keep(key_, bytes_of(kForm));
  cache_.keep(cache_.key(kWeights, "other"), {});
  std::ofstream(folder_.path() / "mine.txt") << "mine";
  const CacheUse use = cache_use(folder_.path()), removed = clear_cache(folder_.path());
  EXPECT_EQ(use.files, 2U);
  EXPECT_EQ(removed.files, 2U);
  EXPECT_EQ(removed.bytes, use.bytes);
  EXPECT_EQ(files_in(folder_.path()), std::vector{folder_.path() / "mine.txt"});
}

TEST_F(Cached, WhatAProcessLeftUnfinishedIsClearedToo) {
  const fs::path old = folder_.path() / ("." + key_ + ".123.0.tmp"),
                 fresh = folder_.path() / ("." + key_ + ".124.0.tmp"), other = folder_.path() / ".mine.tmp";
  const auto yesterday = fs::file_time_type::clock::now() - std::chrono::hours(24);
  for (const fs::path& path : {old, fresh, other}) std::ofstream(path) << "half";
  for (const fs::path& path : {old, other}) fs::last_write_time(path, yesterday);
  EXPECT_EQ(cache_use(folder_.path()).bytes, 4U);
  EXPECT_EQ(clear_cache(folder_.path()).files, 1U);
  auto left = files_in(folder_.path());
  std::ranges::sort(left);
  EXPECT_EQ(left, (std::vector{fresh, other}));
}

/// Programs with a cold, a warm and no cache compute the same, bit for bit.
TEST_F(Cached, ProgramsAreTheSame) {
  SmallNetwork n(1);
  const Value y = n.graph().add("Relu", {n.conv(n.input(64, 28, 28), 64, {3, 3}, {{"pads", Ints(4, 1)}})});
  const Graph graph = n.finish({{"y", y}});
  const Feeds feeds{{"x", n.uniform({1, 64, 28, 28}, 0, 1)}};
  const auto result = [&](const fs::path& folder) {
    const Program program =
        Program::compile(graph, {.symbols = {{"N", 1}}, .precision = Precision::fast, .cache = folder});
    Session session(program);
    fill(session, feeds, program.inputs());
    session.run();
    const auto out = session.output("y");
    return std::vector<float>(out.begin(), out.end());
  };
  const auto without = result({}), cold = result(folder_.path());
  const auto kept = files_in(folder_.path());
  EXPECT_EQ(kept.size(), channel_block() == 16 ? 1U : 0U);  // elsewhere nothing is transformed
  EXPECT_EQ(result(folder_.path()), without);
  EXPECT_EQ(cold, without);
  EXPECT_EQ(files_in(folder_.path()), kept);
}

/// The bytes of the file are what is read: a whole file with other weights makes another result.
TEST_F(Cached, ProgramsReadTheFile) {
  if (channel_block() != 16) GTEST_SKIP() << "nothing is transformed on this processor";
  SmallNetwork n(1);
  const Graph graph = n.finish({{"y", n.conv(n.input(64, 28, 28), 64, {3, 3}, {{"pads", Ints(4, 1)}}, false)}});
  const auto largest = [&] {
    const Program program =
        Program::compile(graph, {.symbols = {{"N", 1}}, .precision = Precision::fast, .cache = folder_.path()});
    Session session(program);
    std::ranges::fill(session.input("x"), 1.0F);
    session.run();
    const auto y = session.output("y");
    return *std::ranges::max_element(y);
  };
  EXPECT_GT(largest(), 0.0F);
  const std::string key = files_in(folder_.path()).front().filename().string();
  const std::size_t size = cache_.find(key)->size;
  cache_.keep(key, std::vector<std::byte>(size));
  EXPECT_EQ(largest(), 0.0F);
}

}  // namespace
}  // namespace limn
