// Checkpoints written byte by byte: what is read, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "limn/checkpoint.h"
#include "support/expect_error.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}
template <class T>
std::string raw(std::initializer_list<T> values) {
  std::string text;
  for (const T v : values) text += raw(v);
  return text;
}

Checkpoint read(const std::string& bytes) { return read_checkpoint(std::as_bytes(std::span(bytes))); }
std::vector<float> floats(const Checkpoint& c, const char* name) {
  const auto values = c.tensors.at(name).as<float>();
  return {values.begin(), values.end()};
}

// ---- zip

struct Entry {
  std::string name, data;
  std::uint16_t method = 0, flags = 0;
  bool zip64 = false;
};

class Zip {
 public:
  void add(const Entry& e) {
    const auto size = static_cast<std::uint32_t>(e.data.size()), offset = static_cast<std::uint32_t>(body_.size());
    const std::uint32_t shown = e.zip64 ? 0xffffffffU : size, at = e.zip64 ? 0xffffffffU : offset;
    const std::string extra = e.zip64 ? raw<std::uint16_t>({1, 24}) + raw<std::uint64_t>({size, size, offset}) : "";
    const auto name_size = static_cast<std::uint16_t>(e.name.size());
    const std::string middle =
        raw<std::uint16_t>({e.flags, e.method, 0, 0}) + raw<std::uint32_t>({0, shown, shown});
    body_ += "PK\3\4" + raw<std::uint16_t>(20) + middle + raw<std::uint16_t>({name_size, 0}) + e.name + e.data;
    directory_ += "PK\1\2" + raw<std::uint16_t>({20, 20}) + middle +
                  raw<std::uint16_t>({name_size, static_cast<std::uint16_t>(extra.size()), 0, 0, 0}) +
                  raw<std::uint32_t>({0, at}) + e.name + extra;
    ++count_;
  }
  std::string bytes(bool zip64 = false) const {
    std::string file = body_ + directory_;
    const auto size = static_cast<std::uint32_t>(directory_.size()), at = static_cast<std::uint32_t>(body_.size());
    if (!zip64) return file + end(count_, size, at);
    const std::uint64_t record = file.size();
    file += "PK\6\6" + raw<std::uint64_t>(44) + raw<std::uint16_t>({45, 45}) + raw<std::uint32_t>({0, 0}) +
            raw<std::uint64_t>({count_, count_, size, at});
    file += "PK\6\7" + raw<std::uint32_t>(0) + raw<std::uint64_t>(record) + raw<std::uint32_t>(1);
    return file + end(0xffff, 0xffffffffU, 0xffffffffU);
  }
  std::string body_, directory_;

 private:
  static std::string end(std::uint16_t count, std::uint32_t size, std::uint32_t at) {
    return "PK\5\6" + raw<std::uint16_t>({0, 0, count, count}) + raw<std::uint32_t>({size, at}) +
           raw<std::uint16_t>(0);
  }
  std::uint16_t count_ = 0;
};

std::string text(const std::string& t) { return "X" + raw(static_cast<std::uint32_t>(t.size())) + t; }
std::string number(std::uint8_t n) { return "K"s + static_cast<char>(n); }

struct Tensor1 {
  std::string storage = "FloatStorage", key = "0";
  std::uint8_t count = 4, offset = 0, size = 4, stride = 1;
};
/// A vector as torch pickles it.
std::string tensor(const Tensor1& t) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n" + t.storage + "\n" + text(t.key) +
         text("cpu") + number(t.count) + "tQ" + number(t.offset) + number(t.size) + "\x85" + number(t.stride) +
         "\x85\x89"
         "ccollections\nOrderedDict\n)RtR";
}
std::string dict(const std::string& items) { return "\x80\x02}(" + items + "u."; }

Zip torch_zip(const Tensor1& t = {}, const std::string& storage = raw<float>({1, 2, 3, 4})) {
  Zip zip;
  zip.add({"a/data.pkl", dict(text("w") + tensor(t))});
  zip.add({"a/data/0", storage});
  return zip;
}

TEST(TorchZip, HoldsTensors) {
  const Checkpoint c = read(torch_zip().bytes());
  EXPECT_EQ(c.format, "PyTorch zip");
  EXPECT_THAT(floats(c, "w"), ElementsAre(1, 2, 3, 4));
}

TEST(TorchZip, Views) {
  EXPECT_THAT(floats(read(torch_zip({.offset = 1, .size = 2}).bytes()), "w"), ElementsAre(2, 3));
  EXPECT_THAT(floats(read(torch_zip({.size = 2, .stride = 3}).bytes()), "w"), ElementsAre(1, 4));
  EXPECT_THAT(floats(read(torch_zip({.size = 3, .stride = 0}).bytes()), "w"), ElementsAre(1, 1, 1));
  EXPECT_THAT(floats(read(torch_zip({.offset = 9, .size = 0}).bytes()), "w"), ElementsAre());
}

TEST(TorchZip, FloatsBecomeFloat32) {
  EXPECT_THAT(floats(read(torch_zip({"DoubleStorage", "0", 2, 0, 2}, raw<double>({0.5, -3})).bytes()), "w"),
              ElementsAre(0.5F, -3));
  EXPECT_THAT(
      floats(read(torch_zip({"HalfStorage", "0", 2, 0, 2}, raw<std::uint16_t>({0x3c00, 0xc100})).bytes()), "w"),
      ElementsAre(1, -2.5F));
  EXPECT_THAT(
      floats(read(torch_zip({"BFloat16Storage", "0", 2, 0, 2}, raw<std::uint16_t>({0x3f80, 0xc020})).bytes()), "w"),
      ElementsAre(1, -2.5F));
}

TEST(TorchZip, IntegersAndTruths) {
  const Checkpoint longs = read(torch_zip({"LongStorage", "0", 2, 0, 2}, raw<std::int64_t>({-1, 5})).bytes());
  EXPECT_THAT(longs.tensors.at("w").as<std::int64_t>(), ElementsAre(-1, 5));
  const Checkpoint truths = read(torch_zip({"BoolStorage", "0", 3, 0, 3}, "\0\1\7"s).bytes());
  EXPECT_THAT(truths.tensors.at("w").as<bool>(), ElementsAre(false, true, true));
}

TEST(TorchZip, Zip64) {
  Zip zip;
  zip.add({.name = "a/data.pkl", .data = dict(text("w") + tensor({})), .zip64 = true});
  zip.add({.name = "a/data/0", .data = raw<float>({1, 2, 3, 4}), .zip64 = true});
  EXPECT_THAT(floats(read(zip.bytes(true)), "w"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(floats(read(zip.bytes(false)), "w"), ElementsAre(1, 2, 3, 4));
}

TEST(TorchZip, AlignedWeightsStayInTheFile) {
  ScratchFolder folder;
  const std::string bytes = torch_zip().bytes();
  const std::size_t at = bytes.find(raw<float>({1, 2, 3, 4}));
  Zip zip;
  zip.add({"a/version", std::string((8 - at % 4) % 4, '3')});  // moves all that follows
  const std::size_t shift = zip.body_.size() % 4;
  zip = {};
  zip.add({"a/version", std::string(4 + (8 - (at + shift) % 4) % 4, '3')});
  zip.add({"a/data.pkl", dict(text("w") + tensor({}))});
  zip.add({"a/data/0", raw<float>({1, 2, 3, 4})});
  std::ofstream(folder / "w.pth", std::ios::binary) << zip.bytes();
  std::ofstream(folder / "odd.pth", std::ios::binary) << torch_zip().bytes();
  for (const char* name : {"w.pth", "odd.pth"}) {
    const Tensor w = read_checkpoint(folder / name).tensors.at("w");  // outlives the checkpoint
    EXPECT_THAT(w.as<float>(), ElementsAre(1, 2, 3, 4));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(w.bytes()) % alignof(float), 0U);
  }
}

TEST(TorchZip, ByteOrder) {
  Zip zip = torch_zip();
  zip.add({"a/byteorder", "little"});
  EXPECT_EQ(read(zip.bytes()).tensors.size(), 1U);
  Zip big = torch_zip();
  big.add({"a/byteorder", "big"});
  EXPECT_ERROR(read(big.bytes()), ErrorCode::unsupported, HasSubstr("byte order is 'big'"));
}

TEST(TorchZip, DamageIsNamed) {
  EXPECT_ERROR(read(torch_zip({.size = 5}).bytes()), ErrorCode::bad_input,
               AllOf(HasSubstr("reaches beyond its storage of 4 elements"), HasSubstr("tensor 'w'")));
  EXPECT_ERROR(read(torch_zip({.offset = 1}).bytes()), ErrorCode::bad_input, HasSubstr("reaches beyond"));
  EXPECT_ERROR(read(torch_zip({.size = 2, .stride = 200}).bytes()), ErrorCode::bad_input,
               HasSubstr("reaches beyond"));
  EXPECT_ERROR(read(torch_zip({.count = 5}).bytes()), ErrorCode::bad_input,
               HasSubstr("does not fit into its 16 bytes"));
  EXPECT_ERROR(read(torch_zip({.key = "7"}).bytes()), ErrorCode::bad_input, HasSubstr("storage '7'"));
  EXPECT_ERROR(read(torch_zip({.storage = "ComplexFloatStorage"}).bytes()), ErrorCode::unsupported,
               HasSubstr("'torch.ComplexFloatStorage'"));
}

TEST(TorchZip, EntriesAreStoredAndApart) {
  Zip packed;
  packed.add({.name = "a/data.pkl", .data = "x", .method = 8});
  EXPECT_ERROR(read(packed.bytes()), ErrorCode::unsupported, HasSubstr("compressed"));
  Zip secret;
  secret.add({.name = "a/data.pkl", .data = "x", .flags = 1});
  EXPECT_ERROR(read(secret.bytes()), ErrorCode::unsupported, HasSubstr("encrypted"));
  Zip twice = torch_zip();
  twice.add({"a/data/0", "again"});
  EXPECT_ERROR(read(twice.bytes()), ErrorCode::bad_input, HasSubstr("two entries have one name"));
  Zip overlapping = torch_zip();
  const std::size_t second = overlapping.directory_.find("PK\1\2", 4);
  overlapping.directory_.replace(second + 42, 4, raw<std::uint32_t>(0));
  EXPECT_ERROR(read(overlapping.bytes()), ErrorCode::bad_input, HasSubstr("overlap"));
}

TEST(TorchZip, EveryPrefixAndEveryFlippedByteIsAnswered) {
  const std::string whole = torch_zip().bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_THROW(read(whole.substr(0, size)), Error) << size;
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      try {
        read(changed);  // a changed weight or time stamp is not noticed
      } catch (const Error& e) {
        EXPECT_NE(e.code(), ErrorCode::internal) << at;
      }
    }
}

// ---- legacy

std::string legacy(const std::string& object, const std::string& keys, const std::string& storages) {
  return "\x80\x02\x8a\nl\xfc\x9c"
         "F\xf9 j\xa8P\x19."
         "\x80\x02M\xe9\x03." +
         dict(text("little_endian") + "\x88") + object + keys + storages;
}
const std::string kKeys = "\x80\x02]" + text("0") + "a.";
/// With the sixth part of a storage's identifier, as before PyTorch 0.4, in its rebuild function and a torch.Size.
std::string old_tensor(const std::string& view) {
  return "ctorch._utils\n_rebuild_tensor\n((U\x07storagectorch.cuda\nFloatStorage\n" + text("0") + text("cuda:0") +
         "K\x04" + view +
         "tQK\x00"
         "ctorch\nSize\nK\x02\x85\x85RK\x01\x85tR"s;
}

TEST(TorchLegacy, HoldsTensors) {
  const Checkpoint c =
      read(legacy(dict(text("w") + tensor({})), kKeys, raw<std::int64_t>(4) + raw<float>({1, 2, 3, 4})));
  EXPECT_EQ(c.format, "PyTorch legacy");
  EXPECT_THAT(floats(c, "w"), ElementsAre(1, 2, 3, 4));
}

TEST(TorchLegacy, PartsOfStorages) {
  const std::string storages = raw<std::int64_t>(4) + raw<float>({1, 2, 3, 4});
  EXPECT_THAT(floats(read(legacy(dict(text("w") + old_tensor("N")), kKeys, storages)), "w"), ElementsAre(1, 2));
  const std::string part = text("5") + "K\x02K\x02\x87";
  EXPECT_THAT(floats(read(legacy(dict(text("w") + old_tensor(part)), kKeys, storages)), "w"), ElementsAre(3, 4));
  const std::string beyond = text("5") + "K\x03K\x02\x87";
  EXPECT_ERROR(read(legacy(dict(text("w") + old_tensor(beyond)), kKeys, storages)), ErrorCode::bad_input,
               HasSubstr("does not fit"));
}

TEST(TorchLegacy, DamageIsNamed) {
  const std::string object = dict(text("w") + tensor({}));
  EXPECT_ERROR(read(legacy(object, kKeys, raw<std::int64_t>(5) + raw<float>({1, 2, 3, 4}))), ErrorCode::bad_input,
               HasSubstr("holds 5 elements where 4 are named"));
  EXPECT_ERROR(read(legacy(object, kKeys, raw<std::int64_t>(4) + raw<float>({1, 2}))), ErrorCode::bad_input,
               HasSubstr("does not fit into its 8 bytes"));
  EXPECT_ERROR(read(legacy(object, "\x80\x02].", "")), ErrorCode::bad_input, HasSubstr("a storage is missing"));
  EXPECT_ERROR(read(legacy(object, "\x80\x02]" + text("1") + "a.", raw<std::int64_t>(0))), ErrorCode::bad_input,
               HasSubstr("no tensor uses"));
  const std::string twice = "\x80\x02](" + text("0") + text("0") + "e.";
  EXPECT_ERROR(read(legacy(object, twice,
                           raw<std::int64_t>(4) + raw<float>({1, 2, 3, 4}) + raw<std::int64_t>(4) +
                               raw<float>({1, 2, 3, 4}))),
               ErrorCode::bad_input, HasSubstr("there twice"));
  EXPECT_ERROR(read("\x80\x02K\x01."), ErrorCode::bad_input, HasSubstr("not one of PyTorch's"));
}

TEST(TorchValues, NestedStateAndDuplicates) {
  const std::string storages = raw<std::int64_t>(4) + raw<float>({1, 2, 3, 4});
  const std::string inner = "}" + text("w") + tensor({}) + "s";
  const Checkpoint c = read(legacy(dict(text("epoch") + "K\x01" + text("state_dict") + inner), kKeys, storages));
  EXPECT_THAT(floats(c, "w"), ElementsAre(1, 2, 3, 4));
  EXPECT_ERROR(read(legacy(dict(text("w") + tensor({}) + text("w") + tensor({})), kKeys, storages)),
               ErrorCode::bad_input, HasSubstr("one name"));
  EXPECT_ERROR(read(legacy(dict(text("epoch") + "K\x01"), "\x80\x02].", "")), ErrorCode::bad_input,
               AllOf(HasSubstr("no weights"), HasSubstr("'epoch'")));
}

// ---- safetensors

std::string safetensors(const std::string& header, const std::string& data) {
  return raw(static_cast<std::uint64_t>(header.size())) + header + data;
}
std::string entry(const std::string& name, const std::string& type, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

TEST(Safetensors, HoldsTensors) {
  const std::string header = "{\"__metadata__\":{\"format\":\"pt\"}," + entry("a", "F32", "[2,1]", "[0,8]") + "," +
                             entry("h", "F16", "[]", "[8,10]") + "," + entry("n", "I64", "[0]", "[10,10]") + "}";
  const Checkpoint c = read(safetensors(header, raw<float>({1, -2}) + raw<std::uint16_t>(0x3c00)));
  EXPECT_EQ(c.format, "safetensors");
  EXPECT_THAT(floats(c, "a"), ElementsAre(1, -2));
  EXPECT_EQ(c.tensors.at("a").dims(), (Dims{2, 1}));
  EXPECT_THAT(floats(c, "h"), ElementsAre(1));
  EXPECT_EQ(c.tensors.at("n").count(), 0);
}

TEST(Safetensors, DamageIsNamed) {
  const std::string eight(8, '\0');
  const auto refused = [&](const std::string& header, ErrorCode code, const char* what) {
    EXPECT_ERROR(read(safetensors(header, eight)), code, HasSubstr(what));
  };
  refused("{" + entry("a", "F32", "[3]", "[0,12]") + "}", ErrorCode::bad_input, "do not lie in the 8");
  refused("{" + entry("a", "F32", "[3]", "[0,8]") + "}", ErrorCode::bad_input,
          "8 bytes are named for the sizes [3]");
  refused("{" + entry("a", "F32", "[4294967296,4294967296]", "[0,8]") + "}", ErrorCode::limit, "too large");
  refused("{" + entry("a", "F8_E4M3", "[8]", "[0,8]") + "}", ErrorCode::unsupported, "'F8_E4M3'");
  refused("{" + entry("a", "F32", "[1]", "[0,4]") + "," + entry("b", "F32", "[1]", "[2,6]") + "}",
          ErrorCode::bad_input, "overlap");
  refused("{" + entry("a", "F32", "[1]", "[0,4]") + "," + entry("a", "F32", "[1]", "[4,8]") + "}",
          ErrorCode::bad_input, "one name");
  refused("{" + entry("a", "F32", "[-1]", "[0,4]") + "}", ErrorCode::bad_input, "damaged");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", ErrorCode::bad_input, "no data_offsets");
  refused("{\"a\":[[[[", ErrorCode::bad_input, "damaged");
  refused("{\"a\":{\"b\":{}}}", ErrorCode::bad_input, "damaged");
  refused("{\"a\":1}", ErrorCode::bad_input, "damaged");
  refused("{\"a\"", ErrorCode::bad_input, "no JSON");
  EXPECT_ERROR(read(raw<std::uint64_t>(1000) + "{}"), ErrorCode::bad_input, HasSubstr("longer than the file"));
}

TEST(Checkpoint, OtherFilesAreRefused) {
  EXPECT_ERROR(read(""), ErrorCode::bad_input, HasSubstr("neither"));
  EXPECT_ERROR(read("hello"), ErrorCode::bad_input, HasSubstr("neither"));
  EXPECT_ERROR(read(std::string(257, 'x') + "ustar" + std::string(300, '\0')), ErrorCode::unsupported,
               HasSubstr("tar"));
  EXPECT_ERROR(read_checkpoint("no/such/file.pth"), ErrorCode::not_found, HasSubstr("no/such/file.pth"));
}

}  // namespace
}  // namespace limn
