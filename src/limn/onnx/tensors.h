#pragma once
// TensorProto to Tensor.

#include <memory>

#include "limn/onnx/external_data.h"
#include "limn/onnx/model_parts.h"
#include "limn/tensor.h"

namespace limn {

/// Turns the tensors of one model into limn's, in place where the bytes allow it.
class TensorReader {
 public:
  /// `file` keeps the bytes of initializers alive; `folder` is where external data lies.
  TensorReader(OwnedBytes file, std::filesystem::path folder)
      : file_(std::move(file)), external_(std::move(folder)) {}

  /// An initializer: refers to the file's bytes when they are of a type that limn holds, and aligned or large.
  /// Throws Error{unsupported} for an element type without dtype, Error{bad_input} for bytes that do not fit.
  Tensor initializer(const TensorParts& parts) { return read(parts, file_); }
  /// A tensor inside a node: always a copy (its external data apart).
  Tensor attribute(const onnx::TensorProto& proto) { return read(parts_of(proto), {}); }

  /// Whether half, bfloat16 or double elements have become float32.
  bool widened() const { return widened_; }
  void note_widening() { widened_ = true; }

 private:
  /// The raw bytes of `parts` lie in `file`; it has no owner when they are about to go.
  Tensor read(const TensorParts& parts, const OwnedBytes& file);

  OwnedBytes file_;
  ExternalData external_;
  bool widened_ = false;
};

}  // namespace limn
