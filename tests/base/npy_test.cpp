#include "limn/base/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "limn/base/file.h"
#include "support/expect_error.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A file as NumPy writes it, with any header and bytes.
template <class T>
std::vector<std::byte> npy_file(int version, std::string header, const std::vector<T>& data) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  const std::size_t length = header.size();
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) text += static_cast<char>(length >> (8 * i) & 0xFFU);
  text += header;
  text.append(reinterpret_cast<const char*>(data.data()), data.size() * sizeof(T));
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::vector<float> values_of(const Tensor& t) { return {t.as<float>().begin(), t.as<float>().end()}; }

TEST(Npy, HasTheBytesThatNumpyWrites) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const auto bytes = encode_npy(Dims{2, 3}, values);
  ASSERT_EQ(bytes.size(), 128U + 24U);
  const std::string header(reinterpret_cast<const char*>(bytes.data()), 128);
  EXPECT_EQ(header.substr(0, 10), std::string("\x93NUMPY\x01\x00v\x00", 10));
  EXPECT_EQ(header.substr(10, 59), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  EXPECT_EQ(header.back(), '\n');
  EXPECT_THAT(encode_npy(Dims{3}, std::span(values).first(3)), testing::SizeIs(128 + 12));
}

TEST(Npy, RoundTripsEveryRank) {
  const ScratchFolder folder;
  const std::vector<float> values{0, -1, 2.5F, 3e30F, 4, 5, 6, 7};
  for (const Dims& dims : {Dims{8}, Dims{2, 4}, Dims{1, 2, 2, 2}}) {
    write_npy(folder / "a.npy", dims, values);
    const Tensor t = read_npy(folder / "a.npy");
    EXPECT_EQ(t.dims(), dims);
    EXPECT_EQ(values_of(t), values);
  }
  write_npy(folder / "scalar.npy", Dims{}, std::vector<float>{7});
  EXPECT_EQ(read_npy(folder / "scalar.npy").dims(), Dims{});
  write_npy(folder / "empty.npy", Dims{0, 3}, std::vector<float>{});
  EXPECT_EQ(read_npy(folder / "empty.npy").dims(), (Dims{0, 3}));
}

TEST(Npy, ConvertsOtherElementTypes) {
  const std::string rest = "', 'fortran_order': False, 'shape': (2,)}";
  EXPECT_THAT(values_of(decode_npy(npy_file<double>(1, "{'descr': '<f8" + rest, {0.5, -2}), "x")),
              ElementsAre(0.5F, -2));
  EXPECT_THAT(values_of(decode_npy(npy_file<std::uint8_t>(1, "{'descr': '|u1" + rest, {0, 255}), "x")),
              ElementsAre(0, 255));
  EXPECT_THAT(values_of(decode_npy(npy_file<std::int64_t>(2, "{'descr': '<i8" + rest, {-7, 9}), "x")),
              ElementsAre(-7, 9));
  EXPECT_THAT(values_of(decode_npy(npy_file<std::uint8_t>(3, "{'descr': '|b1" + rest, {1, 0}), "x")),
              ElementsAre(1, 0));
}

TEST(Npy, ReadsFortranOrder) {
  // [[1, 2, 3], [4, 5, 6]], columns first.
  const auto file = npy_file<float>(1, "{'descr':'<f4','fortran_order':True,'shape':(2,3),}", {1, 4, 2, 5, 3, 6});
  const Tensor t = decode_npy(file, "x");
  EXPECT_EQ(t.dims(), (Dims{2, 3}));
  EXPECT_THAT(values_of(t), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Npy, RefusesWhatItDoesNotUnderstand) {
  const auto with = [](const std::string& header) { return npy_file<float>(1, header, {1, 2}); };
  const auto expect_broken = [&](const std::string& header, const char* text) {
    EXPECT_ERROR(decode_npy(with(header), "x"), ErrorCode::bad_input, HasSubstr(text));
  };
  expect_broken("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "does not fit");
  expect_broken("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "sizes");
  expect_broken("{'descr': '<f4', 'fortran_order': False}", "lacks a key");
  expect_broken("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "True");
  expect_broken("{'descr': '<f4", "string");
  expect_broken("[1]", "lacks a '{'");
  expect_broken("{'other': 3}", "unknown key");
  EXPECT_ERROR(decode_npy(with("{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}"), "x"),
               ErrorCode::unsupported, HasSubstr("big endian"));
  EXPECT_ERROR(decode_npy(with("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}"), "x"),
               ErrorCode::unsupported, HasSubstr("<c8"));
  EXPECT_ERROR(decode_npy(with("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}"), "x"),
               ErrorCode::unsupported, HasSubstr("records"));
  EXPECT_ERROR(decode_npy(npy_file<float>(9, "{}", {}), "x"), ErrorCode::unsupported, HasSubstr("version 9"));
  EXPECT_ERROR(decode_npy(with("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}"), "x"),
               ErrorCode::limit, HasSubstr("too large"));
}

TEST(Npy, EveryTruncationIsAnError) {
  const auto file = encode_npy(Dims{2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_ERROR(decode_npy(std::span(file).first(size), "x"), ErrorCode::bad_input, HasSubstr(".npy"));
}

}  // namespace
}  // namespace limn
