#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstring>
#include <random>
#include <set>

#include "limn/base/file.h"
#include "limn/image.h"
#include "limn/image/exif.h"
#include "reference_images.h"
#include "support/expect_error.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

class EveryReferenceImage : public testing::TestWithParam<ReferenceImage> {};

TEST_P(EveryReferenceImage, HasTheExpectedPixels) {
  const auto& [path, expected] = GetParam();
  const Image image = read_image(path);
  EXPECT_EQ(image.width, expected.width);
  EXPECT_EQ(image.height, expected.height);
  EXPECT_EQ(largest_difference(image, expected), 0);
}

TEST_P(EveryReferenceImage, IsReadWhateverItsName) {
  const ScratchFolder folder;
  std::filesystem::copy_file(GetParam().path, folder / "picture.txt");
  EXPECT_EQ(read_image(folder / "picture.txt"), GetParam().expected);
}

TEST_P(EveryReferenceImage, EveryTruncationIsAnErrorOrComplete) {
  const auto file = read_file(GetParam().path);
  // What may be missing: TIFF keeps metadata behind the pixels, some readers need none of it.
  const bool tail_may_be_missing = GetParam().path.extension() == ".tif";
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < file.size(); ++size) {
    // A copy of its own, so that a sanitizer sees a read past the end.
    const std::vector<std::byte> part(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    try {
      const Image image = decode_image(part, "part");
      ++accepted;
      EXPECT_EQ(image, GetParam().expected) << size << " of " << file.size() << " bytes";
    } catch (const Error& e) {
      EXPECT_THAT(e.code(), testing::AnyOf(ErrorCode::bad_input, ErrorCode::unsupported)) << e.what();
      EXPECT_EQ(e.where(), "part");
    }
  }
  if (!tail_may_be_missing) {
    EXPECT_EQ(accepted, 0U);
  }
}

TEST_P(EveryReferenceImage, DamageIsAnErrorOrAPicture) {
  const auto file = read_file(GetParam().path);
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::byte> damaged = file;
    for (int hit = 0; hit < 1 + round % 4; ++hit)
      damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    try {
      const Image image = decode_image(damaged, "damaged", {1 << 20});
      EXPECT_EQ(image.pixels.size(), static_cast<std::size_t>(image.width) * image.height * 3);
    } catch (const Error& e) {
      EXPECT_NE(e.code(), ErrorCode::internal) << e.what();
    }
  }
}

std::string name_of_case(const testing::TestParamInfo<ReferenceImage>& info) {
  std::string name = info.param.path.filename().string();
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Decode, EveryReferenceImage, testing::ValuesIn(reference_images(reference_folder())),
                         name_of_case);

TEST(Decode, NoFormatIsMissingAmongTheReferenceImages) {
  std::set<ImageFormat> formats;
  for (const auto& image : reference_images(reference_folder()))
    formats.insert(image_format(read_file(image.path)));
  EXPECT_EQ(formats.size(), 5U);
  EXPECT_EQ(formats.count(ImageFormat::unknown), 0U);
}

TEST(Decode, SaysWhatIsWrongWithAFile) {
  const ScratchFolder folder;
  EXPECT_ERROR(read_image(folder / "none.jpg"), ErrorCode::not_found, HasSubstr("none.jpg"));
  EXPECT_ERROR(read_image(folder.path()), ErrorCode::io, HasSubstr("folder"));
  write_file_atomically(folder / "empty.png", "");
  EXPECT_ERROR(read_image(folder / "empty.png"), ErrorCode::bad_input,
               AllOf(HasSubstr("the image file is empty"), HasSubstr("empty.png")));
  write_file_atomically(folder / "text.jpg", "Hello, this is no picture.\n");
  EXPECT_ERROR(read_image(folder / "text.jpg"), ErrorCode::bad_input,
               AllOf(HasSubstr("not an image limn can read (JPEG, PNG, WebP, BMP, TIFF)"), HasSubstr("text.jpg")));
}

TEST(Decode, TextThatBeginsLikeABitmapIsNoImage) {
  EXPECT_ERROR(decode_image(bytes_of("BMW makes cars, among them the one on the next page.\n"), "cars.txt"),
               ErrorCode::bad_input, HasSubstr("not an image"));
}

TEST(Decode, ATruncatedPhotoIsCalledSo) {
  const auto file = read_file(reference_folder() / "plain.jpg");
  EXPECT_ERROR(decode_image(std::span(file).first(file.size() - 60), "photo.jpg"), ErrorCode::bad_input,
               AllOf(HasSubstr("corrupt or truncated"), HasSubstr("photo.jpg")));
}

TEST(Decode, RefusesMorePixelsThanTheLimit) {
  for (const auto& reference : reference_images(reference_folder())) {
    const auto file = read_file(reference.path);
    const std::int64_t pixels = reference.expected.width * reference.expected.height;
    EXPECT_NO_THROW(decode_image(file, "x", {pixels}));
    EXPECT_ERROR(decode_image(file, reference.path.string(), {pixels - 1}), ErrorCode::limit,
                 HasSubstr("too large"));
  }
}

TEST(Decode, ABombIsRefusedBeforeItGoesOff) {
  // A PNG header that promises 2^31-1 pixels a side, followed by nothing.
  auto file = read_file(reference_folder() / "rgb-8.png");
  const unsigned char header[] = {0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 8,
                                  2,    0,    0,    0,    0xB9, 0xD4, 0x75, 0x60};
  std::memcpy(file.data() + 16, header, 8);
  EXPECT_ERROR(decode_image(file, "bomb"), ErrorCode::bad_input, HasSubstr("PNG"));  // the checksum no longer fits
  // A bitmap that promises more than it has.
  auto bitmap = read_file(reference_folder() / "rgb-24.bmp");
  std::memcpy(bitmap.data() + 18, header, 2);
  EXPECT_ERROR(decode_image(bitmap, "bomb"), ErrorCode::bad_input, HasSubstr("too early"));
}

TEST(Decode, AChunkThatClaimsMoreThanTheFileIsTruncation) {
  auto file = read_file(reference_folder() / "orientation-6.png");
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const std::size_t name = text.find("eXIf");
  ASSERT_NE(name, std::string_view::npos);
  file[name - 4] = std::byte{0x24};  // 600 MB of metadata
  EXPECT_ERROR(decode_image(file, "x"), ErrorCode::bad_input, HasSubstr("too early"));
}

TEST(Decode, AnimationsAreRefusedBySaying) {
  std::string file("RIFF\x16\0\0\0WEBPVP8X\x0A\0\0\0\x02\0\0\0\x0C\0\0\x08\0\0", 30);
  EXPECT_ERROR(decode_image(bytes_of(file), "x"), ErrorCode::unsupported, HasSubstr("animation"));
}

TEST(Decode, OnePixel) {
  Image pixel(1, 1);
  pixel.pixels = {1, 2, 3};
  EXPECT_EQ(decode_image(encode_png(pixel), "x"), pixel);
}

TEST(Png, RoundTrips) {
  const ScratchFolder folder;
  const Image image = noise(37, 21, 1);
  write_png(folder / "noise.png", image);
  EXPECT_EQ(read_image(folder / "noise.png"), image);
}

TEST(Png, AFullDiskLeavesNothing) {
  const ScratchFolder folder;
  {
    const FileSizeLimit limit(100);
    EXPECT_ERROR(write_png(folder / "noise.png", noise(50, 50, 1)), ErrorCode::io, HasSubstr("noise.png"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

/// One byte per pixel of a 3x2 picture, repeated over the channels.
Image of_letters(int width, int height, std::string_view letters) {
  Image image(width, height);
  for (std::size_t i = 0; i < letters.size(); ++i) std::memset(&image.pixels[3 * i], letters[i], 3);
  return image;
}

TEST(Orientation, TurnsTheStoredPixelsUpright) {
  // Stored:  a b c
  //          d e f
  const Image stored = of_letters(3, 2, "abcdef");
  EXPECT_EQ(upright(stored, 1), stored);
  EXPECT_EQ(upright(stored, 2), of_letters(3, 2, "cbafed"));
  EXPECT_EQ(upright(stored, 3), of_letters(3, 2, "fedcba"));
  EXPECT_EQ(upright(stored, 4), of_letters(3, 2, "defabc"));
  EXPECT_EQ(upright(stored, 5), of_letters(2, 3, "adbecf"));
  EXPECT_EQ(upright(stored, 6), of_letters(2, 3, "daebfc"));
  EXPECT_EQ(upright(stored, 7), of_letters(2, 3, "fcebda"));
  EXPECT_EQ(upright(stored, 8), of_letters(2, 3, "cfbead"));
  EXPECT_EQ(upright(stored, 99), stored);
}

TEST(Orientation, IsReadInBothByteOrders) {
  const std::string little("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22);
  const std::string big("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0", 22);
  const auto orientation = [](const std::string& text) {
    return exif_orientation({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  EXPECT_EQ(orientation(little), 6);
  EXPECT_EQ(orientation(big), 8);
  EXPECT_EQ(orientation(std::string("Exif\0\0", 6) + little), 6);
  // Damaged blocks never keep a photo from being read.
  for (std::size_t size = 0; size < little.size(); ++size) EXPECT_EQ(orientation(little.substr(0, size)), 1);
  std::string strange = little;
  strange[18] = 9;
  EXPECT_EQ(orientation(strange), 1);
}

}  // namespace
}  // namespace limn
