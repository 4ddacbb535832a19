#pragma once
// The bytes of an ONNX file: a small message as protobuf's classes serialise it, and weights that go from where
// they lie into the file.

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "limn/tensor.h"

namespace limn {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// TensorProto_DataType of a dtype.
int element_type_of(DType dtype);

/// Writes `model` with `weights` as its initializers; above `max_bytes` these go to a file beside it, path +
/// ".data". Throws Error{io, not_found}.
void write_model(const onnx::ModelProto& model, const std::vector<NamedTensor>& weights,
                 const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace limn
