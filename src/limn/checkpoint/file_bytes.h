#pragma once
// What the readers of one checkpoint share: its bytes, and how its numbers become tensors.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/base/mapped_file.h"
#include "limn/tensor.h"

namespace limn {

/// A whole file, kept alive by `owner`.
struct FileBytes {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
  const MappedFile* mapping = nullptr;  ///< the owner, unless the bytes lie in memory

  std::size_t size() const { return bytes.size(); }
};

/// Element types as checkpoints store them.
enum class StoredType : std::uint8_t { f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, boolean };

std::size_t size_of(StoredType);
/// As limn holds it: every float is float32.
DType held_as(StoredType);

/// A tensor inside a storage: element (i, j, ..) lies at offset + i * strides[0] + j * strides[1] + ...
struct StoredTensor {
  StoredType type = StoredType::f32;
  Dims dims;
  std::vector<std::int64_t> strides;   ///< in elements; one per size
  std::int64_t offset = 0;             ///< in elements
  std::span<const std::byte> storage;  ///< a whole number of elements

  /// Row-major strides.
  static std::vector<std::int64_t> packed(const Dims& dims);
};

/// Makes the tensors of one checkpoint: in place where the bytes allow it, else copied, up to a bound.
class TensorMaker {
 public:
  explicit TensorMaker(FileBytes file);

  /// Throws Error{bad_input} naming the tensor when it reaches beyond its storage, Error{limit} when all copies
  /// together take several times the file's size.
  Tensor make(const StoredTensor& stored, std::string_view name);

 private:
  void check(const StoredTensor& stored, std::string_view name) const;
  Tensor copy(const StoredTensor& stored, std::string_view name);
  void copy_packed(const StoredTensor& stored, Tensor& to) const;

  FileBytes file_;
  std::size_t budget_;
};

/// The text fit for one line of an error: control characters replaced, long ones cut.
std::string one_line(std::string_view text);

}  // namespace limn
