#pragma once
// The element types of onnx.proto, and what limn makes of them.

#include <cstddef>
#include <cstdint>
#include <string>

#include "limn/tensor.h"

namespace limn {

struct ElementType {
  DType dtype = DType::undefined;  ///< as limn holds it; undefined when it cannot
  std::size_t file_bytes = 0;      ///< per element in the file
  /// Half, bfloat16 and double, which become float32.
  bool widened = false;

  bool supported() const { return dtype != DType::undefined; }
};

/// For a TensorProto_DataType, known or not.
ElementType element_type(std::int32_t code);
/// "float16", "int4", "type 99"
std::string element_type_name(std::int32_t code);

}  // namespace limn
