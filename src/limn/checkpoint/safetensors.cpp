// safetensors: 8 bytes that tell the length of a JSON header, the header, the numbers.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "limn/checkpoint/formats.h"
#include "limn/error.h"

namespace limn {
namespace {

using Bytes = std::span<const std::byte>;

/// The bound of the format itself.
constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::size_t kLengthSize = sizeof(std::uint64_t);
constexpr std::size_t kMaxTensors = std::size_t{1} << 17;
constexpr std::size_t kMaxRank = 32;

constexpr std::array<std::pair<std::string_view, StoredType>, 13> kTypes{{
    {"F32", StoredType::f32},
    {"F16", StoredType::f16},
    {"BF16", StoredType::bf16},
    {"F64", StoredType::f64},
    {"I8", StoredType::i8},
    {"I16", StoredType::i16},
    {"I32", StoredType::i32},
    {"I64", StoredType::i64},
    {"U8", StoredType::u8},
    {"U16", StoredType::u16},
    {"U32", StoredType::u32},
    {"U64", StoredType::u64},
    {"BOOL", StoredType::boolean},
}};

Error damaged(std::string_view what, std::string where = {}) {
  return Error(ErrorCode::bad_input, fmt::format("its safetensors header is damaged: {}", what), std::move(where),
               "the file was cut short or changed; fetch or save it again");
}
std::string place(std::string_view name) { return fmt::format("tensor '{}'", one_line(name)); }

struct Entry {
  std::string name, dtype;
  Dims shape;
  std::vector<std::int64_t> offsets;  ///< begin and end, in the bytes behind the header
};

/// Takes the header's events one by one: names of tensors, and in each of them dtype, shape and data_offsets. A
/// header of another form is refused where it differs, so that nothing large is ever built from it.
class Header : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Entry> entries;

  bool start_object(std::size_t) override {
    if (++depth_ > 2) wrong();
    if (depth_ == 2 && !in_metadata_) entries.push_back({name_, {}, {}, {}});
    return true;
  }
  bool end_object() override {
    if (--depth_ == 1) in_metadata_ = false;
    return true;
  }
  bool key(string_t& text) override {
    if (depth_ == 1) {
      in_metadata_ = text == "__metadata__";
      name_ = text;
      if (entries.size() == kMaxTensors) throw Error(ErrorCode::limit, "it holds too many tensors");
    } else {
      field_ = text;
    }
    return true;
  }
  bool string(string_t& text) override {
    if (depth_ == 2 && in_metadata_) return true;
    if (depth_ != 2 || in_list_ || field_ != "dtype") wrong();
    entries.back().dtype = text;
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_metadata_ || in_list_ || (field_ != "shape" && field_ != "data_offsets")) wrong();
    in_list_ = true;
    list().clear();
    return true;
  }
  bool end_array() override {
    in_list_ = false;
    return true;
  }
  bool number_unsigned(number_unsigned_t v) override {
    if (!in_list_ || v > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) wrong();
    if (list().size() == kMaxRank) wrong();
    list().push_back(static_cast<std::int64_t>(v));
    return true;
  }
  bool null() override { wrong(); }
  bool boolean(bool) override { wrong(); }
  bool number_integer(number_integer_t) override { wrong(); }
  bool number_float(number_float_t, const string_t&) override { wrong(); }
  bool binary(binary_t&) override { wrong(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    throw damaged("it is no JSON", fmt::format("byte {} of the header", position));
  }

 private:
  [[noreturn]] void wrong() const {
    throw damaged("it does not hold tensors with dtype, shape and data_offsets", place(name_));
  }
  std::vector<std::int64_t>& list() { return field_ == "shape" ? entries.back().shape : entries.back().offsets; }

  int depth_ = 0;
  bool in_metadata_ = false, in_list_ = false;
  std::string name_, field_;
};

StoredType type_of(const Entry& entry) {
  const auto it = std::ranges::find(kTypes, entry.dtype, &std::pair<std::string_view, StoredType>::first);
  if (it != kTypes.end()) return it->second;
  throw Error(ErrorCode::unsupported,
              fmt::format("tensors of the type '{}' are not supported", one_line(entry.dtype)), place(entry.name),
              "save the weights as F32");
}

/// The tensor's bytes. Throws unless they are as many as its type and sizes need.
Bytes bytes_of(const Entry& entry, StoredType type, Bytes data) {
  if (entry.offsets.size() != 2) throw damaged("a tensor has no data_offsets", place(entry.name));
  const std::int64_t begin = entry.offsets[0], end = entry.offsets[1];
  if (begin > end || static_cast<std::uint64_t>(end) > data.size())
    throw damaged(fmt::format("its bytes {} to {} do not lie in the {} that there are", begin, end, data.size()),
                  place(entry.name));
  std::int64_t needed = 0;
  if (__builtin_mul_overflow(element_count(entry.shape), static_cast<std::int64_t>(size_of(type)), &needed) ||
      needed != end - begin)
    throw damaged(fmt::format("{} bytes are named for the sizes {}", end - begin, to_string(entry.shape)),
                  place(entry.name));
  return data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(needed));
}

void check_disjoint(std::vector<Entry> entries) {
  std::erase_if(entries, [](const Entry& e) { return e.offsets[0] == e.offsets[1]; });
  std::ranges::sort(entries, {}, [](const Entry& e) { return e.offsets[0]; });
  for (std::size_t i = 1; i < entries.size(); ++i)
    if (entries[i].offsets[0] < entries[i - 1].offsets[1])
      throw damaged("two tensors overlap",
                    fmt::format("{} and {}", place(entries[i - 1].name), place(entries[i].name)));
}

std::uint64_t header_length(Bytes file) {
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthSize);
  return length;
}

}  // namespace

bool is_safetensors(Bytes file) {
  return file.size() > kLengthSize && file[kLengthSize] == std::byte{'{'} && header_length(file) <= kMaxHeader;
}

Checkpoint read_safetensors(const FileBytes& file) {
  const std::uint64_t length = header_length(file.bytes);
  if (length > file.size() - kLengthSize) throw damaged("it is longer than the file");
  const Bytes text = file.bytes.subspan(kLengthSize, static_cast<std::size_t>(length));
  const Bytes data = file.bytes.subspan(kLengthSize + text.size());
  Header header;
  const auto* first = reinterpret_cast<const char*>(text.data());
  nlohmann::json::sax_parse(first, first + text.size(), &header);
  Checkpoint checkpoint{{}, "safetensors"};
  TensorMaker maker(file);
  for (const Entry& entry : header.entries) {
    const StoredType type = type_of(entry);
    const StoredTensor stored{type, entry.shape, StoredTensor::packed(entry.shape), 0, bytes_of(entry, type, data)};
    if (!checkpoint.tensors.emplace(entry.name, maker.make(stored, entry.name)).second)
      throw damaged("two tensors have one name", place(entry.name));
  }
  check_disjoint(std::move(header.entries));
  return checkpoint;
}

}  // namespace limn
