#include "limn/onnx/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "limn/base/file_part.h"
#include "limn/base/short_floats.h"
#include "limn/error.h"
#include "limn/onnx/element_types.h"

namespace limn {
namespace {

/// No network needs more, and operators may count on it.
constexpr std::size_t kMaxRank = 32;
/// Bytes from which a tensor is worth being brought into memory, and out of it again, by itself.
constexpr std::size_t kLarge = std::size_t{1} << 20;

std::string place(const TensorParts& parts) { return fmt::format("tensor '{}'", parts.name); }

/// Bytes that the tensor occupies in the file.
std::size_t file_size(const TensorParts& parts, std::size_t element_bytes) {
  const auto wrong = [&](std::string_view what) {
    return Error(ErrorCode::bad_input, fmt::format("a tensor {}", what), place(parts),
                 "the file is damaged; fetch or export it again");
  };
  if (parts.dims.size() > kMaxRank) throw wrong(fmt::format("has {} dimensions", parts.dims.size()));
  std::int64_t bytes = static_cast<std::int64_t>(element_bytes);
  for (std::int64_t d : parts.dims) {
    if (d < 0) throw wrong(fmt::format("has the sizes {}", to_string(parts.dims)));
    if (__builtin_mul_overflow(bytes, d, &bytes))
      throw wrong(fmt::format("has the sizes {}, too large for any memory", to_string(parts.dims)));
  }
  return static_cast<std::size_t>(bytes);
}

template <class From, class Convert>
void convert_bytes(std::span<const std::byte> from, std::span<float> to, Convert convert) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    From value;
    std::memcpy(&value, from.data() + i * sizeof(From), sizeof(From));
    to[i] = convert(value);
  }
}

Tensor widen(std::span<const std::byte> bytes, const TensorParts& parts) {
  Tensor out(DType::f32, parts.dims);
  const auto to = out.mutable_view().as<float>();
  switch (parts.element_type) {
    case onnx::TensorProto_DataType_FLOAT16: convert_bytes<std::uint16_t>(bytes, to, from_half); break;
    case onnx::TensorProto_DataType_BFLOAT16: convert_bytes<std::uint16_t>(bytes, to, from_bfloat16); break;
    default: convert_bytes<double>(bytes, to, [](double d) { return static_cast<float>(d); });
  }
  return out;
}

/// A copy in memory of our own. A bool of the file may be any byte, one of C++ only 0 or 1.
Tensor copy(std::span<const std::byte> bytes, DType dtype, const TensorParts& parts) {
  Tensor out(dtype, parts.dims);
  std::byte* const to = out.mutable_view().bytes;
  if (dtype == DType::boolean)
    std::ranges::transform(bytes, to, [](std::byte b) { return std::byte{b != std::byte{0}}; });
  else
    std::ranges::copy(bytes, to);
  return out;
}

template <class T, class Field>
Tensor from_field(const Field& values, const TensorParts& parts, DType dtype) {
  Tensor out(dtype, parts.dims);
  const auto to = out.mutable_view().as<T>();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<T>(values[static_cast<int>(i)]);
  return out;
}

/// How many elements the typed field of that element type holds.
int typed_count(const TensorParts& parts) {
  const onnx::TensorProto& t = parts.typed;
  switch (parts.element_type) {
    case onnx::TensorProto_DataType_FLOAT: return t.float_data_size();
    case onnx::TensorProto_DataType_DOUBLE: return t.double_data_size();
    case onnx::TensorProto_DataType_INT64: return t.int64_data_size();
    case onnx::TensorProto_DataType_UINT32:
    case onnx::TensorProto_DataType_UINT64: return t.uint64_data_size();
    default: return t.int32_data_size();
  }
}

Tensor from_typed(const TensorParts& parts, DType dtype) {
  const onnx::TensorProto& t = parts.typed;
  const std::int64_t count = element_count(parts.dims);
  if (typed_count(parts) != count)
    throw Error(ErrorCode::bad_input,
                fmt::format("a tensor of the sizes {} needs {} elements, but the file holds {}",
                            to_string(parts.dims), count, typed_count(parts)),
                place(parts), "the file is damaged; fetch or export it again");
  switch (parts.element_type) {
    case onnx::TensorProto_DataType_FLOAT: return from_field<float>(t.float_data(), parts, dtype);
    case onnx::TensorProto_DataType_DOUBLE: return from_field<float>(t.double_data(), parts, dtype);
    case onnx::TensorProto_DataType_INT64: return from_field<std::int64_t>(t.int64_data(), parts, dtype);
    case onnx::TensorProto_DataType_UINT32: return from_field<std::uint32_t>(t.uint64_data(), parts, dtype);
    case onnx::TensorProto_DataType_UINT64: return from_field<std::uint64_t>(t.uint64_data(), parts, dtype);
    case onnx::TensorProto_DataType_FLOAT16:
    case onnx::TensorProto_DataType_BFLOAT16: {
      const Tensor bits = from_field<std::uint16_t>(t.int32_data(), parts, DType::u16);
      return widen({bits.bytes(), bits.byte_count()}, parts);
    }
    default: return dispatch(dtype, [&]<class T>() { return from_field<T>(t.int32_data(), parts, dtype); });
  }
}

bool aligned(const std::byte* address, std::size_t to) {
  return reinterpret_cast<std::uintptr_t>(address) % to == 0;
}

}  // namespace

Tensor TensorReader::read(const TensorParts& parts, const OwnedBytes& file) {
  const ElementType type = element_type(parts.element_type);
  if (!type.supported())
    throw Error(ErrorCode::unsupported,
                fmt::format("tensors of {} elements are not supported", element_type_name(parts.element_type)),
                place(parts), "export the model with float32 weights");
  const std::size_t size = file_size(parts, type.file_bytes);
  widened_ |= type.widened;
  if (!parts.is_external && !parts.has_raw) return from_typed(parts, type.dtype);

  const OwnedBytes source =
      parts.is_external ? external_.bytes_of(parts, size) : OwnedBytes{file.owner, parts.raw, file.mapping};
  if (source.bytes.size() != size)
    throw Error(
        ErrorCode::bad_input,
        fmt::format("a {} tensor of the sizes {} needs {} bytes, but the file holds {}",
                    element_type_name(parts.element_type), to_string(parts.dims), size, source.bytes.size()),
        place(parts), "the file is damaged; fetch or export it again");
  if (type.widened) return widen(source.bytes, parts);
  if (type.dtype == DType::boolean || !source.owner) return copy(source.bytes, type.dtype, parts);
  if (source.mapping != nullptr && size >= kLarge)
    return Tensor(type.dtype, parts.dims,
                  std::make_shared<FilePart>(source.owner, *source.mapping, source.bytes, type.file_bytes));
  if (aligned(source.bytes.data(), type.file_bytes))
    return Tensor(type.dtype, parts.dims, source.owner, source.bytes.data());
  return copy(source.bytes, type.dtype, parts);
}

}  // namespace limn
