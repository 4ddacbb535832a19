#pragma once
// Weights that lie in files beside the model.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "limn/base/mapped_file.h"
#include "limn/onnx/model_parts.h"

namespace limn {

/// Bytes that somebody keeps alive.
struct OwnedBytes {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
  const MappedFile* mapping = nullptr;  ///< whose bytes they are, when they are a file's; kept alive by `owner`
};

/// The data files of one model, each mapped once.
class ExternalData {
 public:
  /// `folder` is the model's own; without one (a model read from memory) external data is refused.
  explicit ExternalData(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The `size` bytes of that tensor. Throws Error{bad_input} when its location leads out of the folder or its
  /// offset and length do not fit, Error{not_found} when the file is missing.
  OwnedBytes bytes_of(const TensorParts& tensor, std::size_t size);

 private:
  std::filesystem::path resolve(const TensorParts& tensor, const std::string& location) const;
  std::shared_ptr<const MappedFile> open(const TensorParts& tensor, const std::string& location);

  std::filesystem::path folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

}  // namespace limn
