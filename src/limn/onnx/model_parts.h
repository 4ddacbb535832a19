#pragma once
// An ONNX file taken apart: small things as the classes of onnx.proto, weights as views into the file.

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace limn {

/// A TensorProto whose raw bytes were left where they are.
struct TensorParts {
  std::string name;
  std::vector<std::int64_t> dims;
  std::int32_t element_type = 0;  ///< TensorProto_DataType
  bool has_raw = false;
  std::span<const std::byte> raw;  ///< of raw_data
  bool is_external = false;
  std::vector<std::pair<std::string, std::string>> external;  ///< keys and values of external_data
  onnx::TensorProto typed;  ///< float_data, int32_data, ... of a tensor without raw data
};

/// A function of the model: an operator made of other operators.
struct FunctionParts {
  onnx::FunctionProto proto;
  std::vector<onnx::AttributeProto> defaults;  ///< of attributes that a call leaves out
};

struct ModelParts {
  std::int64_t ir_version = 0;
  std::string producer, graph_name;
  std::map<std::string, std::int64_t> opsets;  ///< by domain; the default domain is ""
  std::map<std::string, std::string> properties;
  std::vector<onnx::NodeProto> nodes;
  std::vector<FunctionParts> functions;
  std::vector<onnx::ValueInfoProto> inputs, outputs;
  std::vector<TensorParts> initializers;
  std::vector<std::string> sparse_initializers;  ///< names, to report them

  /// The opset that nodes of the domain are written in; 0 when the file does not say.
  std::int64_t opset_of(const std::string& domain) const;
};

/// Throws Error{bad_input} when the bytes are not an ONNX model, or a broken one. The result refers to `file`.
ModelParts take_apart(std::span<const std::byte> file);
/// The same view of a tensor that lies inside a node.
TensorParts parts_of(const onnx::TensorProto& tensor);

/// "ai.onnx" is the long name of the default domain.
std::string short_domain(const std::string& domain);

}  // namespace limn
