#pragma once
// What PyTorch means by the values of its pickles.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limn/checkpoint/file_bytes.h"
#include "limn/checkpoint/pickle.h"

namespace limn {

/// Whether the global belongs to a tensor (how one is rebuilt, storages, element types, sizes, devices), is a set
/// or one of NumPy's numbers.
bool is_known_global(std::string_view module, std::string_view name);

/// The identifier of a storage, kept outside the pickle.
struct StorageId {
  /// Part of another storage, in elements: only files before PyTorch 0.4 have it.
  struct Part {
    std::int64_t offset = 0, count = 0;
  };
  std::string_view key;
  StoredType type = StoredType::f32;
  std::int64_t count = 0;  ///< elements
  std::optional<Part> part;
};
/// Throws Error{bad_input} when it is none, Error{unsupported} for element types without one in limn.
StorageId storage_id(const PickleValue& external);

/// A tensor but for its bytes.
struct TensorRecord {
  StorageId storage;
  std::int64_t offset = 0;
  Dims dims;
  std::vector<std::int64_t> strides;
};

/// The weights in what a file holds: its tensors by name, or those of its state_dict. Throws Error{bad_input} when
/// there are none, or two of one name.
std::vector<std::pair<std::string_view, TensorRecord>> find_weights(const PickleValue& root);

}  // namespace limn
