#pragma once
// Dense tensors in row-major order, and views of them. A Tensor is immutable once shared.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "limn/error.h"
#include "limn/export.h"

namespace limn {

static_assert(std::endian::native == std::endian::little, "limn reads ONNX and .npy bytes in place");

/// Element types that limn computes with. Half, bfloat16 and double tensors of a model become f32 when it is
/// imported; f64 exists for the double-precision reference evaluation.
enum class DType : std::uint8_t { undefined, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, boolean };

/// Bytes per element; 0 for undefined.
LIMN_API std::size_t size_of(DType);
/// "float32", "int64", "bool", ...
LIMN_API std::string_view name_of(DType);
constexpr bool is_float(DType t) { return t == DType::f32 || t == DType::f64; }

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::f64;
  else if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return DType::i8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return DType::i16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return DType::i32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::i64;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::u8;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return DType::u16;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return DType::u32;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return DType::u64;
  else
    static_assert(sizeof(T) == 0, "no DType for this type");
}

/// Concrete sizes, outermost first; images are [N, C, H, W]. An empty Dims is a scalar.
using Dims = std::vector<std::int64_t>;

/// Product of the sizes (1 for a scalar). Throws Error{limit} on overflow, Error{bad_input} on a negative size.
LIMN_API std::int64_t element_count(std::span<const std::int64_t> dims);
/// "[1, 3, 224, 224]"
LIMN_API std::string to_string(std::span<const std::int64_t> dims);

/// A non-owning view: element type, sizes, address. `Byte` is std::byte or const std::byte.
template <class Byte>
struct BasicTensorView {
  DType dtype = DType::undefined;
  std::span<const std::int64_t> dims;
  Byte* bytes = nullptr;

  std::int64_t count() const { return element_count(dims); }
  bool present() const { return dtype != DType::undefined; }

  /// The elements; throws Error{internal} when T is not the element type.
  template <class T>
  auto as() const {
    using Element = std::conditional_t<std::is_const_v<Byte>, const T, T>;
    if (dtype != dtype_of<T>())
      throw Error(ErrorCode::internal, "a " + std::string(name_of(dtype)) + " tensor was read as " +
                                           std::string(name_of(dtype_of<T>())));
    return std::span<Element>(reinterpret_cast<Element*>(bytes), static_cast<std::size_t>(count()));
  }
};
using TensorView = BasicTensorView<const std::byte>;
using MutableTensorView = BasicTensorView<std::byte>;

class FilePart;
class Lender;

/// A tensor that shares ownership of its bytes (an allocation, or part of a mapped file). Copies are cheap and
/// share the bytes. Large ones of a file are brought into memory when they are first asked for, by any thread.
class LIMN_API Tensor {
 public:
  Tensor() = default;
  /// Uninitialised storage, 64-byte aligned.
  Tensor(DType dtype, Dims dims);
  /// Bytes kept alive by `owner`; `bytes` is aligned to the element size.
  Tensor(DType dtype, Dims dims, std::shared_ptr<const void> owner, const std::byte* bytes);
  /// Bytes of a file, aligned to the element size at least when they are handed out.
  Tensor(DType dtype, Dims dims, std::shared_ptr<const FilePart> file);

  template <class T>
  static Tensor of(Dims dims, std::span<const T> values) {
    Tensor t(dtype_of<T>(), std::move(dims));
    t.check_count(values.size());
    auto out = t.mutable_view().template as<T>();
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[i];
    return t;
  }
  template <class T>
  static Tensor of(Dims dims, std::initializer_list<T> values) {
    return of<T>(std::move(dims), std::span<const T>(values.begin(), values.size()));
  }
  template <class T>
  static Tensor scalar(T value) {
    return of<T>({}, {value});
  }

  DType dtype() const { return dtype_; }
  const Dims& dims() const { return dims_; }
  std::int64_t count() const { return element_count(dims_); }
  std::size_t byte_count() const { return static_cast<std::size_t>(count()) * size_of(dtype_); }
  /// In memory from now on. Throws Error{limit} where there is no memory for them.
  const std::byte* bytes() const { return file_ == nullptr ? bytes_ : kept(); }
  /// The bytes for one look: those of a file until the lender lends others. Throws as bytes() does.
  const std::byte* bytes(Lender& lender) const;
  /// The same for tensors that share their bytes, different for others that exist at the same time.
  const void* identity() const { return file_ == nullptr ? static_cast<const void*>(bytes_) : file_.get(); }
  bool present() const { return dtype_ != DType::undefined; }

  TensorView view() const { return {dtype_, dims_, bytes()}; }
  /// For filling a tensor just made with Tensor(dtype, dims), before it is shared.
  MutableTensorView mutable_view();
  template <class T>
  std::span<const T> as() const {
    return view().as<T>();
  }

  /// The same bytes with other sizes; throws Error{bad_input} when the element counts differ.
  Tensor reshaped(Dims dims) const;
  /// A copy converted element by element (floats to integers truncate towards zero, anything to bool is != 0).
  Tensor converted(DType to) const;
  /// Integer tensors of any width, as int64; throws Error{bad_input} for floats.
  std::vector<std::int64_t> to_int64() const;

 private:
  void check_count(std::size_t n) const;
  const std::byte* kept() const;
  DType dtype_ = DType::undefined;
  Dims dims_;
  std::shared_ptr<const void> owner_;
  const std::byte* bytes_ = nullptr;
  std::shared_ptr<const FilePart> file_;  ///< in place of owner_ and bytes_
};

/// Calls f.template operator()<T>() with the C++ type of `dtype`; throws Error{internal} for undefined.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
    case DType::i8: return f.template operator()<std::int8_t>();
    case DType::i16: return f.template operator()<std::int16_t>();
    case DType::i32: return f.template operator()<std::int32_t>();
    case DType::i64: return f.template operator()<std::int64_t>();
    case DType::u8: return f.template operator()<std::uint8_t>();
    case DType::u16: return f.template operator()<std::uint16_t>();
    case DType::u32: return f.template operator()<std::uint32_t>();
    case DType::u64: return f.template operator()<std::uint64_t>();
    case DType::boolean: return f.template operator()<bool>();
    case DType::undefined: break;
  }
  throw Error(ErrorCode::internal, "a tensor without an element type was used");
}

}  // namespace limn
