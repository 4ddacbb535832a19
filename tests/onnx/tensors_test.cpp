// Every element type, in every form a file may store it, and tensors that cannot be right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "limn/base/file_part.h"
#include "limn/model.h"
#include "support/expect_error.h"
#include "support/onnx_writer.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using test::OnnxWriter;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using T = onnx::TensorProto;

/// A model that hands on one input, beside the tensor under test.
OnnxWriter writer() {
  OnnxWriter w;
  w.input("x", {1});
  w.node("Relu", {"x"}, {"y"});
  w.output("y");
  return w;
}

Tensor imported(const OnnxWriter& w, const char* name = "t") {
  const Graph g = import_onnx(w.bytes()).graph;
  return *g.constant(g.at(name));
}

template <class Value>
void set_raw(T& tensor, std::initializer_list<Value> values) {
  tensor.set_raw_data(std::data(values), values.size() * sizeof(Value));
}

template <class Value>
void expect_raw(int type, std::initializer_list<Value> values) {
  OnnxWriter w = writer();
  set_raw(w.tensor("t", {static_cast<std::int64_t>(values.size())}, type), values);
  const Tensor t = imported(w);
  ASSERT_EQ(t.dtype(), dtype_of<Value>());
  EXPECT_THAT(t.as<Value>(), ::testing::ElementsAreArray(values));
}

TEST(RawTensor, OfEveryTypeThatIsHeldAsItIs) {
  expect_raw<float>(T::FLOAT, {1.5F, -2});
  expect_raw<std::uint8_t>(T::UINT8, {0, 255});
  expect_raw<std::int8_t>(T::INT8, {-128, 127});
  expect_raw<std::uint16_t>(T::UINT16, {0, 65535});
  expect_raw<std::int16_t>(T::INT16, {-32768, 32767});
  expect_raw<std::int32_t>(T::INT32, {std::numeric_limits<std::int32_t>::min(), 7});
  expect_raw<std::int64_t>(T::INT64, {std::numeric_limits<std::int64_t>::min(), 7});
  expect_raw<std::uint32_t>(T::UINT32, {4294967295U});
  expect_raw<std::uint64_t>(T::UINT64, {18446744073709551615U});
  expect_raw<bool>(T::BOOL, {true, false});
}

TEST(RawTensor, BoolsAreAnyByte) {
  OnnxWriter w = writer();
  w.tensor("t", {3}, T::BOOL).set_raw_data(std::string("\0\2\377", 3));
  EXPECT_THAT(imported(w).as<bool>(), ElementsAre(false, true, true));
}

TEST(RawTensor, HalfBecomesFloat) {
  OnnxWriter w = writer();
  // 1, -2, largest, smallest subnormal, -0, infinity, NaN
  set_raw<std::uint16_t>(w.tensor("t", {7}, T::FLOAT16), {0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00, 0x7e00});
  const Tensor t = imported(w);
  const auto v = t.as<float>();
  EXPECT_EQ(v[0], 1);
  EXPECT_EQ(v[1], -2);
  EXPECT_EQ(v[2], 65504);
  EXPECT_EQ(v[3], 0x1p-24F);
  EXPECT_TRUE(v[4] == 0 && std::signbit(v[4]));
  EXPECT_EQ(v[5], std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(v[6]));
}

TEST(RawTensor, BrainFloatAndDoubleBecomeFloat) {
  OnnxWriter w = writer();
  set_raw<std::uint16_t>(w.tensor("b", {2}, T::BFLOAT16), {0x3f80, 0xc040});
  set_raw<double>(w.tensor("d", {2}, T::DOUBLE), {0.5, -1e300});
  EXPECT_THAT(imported(w, "b").as<float>(), ElementsAre(1, -3));
  EXPECT_THAT(imported(w, "d").as<float>(), ElementsAre(0.5F, -std::numeric_limits<float>::infinity()));
  const auto metadata = import_onnx(w.bytes()).graph.data().metadata;
  EXPECT_EQ(metadata.at("note"), "half, bfloat16 and double numbers became float32");
}

TEST(TypedTensor, OfEveryField) {
  OnnxWriter w = writer();
  w.tensor("f", {2}, T::FLOAT).mutable_float_data()->Add(1.5F);
  w.graph().mutable_initializer(0)->add_float_data(2.5F);
  w.tensor("d", {1}, T::DOUBLE).add_double_data(0.25);
  w.tensor("i64", {1}, T::INT64).add_int64_data(-5);
  w.tensor("u64", {1}, T::UINT64).add_uint64_data(1ULL << 63);
  w.tensor("u32", {1}, T::UINT32).add_uint64_data(7);
  w.tensor("i32", {1}, T::INT32).add_int32_data(-7);
  w.tensor("i8", {1}, T::INT8).add_int32_data(-8);
  w.tensor("u8", {1}, T::UINT8).add_int32_data(200);
  w.tensor("bool", {1}, T::BOOL).add_int32_data(1);
  w.tensor("half", {1}, T::FLOAT16).add_int32_data(0x4000);
  w.tensor("brain", {1}, T::BFLOAT16).add_int32_data(0x4000);
  const Graph g = import_onnx(w.bytes()).graph;
  const auto at = [&](const char* name) -> const Tensor& { return *g.constant(g.at(name)); };
  EXPECT_THAT(at("f").as<float>(), ElementsAre(1.5F, 2.5F));
  EXPECT_THAT(at("d").as<float>(), ElementsAre(0.25F));
  EXPECT_THAT(at("i64").as<std::int64_t>(), ElementsAre(-5));
  EXPECT_THAT(at("u64").as<std::uint64_t>(), ElementsAre(1ULL << 63));
  EXPECT_THAT(at("u32").as<std::uint32_t>(), ElementsAre(7));
  EXPECT_THAT(at("i32").as<std::int32_t>(), ElementsAre(-7));
  EXPECT_THAT(at("i8").as<std::int8_t>(), ElementsAre(-8));
  EXPECT_THAT(at("u8").as<std::uint8_t>(), ElementsAre(200));
  EXPECT_THAT(at("bool").as<bool>(), ElementsAre(true));
  EXPECT_THAT(at("half").as<float>(), ElementsAre(2));
  EXPECT_THAT(at("brain").as<float>(), ElementsAre(2));
}

TEST(Tensor, StaysInTheFileWhereItIsAligned) {
  // Of four tensors of one byte more each, one at least lies at a multiple of four.
  const ScratchFolder folder;
  OnnxWriter w = writer();
  for (const char* name : {"a", "ab", "abc", "abcd"}) w.weight(name, {2}, std::vector<float>{1, 2});
  w.save(folder / "m.onnx");
  const Graph g = import_onnx(folder / "m.onnx").graph;
  int in_place = 0;
  for (const char* name : {"a", "ab", "abc", "abcd"}) {
    const Tensor t = *g.constant(g.at(name));
    EXPECT_THAT(t.as<float>(), ElementsAre(1, 2));
    // Memory of our own is aligned to 64 bytes; no tensor of this small file is.
    in_place += reinterpret_cast<std::uintptr_t>(t.bytes()) % 64 != 0;
  }
  EXPECT_GE(in_place, 1);
}

/// Large ones are read when somebody asks, wherever they lie in the file.
TEST(Tensor, LargeOnesAreReadLater) {
  const ScratchFolder folder;
  constexpr std::int64_t kCount = 1 << 19;
  std::vector<float> values(kCount);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  OnnxWriter w = writer();
  for (const char* name : {"a", "ab", "abc", "abcd"}) w.weight(name, {kCount}, values);
  w.save(folder / "m.onnx");
  const Graph g = import_onnx(folder / "m.onnx").graph;
  Lender lender;
  for (const char* name : {"a", "ab", "abc", "abcd"}) {
    const Tensor t = *g.constant(g.at(name));
    const auto* const lent = reinterpret_cast<const float*>(t.bytes(lender));
    EXPECT_TRUE(std::equal(values.begin(), values.end(), lent));
    EXPECT_TRUE(std::ranges::equal(t.as<float>(), values));
  }
}

TEST(BadTensor, TooFewBytes) {
  OnnxWriter w = writer();
  w.tensor("t", {2, 3}, T::FLOAT).set_raw_data("12345678");
  EXPECT_ERROR(import_onnx(w.bytes()), ErrorCode::bad_input,
               AllOf(HasSubstr("float32 tensor of the sizes [2, 3] needs 24 bytes, but the file holds 8"),
                     HasSubstr("tensor 't'")));
}

TEST(BadTensor, TooFewElements) {
  OnnxWriter w = writer();
  w.tensor("t", {2, 3}, T::INT64).add_int64_data(1);
  EXPECT_ERROR(import_onnx(w.bytes()), ErrorCode::bad_input,
               AllOf(HasSubstr("needs 6 elements, but the file holds 1"), HasSubstr("tensor 't'")));
}

TEST(BadTensor, SizesThatOverflow) {
  OnnxWriter w = writer();
  w.tensor("t", {1LL << 40, 1LL << 40}, T::FLOAT).set_raw_data("1234");
  EXPECT_ERROR(import_onnx(w.bytes()), ErrorCode::bad_input,
               AllOf(HasSubstr("too large for any memory"), HasSubstr("tensor 't'")));
}

TEST(BadTensor, HugeSizesWithoutDataTakeNoMemory) {
  OnnxWriter w = writer();
  w.tensor("t", {1LL << 50}, T::FLOAT);
  EXPECT_ERROR(import_onnx(w.bytes()), ErrorCode::bad_input, HasSubstr("but the file holds 0"));
}

TEST(BadTensor, NegativeSize) {
  OnnxWriter w = writer();
  w.tensor("t", {-2}, T::FLOAT).set_raw_data("12345678");
  EXPECT_ERROR(import_onnx(w.bytes()), ErrorCode::bad_input, HasSubstr("has the sizes [-2]"));
}

TEST(BadTensor, TooManyDimensions) {
  OnnxWriter w = writer();
  w.weight("t", std::vector<std::int64_t>(33, 1), std::vector<float>{1});
  EXPECT_ERROR(import_onnx(w.bytes()), ErrorCode::bad_input, HasSubstr("33 dimensions"));
}

TEST(BadTensor, ElementTypesThatAreNotHeld) {
  const std::pair<int, const char*> types[] = {
      {T::STRING, "string"}, {T::COMPLEX64, "complex64"}, {22, "int4"}, {17, "float8e4m3fn"}, {99, "type 99"}};
  for (const auto& [type, name] : types) {
    OnnxWriter w = writer();
    w.tensor("t", {1}, 1).set_data_type(type);
    EXPECT_ERROR(import_onnx(w.bytes()), ErrorCode::unsupported,
                 AllOf(HasSubstr(std::string("tensors of ") + name), HasSubstr("tensor 't'")));
  }
}

TEST(Tensor, OfSizeZeroAndScalars) {
  OnnxWriter w = writer();
  w.tensor("none", {0}, T::FLOAT);
  w.weight("one", {}, std::vector<float>{4});
  EXPECT_EQ(imported(w, "none").count(), 0);
  EXPECT_THAT(imported(w, "one").as<float>(), ElementsAre(4));
}

}  // namespace
}  // namespace limn
