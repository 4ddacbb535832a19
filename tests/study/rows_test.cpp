// What is written comes back; what is half written does not.

#include "limn/study/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "limn/base/file.h"
#include "limn/base/sha256.h"
#include "limn/study/block.h"
#include "support/expect_error.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ImageRow image_at(std::int64_t position) {
  ImageRow row;
  row.position = position;
  row.id = "image " + std::to_string(position);
  row.width = 500;
  row.height = 375;
  row.classes = {3, 1};
  row.boxes = {{3, {0.1, 2, 3.7, 4}}};
  row.predicted = {3, 2, 1};
  row.top1 = row.top5 = true;
  return row;
}

TEST(RowStore, GivesBackWhatItTook) {
  const ScratchFolder folder;
  RowStore rows(folder / "rows.sqlite", {"a", "b", "c"});
  ImageRow failed;
  failed.id = "zero";
  failed.error = "it's broken";
  std::vector<MapRow> maps(1);
  maps[0].position = 1;
  maps[0].method = "grad-cam";
  maps[0].cells.emplace_back(std::int64_t{1});
  maps[0].cells.emplace_back(0.25);
  maps[0].cells.emplace_back(std::vector<std::uint16_t>{1, 50000});
  rows.write(std::vector{image_at(1), failed}, maps);
  EXPECT_THAT(rows.positions(), ElementsAre(0, 1));
  std::vector<ImageRow> read;
  rows.for_each_image([&](const ImageRow& row) { read.push_back(row); });
  EXPECT_EQ(read[0].error, "it's broken");
  EXPECT_EQ(read[1].boxes, image_at(1).boxes);
  EXPECT_EQ(read[1].predicted, image_at(1).predicted);
  int count = 0;
  rows.for_each_map("grad-cam", [&](std::int64_t position, const Statement& row) {
    ++count;
    EXPECT_EQ(position, 1);
    EXPECT_EQ(row.integer(0), 1);
    EXPECT_EQ(row.real(1), 0.25);
    EXPECT_THAT(row.numbers(2), ElementsAre(1, 50000));
  });
  EXPECT_EQ(count, 1);
}

TEST(RowStore, IsReadWithoutAChange) {
  const ScratchFolder folder;
  {
    RowStore rows(folder / "rows.sqlite", {"a", "b.c"});
    rows.write(std::vector{image_at(1)}, {});
    rows.close();
  }
  const auto before = read_file(folder / "rows.sqlite");
  RowStore rows = RowStore::to_read(folder / "rows.sqlite");
  EXPECT_THAT(rows.columns(), ElementsAre("a", "b.c"));
  EXPECT_THAT(rows.positions(), ElementsAre(1));
  EXPECT_ERROR(rows.write(std::vector{image_at(2)}, {}), ErrorCode::io, HasSubstr("readonly"));
  EXPECT_EQ(read_file(folder / "rows.sqlite"), before);
  EXPECT_ERROR(RowStore::to_read(folder / "none.sqlite"), ErrorCode::io, HasSubstr("none.sqlite"));
}

TEST(RowStore, ABlockIsWrittenWholeOrNotAtAll) {
  const ScratchFolder folder;
  RowStore rows(folder / "rows.sqlite", {"a"});
  rows.write(std::vector{image_at(0)}, {});
  EXPECT_ERROR(rows.write(std::vector{image_at(1), image_at(0)}, {}), ErrorCode::io, HasSubstr("rows.sqlite"));
  EXPECT_THAT(rows.positions(), ElementsAre(0));
  rows.write(std::vector{image_at(1)}, {});
  EXPECT_THAT(rows.positions(), ElementsAre(0, 1));
}

TEST(BlockResult, ComesBackFromAnotherProcessAsItWas) {
  BlockResult result;
  result.images = {image_at(3), image_at(4)};
  result.images[1].error = "no \"picture\"";
  result.maps = {
      {3, "grad-cam", {std::monostate{}, std::int64_t{5}, 0.1, 2.0, "text", std::vector<std::uint16_t>{1, 50'000}}},
      {4, "random-map", {}}};
  result.times.decode = 0.25;
  const BlockResult back = unpacked(packed(result));
  ASSERT_EQ(back.images.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const ImageRow &a = result.images[i], &b = back.images[i];
    EXPECT_EQ(std::tie(a.position, a.id, a.error, a.width, a.height, a.classes, a.boxes, a.predicted, a.top1,
                       a.top5, a.excluded),
              std::tie(b.position, b.id, b.error, b.width, b.height, b.classes, b.boxes, b.predicted, b.top1,
                       b.top5, b.excluded));
  }
  ASSERT_EQ(back.maps.size(), 2U);
  EXPECT_EQ(back.maps[0].method, "grad-cam");
  EXPECT_EQ(back.maps[0].cells, result.maps[0].cells);
  EXPECT_EQ(back.maps[1].position, 4);
  EXPECT_EQ(back.times.decode, 0.25);
  const std::vector<std::uint8_t> nothing{1, 2, 3};
  EXPECT_ERROR(unpacked(nothing), ErrorCode::internal, HasSubstr("another process"));
}

TEST(RowStore, ClosesWhileSomebodyReads) {
  const ScratchFolder folder;
  const auto file = folder / "rows.sqlite";
  RowStore rows(file, {"known"});
  const std::vector<ImageRow> images{image_at(0), image_at(1)};
  const std::vector<MapRow> maps{{0, "cam", {std::int64_t{1}}}, {1, "cam", {std::int64_t{0}}}};
  rows.write(images, maps);
  RowStore reader = RowStore::to_read(file);
  std::size_t seen = 0;
  reader.for_each_image([&](const ImageRow&) {
    if (seen++ == 0) rows.close();
  });
  EXPECT_EQ(seen, 2U);
  EXPECT_EQ(RowStore::to_read(file).positions().size(), 2U);
}

TEST(RowStore, RefusesAFileThatIsNoDatabase) {
  const ScratchFolder folder;
  write_file_atomically(folder / "rows.sqlite", std::string(5000, 'x'));
  EXPECT_ERROR(RowStore(folder / "rows.sqlite", {"a"}), ErrorCode::bad_input, HasSubstr("rows.sqlite"));
  EXPECT_ERROR(RowStore(folder / "none/rows.sqlite", {"a"}), ErrorCode::io, HasSubstr("none"));
}

TEST(RowStore, AFullDiskIsAnErrorAndLosesNothing) {
  const ScratchFolder folder;
  std::size_t there = 0;
  {
    RowStore rows(folder / "rows.sqlite", {"a"});
    const FileSizeLimit limit(200'000);
    const auto fill = [&] {
      for (std::int64_t position = 0; position < 10'000; ++position) {
        rows.write(std::vector{image_at(position)}, {});
        ++there;
      }
    };
    EXPECT_ERROR(fill(), ErrorCode::io, HasSubstr("--resume"));
  }
  RowStore rows(folder / "rows.sqlite", {"a"});
  EXPECT_EQ(rows.positions().size(), there);
  EXPECT_GT(there, 10U);
}

TEST(Sha256, KnownHashes) {
  const auto hash = [](std::initializer_list<std::string_view> parts) {
    Sha256 all;
    for (const auto part : parts) all.add(part);
    return all.finish();
  };
  EXPECT_EQ(hash({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash({"a", "bc"}), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash({"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"}),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

}  // namespace
}  // namespace limn
