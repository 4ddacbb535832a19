// Weights in files beside the model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "limn/model.h"
#include "support/expect_error.h"
#include "support/onnx_writer.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using test::make_external;
using test::OnnxWriter;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ExternalData : public ::testing::Test {
 protected:
  ExternalData() {
    const float values[] = {0, 1, 2, 3, 4, 5, 6, 7};
    std::filesystem::create_directories(folder_ / "model/parts");
    for (const char* name : {"model/w.bin", "model/parts/w.bin", "outside.bin"})
      std::ofstream(folder_ / name, std::ios::binary).write(reinterpret_cast<const char*>(values), sizeof(values));
    writer_.input("x", {2});
    writer_.node("Add", {"x", "t"}, {"y"});
    writer_.output("y");
  }

  onnx::TensorProto& tensor() { return writer_.tensor("t", {2}, onnx::TensorProto_DataType_FLOAT); }
  std::filesystem::path path() const { return folder_ / "model/m.onnx"; }
  Model import() {
    writer_.save(path());
    return import_onnx(path());
  }
  Tensor imported() {
    const Graph g = import().graph;
    return *g.constant(g.at("t"));
  }

  ScratchFolder folder_;
  OnnxWriter writer_;
};

TEST_F(ExternalData, IsReadAtItsOffset) {
  make_external(tensor(), "w.bin", "8", "8");
  EXPECT_THAT(imported().as<float>(), ElementsAre(2, 3));
}

TEST_F(ExternalData, NeedsNeitherOffsetNorLength) {
  make_external(tensor(), "w.bin");
  EXPECT_THAT(imported().as<float>(), ElementsAre(0, 1));
}

TEST_F(ExternalData, LiesInFoldersBelowAsWell) {
  make_external(tensor(), "parts/w.bin", "16");
  EXPECT_THAT(imported().as<float>(), ElementsAre(4, 5));
}

TEST_F(ExternalData, MayBeLargerThanTwoGigabytes) {
  const auto data = folder_ / "model/large.bin";
  constexpr std::uintmax_t kOffset = 3'000'000'000;
  std::filesystem::copy_file(folder_ / "model/w.bin", data);
  std::filesystem::resize_file(data, kOffset);  // a hole, not bytes on the disk
  std::ofstream(data, std::ios::binary | std::ios::app).write("\0\0\200?\0\0\0@", 8);
  make_external(tensor(), "large.bin", std::to_string(kOffset), "8");
  EXPECT_THAT(imported().as<float>(), ElementsAre(1, 2));
}

TEST_F(ExternalData, NeedNotBeAligned) {
  make_external(tensor(), "w.bin", "2");
  const Tensor t = imported();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(t.bytes()) % alignof(float), 0U);
  EXPECT_EQ(t.as<float>().size(), 2U);
}

TEST_F(ExternalData, StaysReadableWhenTheFileIsUnlinked) {
  make_external(tensor(), "w.bin", "8", "8");
  const Tensor t = imported();
  std::filesystem::remove(folder_ / "model/w.bin");
  EXPECT_THAT(t.as<float>(), ElementsAre(2, 3));
}

TEST_F(ExternalData, OfHalvesIsWidened) {
  auto& t = writer_.tensor("t", {2}, onnx::TensorProto_DataType_FLOAT16);
  make_external(t, "w.bin", "4", "4");  // the float 1: 0x0000 and 0x3f80
  EXPECT_THAT(imported().as<float>(), ElementsAre(0, 1.875F));
}

TEST_F(ExternalData, FromMemoryNeedsAFolder) {
  make_external(tensor(), "w.bin");
  EXPECT_ERROR(import_onnx(writer_.bytes()), ErrorCode::bad_input,
               AllOf(HasSubstr("'w.bin'"), HasSubstr("read from memory"), HasSubstr("tensor 't'")));
  EXPECT_NO_THROW(import_onnx(writer_.bytes(), folder_ / "model"));
}

TEST_F(ExternalData, MissingFileNamesTensorAndFile) {
  make_external(tensor(), "gone.bin");
  EXPECT_ERROR(import(), ErrorCode::not_found,
               AllOf(HasSubstr("'gone.bin'"), HasSubstr("tensor 't'"), HasSubstr("m.onnx"), HasSubstr("mend:")));
}

TEST_F(ExternalData, FolderInPlaceOfAFile) {
  make_external(tensor(), "parts");
  EXPECT_ERROR(import(), ErrorCode::io, HasSubstr("it is a folder"));
}

TEST_F(ExternalData, MustNotLeaveItsFolder) {
  std::filesystem::create_symlink(folder_ / "outside.bin", folder_ / "model/link.bin");
  std::filesystem::create_directory_symlink(folder_.path(), folder_ / "model/up");
  const std::string absolute = (folder_ / "outside.bin").string();
  for (const std::string& location :
       {std::string("../outside.bin"), std::string("parts/../../outside.bin"), absolute, std::string("link.bin"),
        std::string("up/outside.bin"), std::string(), std::string("w.bin\0x", 7)}) {
    writer_.graph().clear_initializer();
    make_external(tensor(), location);
    EXPECT_ERROR(import(), ErrorCode::bad_input,
                 AllOf(HasSubstr("points outside its folder"), HasSubstr("tensor 't'")));
  }
}

TEST_F(ExternalData, MayBeALinkWithinTheFolder) {
  std::filesystem::create_symlink("parts/w.bin", folder_ / "model/near.bin");
  make_external(tensor(), "near.bin");
  EXPECT_THAT(imported().as<float>(), ElementsAre(0, 1));
}

TEST_F(ExternalData, ReachingBehindTheEndOfTheFile) {
  for (const char* offset : {"28", "33", "18446744073709551615"}) {
    writer_.graph().clear_initializer();
    make_external(tensor(), "w.bin", offset);
    EXPECT_ERROR(import(), ErrorCode::bad_input, AllOf(HasSubstr("'w.bin' is too short"), HasSubstr("it has 32")));
  }
}

TEST_F(ExternalData, LengthThatDoesNotFitTheSizes) {
  make_external(tensor(), "w.bin", "0", "12");
  EXPECT_ERROR(
      import(), ErrorCode::bad_input,
      AllOf(HasSubstr("12 bytes of external data are named, but the sizes need 8"), HasSubstr("tensor 't'")));
}

TEST_F(ExternalData, OffsetThatIsNoNumber) {
  make_external(tensor(), "w.bin", "-4");
  EXPECT_ERROR(import(), ErrorCode::bad_input, HasSubstr("the offset of external data, '-4', is not a number"));
}

TEST_F(ExternalData, ModelFoundThroughARelativePath) {
  make_external(tensor(), "w.bin", "8", "8");
  writer_.save(path());
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_ / "model");
  EXPECT_NO_THROW(import_onnx(std::filesystem::path("m.onnx")));
  std::filesystem::current_path(before);
}

}  // namespace
}  // namespace limn
