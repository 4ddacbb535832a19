#include "limn/checkpoint/file_bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "limn/base/short_floats.h"
#include "limn/error.h"

namespace limn {
namespace {

constexpr std::size_t kMaxRank = 32;
/// A float16 file doubles; a few views of one storage are usual. More is a file made to fill the memory.
constexpr std::size_t kCopiesPerByte = 4;
constexpr std::size_t kSmallCopies = std::size_t{1} << 20;
constexpr std::size_t kReleaseEvery = std::size_t{8} << 20;

struct TypeRow {
  std::size_t size;
  DType held;
};
// In the order of the enumeration.
constexpr std::array<TypeRow, 13> kTypes{{{4, DType::f32},
                                          {8, DType::f32},
                                          {2, DType::f32},
                                          {2, DType::f32},
                                          {1, DType::i8},
                                          {2, DType::i16},
                                          {4, DType::i32},
                                          {8, DType::i64},
                                          {1, DType::u8},
                                          {2, DType::u16},
                                          {4, DType::u32},
                                          {8, DType::u64},
                                          {1, DType::boolean}}};

bool is_packed(const StoredTensor& t) {
  const auto packed = StoredTensor::packed(t.dims);
  for (std::size_t i = 0; i < t.dims.size(); ++i)
    if (t.dims[i] > 1 && t.strides[i] != packed[i]) return false;
  return true;
}

/// Whether the bytes in the file are those in memory. A bool of a file may be any byte, one of C++ only 0 or 1.
bool same_in_memory(StoredType t) {
  return t != StoredType::boolean && size_of(t) == size_of(held_as(t)) && t != StoredType::f64;
}

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

/// One element, as it is held.
void convert_one(StoredType type, const std::byte* from, std::byte* to) {
  const auto put = [&](auto value) { std::memcpy(to, &value, sizeof(value)); };
  switch (type) {
    case StoredType::f16: return put(from_half(load<std::uint16_t>(from)));
    case StoredType::bf16: return put(from_bfloat16(load<std::uint16_t>(from)));
    case StoredType::f64: return put(static_cast<float>(load<double>(from)));
    case StoredType::boolean: *to = std::byte{*from != std::byte{0}}; return;
    default: std::memcpy(to, from, size_of(type));
  }
}

}  // namespace

std::size_t size_of(StoredType t) { return kTypes[static_cast<std::size_t>(t)].size; }
DType held_as(StoredType t) { return kTypes[static_cast<std::size_t>(t)].held; }

std::vector<std::int64_t> StoredTensor::packed(const Dims& dims) {
  std::vector<std::int64_t> strides(dims.size());
  std::int64_t step = 1;
  for (std::size_t i = dims.size(); i-- > 0;) {
    strides[i] = step;
    if (__builtin_mul_overflow(step, std::max<std::int64_t>(dims[i], 1), &step))
      throw Error(ErrorCode::limit, fmt::format("a tensor of the sizes {} is too large", to_string(dims)));
  }
  return strides;
}

TensorMaker::TensorMaker(FileBytes file)
    : file_(std::move(file)), budget_(kCopiesPerByte * file_.size() + kSmallCopies) {}

void TensorMaker::check(const StoredTensor& t, std::string_view name) const {
  const auto wrong = [&](std::string what) {
    return Error(ErrorCode::bad_input, std::move(what), fmt::format("tensor '{}'", one_line(name)),
                 "the file is damaged; fetch or save it again");
  };
  if (t.dims.size() > kMaxRank || t.dims.size() != t.strides.size())
    throw wrong(fmt::format("a tensor has {} sizes and {} strides", t.dims.size(), t.strides.size()));
  const bool negative = t.offset < 0 || std::ranges::any_of(t.dims, [](auto d) { return d < 0; }) ||
                        std::ranges::any_of(t.strides, [](auto s) { return s < 0; });
  if (negative)
    throw wrong(fmt::format("a tensor has the sizes {}, strides {} and offset {}", to_string(t.dims),
                            to_string(t.strides), t.offset));
  if (element_count(t.dims) == 0) return;
  std::int64_t last = t.offset;
  bool overflow = false;
  for (std::size_t i = 0; i < t.dims.size(); ++i) {
    std::int64_t reach = 0;
    overflow |= __builtin_mul_overflow(t.dims[i] - 1, t.strides[i], &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  const auto available = static_cast<std::int64_t>(t.storage.size() / size_of(t.type));
  if (overflow || last >= available)
    throw wrong(fmt::format("a tensor of the sizes {} at element {} reaches beyond its storage of {} elements",
                            to_string(t.dims), t.offset, available));
}

Tensor TensorMaker::make(const StoredTensor& stored, std::string_view name) {
  check(stored, name);
  const DType dtype = held_as(stored.type);
  if (element_count(stored.dims) == 0) return Tensor(dtype, stored.dims);
  const std::byte* first = stored.storage.data() + static_cast<std::size_t>(stored.offset) * size_of(stored.type);
  const bool aligned = reinterpret_cast<std::uintptr_t>(first) % size_of(stored.type) == 0;
  if (aligned && same_in_memory(stored.type) && is_packed(stored))
    return Tensor(dtype, stored.dims, file_.owner, first);
  return copy(stored, name);
}

Tensor TensorMaker::copy(const StoredTensor& stored, std::string_view name) {
  const auto count = static_cast<std::size_t>(element_count(stored.dims));
  const std::size_t element = size_of(held_as(stored.type));
  if (count > budget_ / element)
    throw Error(ErrorCode::limit, "the tensors take several times the size of the file",
                fmt::format("tensor '{}', sizes {}", one_line(name), to_string(stored.dims)),
                "save the weights with state_dict() and without expanded views (tensor.contiguous())");
  budget_ -= count * element;
  Tensor to(held_as(stored.type), stored.dims);
  if (is_packed(stored)) {
    copy_packed(stored, to);
    return to;
  }
  std::byte* at = to.mutable_view().bytes;
  std::vector<std::int64_t> index(stored.dims.size());
  for (std::size_t i = 0; i < count; ++i, at += element) {
    std::int64_t from = stored.offset;
    for (std::size_t axis = 0; axis < index.size(); ++axis) from += index[axis] * stored.strides[axis];
    convert_one(stored.type, stored.storage.data() + static_cast<std::size_t>(from) * size_of(stored.type), at);
    for (std::size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < stored.dims[axis]) break;
      index[axis] = 0;
    }
  }
  return to;
}

/// What was copied leaves memory again, so that a file is never there twice.
void TensorMaker::copy_packed(const StoredTensor& stored, Tensor& to) const {
  const std::size_t size = size_of(stored.type), element = size_of(held_as(stored.type));
  const auto count = static_cast<std::size_t>(element_count(stored.dims));
  const std::size_t piece = kReleaseEvery / size;
  const auto from = stored.storage.subspan(static_cast<std::size_t>(stored.offset) * size, count * size);
  std::byte* out = to.mutable_view().bytes;
  if (same_in_memory(stored.type)) {
    if (file_.mapping != nullptr) return file_.mapping->copy(from, out);
    std::memcpy(out, from.data(), from.size());
    return;
  }
  for (std::size_t begin = 0; begin < count; begin += piece) {
    const std::size_t end = std::min(begin + piece, count);
    for (std::size_t i = begin; i < end; ++i) convert_one(stored.type, from.data() + i * size, out + i * element);
    if (file_.mapping != nullptr && end - begin == piece)
      file_.mapping->release(from.subspan(begin * size, (end - begin) * size));
  }
}

std::string one_line(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  std::string line(text.substr(0, kLongest));
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; }, '?');
  return text.size() > kLongest ? line + "..." : line;
}

}  // namespace limn
