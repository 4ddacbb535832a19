#include "limn/base/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <string>

#include "limn/base/file.h"

namespace limn {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

[[noreturn]] void broken(std::string_view where, std::string_view what) {
  throw Error(ErrorCode::bad_input, fmt::format("the .npy file is broken: {}", what), std::string(where),
              "write it again with numpy.save");
}

/// "(2, 3)", and "(2,)" for one axis, as Python prints tuples.
std::string python_tuple(std::span<const std::int64_t> dims) {
  std::string text = "(";
  for (std::size_t i = 0; i < dims.size(); ++i) text += fmt::format("{}{}", i ? ", " : "", dims[i]);
  return text + (dims.size() == 1 ? ",)" : ")");
}

struct Header {
  std::string descr;
  bool fortran_order = false;
  Dims dims;
};

/// The header is a Python dictionary literal with the keys descr, fortran_order and shape. Only that literal
/// is understood, in any order of keys and spacing.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  Header read() {
    Header header;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      read_value(key, header);
      if (!accept(',') && peek() != '}') broken(where_, "its header is not a dictionary");
    }
    if (header.descr.empty() || !has_order_ || !has_shape_) broken(where_, "its header lacks a key");
    return header;
  }

 private:
  void read_value(const std::string& key, Header& header) {
    if (key == "descr") {
      if (peek() != '\'' && peek() != '"')
        throw Error(ErrorCode::unsupported, "the .npy file holds records, not numbers", std::string(where_),
                    "save a plain array of float32");
      header.descr = quoted();
    } else if (key == "fortran_order") {
      header.fortran_order = boolean();
      has_order_ = true;
    } else if (key == "shape") {
      header.dims = tuple();
      has_shape_ = true;
    } else {
      broken(where_, fmt::format("unknown key '{}' in its header", key));
    }
  }

  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) broken(where_, fmt::format("its header lacks a '{}'", c));
  }
  bool accept_word(std::string_view word) {
    peek();
    if (!text_.substr(std::min(at_, text_.size())).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') broken(where_, "its header lacks a quote");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) broken(where_, "its header ends in a string");
    const std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }
  bool boolean() {
    if (accept_word("True")) return true;
    if (accept_word("False")) return false;
    broken(where_, "fortran_order is neither True nor False");
  }
  Dims tuple() {
    Dims dims;
    expect('(');
    while (!accept(')')) {
      dims.push_back(number());
      if (!accept(',') && peek() != ')') broken(where_, "its shape is not a tuple");
    }
    return dims;
  }
  std::int64_t number() {
    peek();
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (problem != std::errc() || value < 0) broken(where_, "its shape holds something other than sizes");
    at_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }

  std::string_view text_, where_;
  std::size_t at_ = 0;
  bool has_order_ = false, has_shape_ = false;
};

DType element_type(const std::string& descr, std::string_view where) {
  const auto refuse = [&](std::string_view why) {
    throw Error(ErrorCode::unsupported, fmt::format("the .npy file holds elements of type '{}'{}", descr, why),
                std::string(where), "save it as little-endian float32: numpy.save(path, array.astype('<f4'))");
  };
  if (descr.size() != 3) refuse("");
  if (descr[0] == '>' && descr[2] != '1') refuse(" (big endian)");
  static constexpr std::pair<std::string_view, DType> kTypes[] = {
      {"f4", DType::f32}, {"f8", DType::f64}, {"u1", DType::u8},  {"i1", DType::i8},
      {"u2", DType::u16}, {"i2", DType::i16}, {"u4", DType::u32}, {"i4", DType::i32},
      {"u8", DType::u64}, {"i8", DType::i64}, {"b1", DType::u8}};
  for (const auto& [code, type] : kTypes)
    if (std::string_view(descr).substr(1) == code) return type;
  refuse("");
  return DType::undefined;
}

/// The same elements with the last axis running fastest; in Fortran order the first does.
Tensor from_fortran_order(const Tensor& in) {
  const Dims& dims = in.dims();
  const auto source = in.as<float>();
  Tensor out(DType::f32, dims);
  auto target = out.mutable_view().as<float>();
  std::vector<std::int64_t> index(dims.size(), 0);
  for (float& element : target) {
    std::int64_t at = 0;
    for (std::size_t axis = dims.size(); axis-- > 0;) at = at * dims[axis] + index[axis];
    element = source[static_cast<std::size_t>(at)];
    for (std::size_t axis = dims.size(); axis-- > 0;) {
      if (++index[axis] < dims[axis]) break;
      index[axis] = 0;
    }
  }
  return out;
}

/// Where the header text lies: behind the magic, two version bytes and its own length (2 bytes in version 1,
/// 4 afterwards).
std::string_view header_text(std::span<const std::byte> bytes, std::string_view where) {
  if (!is_npy(bytes)) broken(where, "it does not begin as one");
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (all.size() < 12) broken(where, "it ends in its header");
  const auto byte_at = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(all[i]));
  };
  const std::uint32_t version = byte_at(6);
  if (version < 1 || version > 3)
    throw Error(ErrorCode::unsupported, fmt::format("the .npy file has format version {}", version),
                std::string(where), "write version 1 with numpy.save");
  const std::size_t begin = version == 1 ? 10 : 12;
  std::size_t length = byte_at(8) | byte_at(9) << 8U;
  if (version > 1) length |= byte_at(10) << 16U | byte_at(11) << 24U;
  if (length > all.size() - begin) broken(where, "it ends in its header");
  return all.substr(begin, length);
}

}  // namespace

bool is_npy(std::span<const std::byte> bytes) {
  return bytes.size() >= kMagic.size() && std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

std::vector<std::byte> encode_npy(std::span<const std::int64_t> dims, std::span<const float> values) {
  if (element_count(dims) != static_cast<std::int64_t>(values.size()))
    throw Error(ErrorCode::internal,
                fmt::format("{} values were given for an array {}", values.size(), to_string(dims)));
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': {}, }}", python_tuple(dims));
  constexpr std::size_t kPrefix = 10, kAlignment = 64;
  const std::size_t total = (kPrefix + header.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  header.resize(total - kPrefix - 1, ' ');
  header += '\n';

  std::vector<std::byte> bytes(total + values.size_bytes());
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  bytes[6] = std::byte{1};
  bytes[8] = static_cast<std::byte>(header.size() & 0xFFU);
  bytes[9] = static_cast<std::byte>(header.size() >> 8U);
  std::memcpy(bytes.data() + kPrefix, header.data(), header.size());
  if (!values.empty()) std::memcpy(bytes.data() + total, values.data(), values.size_bytes());
  return bytes;
}

void write_npy(const std::filesystem::path& path, std::span<const std::int64_t> dims,
               std::span<const float> values) {
  write_file_atomically(path, encode_npy(dims, values));
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  const Tensor floats = tensor.dtype() == DType::f32 ? tensor : tensor.converted(DType::f32);
  write_npy(path, floats.dims(), floats.as<float>());
}

Tensor decode_npy(std::span<const std::byte> bytes, std::string_view where) {
  const std::string_view text = header_text(bytes, where);
  const Header header = HeaderReader(text, where).read();
  const DType type = element_type(header.descr, where);
  const auto data = reinterpret_cast<const std::byte*>(text.data() + text.size());
  const auto present = static_cast<std::size_t>(bytes.data() + bytes.size() - data);
  const auto count = static_cast<std::uint64_t>(element_count(header.dims));
  if (count > present / size_of(type))
    broken(where, fmt::format("an array {} of {} does not fit into its {} bytes of data", to_string(header.dims),
                              name_of(type), present));
  Tensor stored(type, header.dims);
  if (count > 0) std::memcpy(stored.mutable_view().bytes, data, count * size_of(type));
  Tensor floats = type == DType::f32 ? stored : stored.converted(DType::f32);
  return header.fortran_order && header.dims.size() > 1 ? from_fortran_order(floats) : floats;
}

Tensor read_npy(const std::filesystem::path& path) { return decode_npy(read_file(path), path.string()); }

}  // namespace limn
