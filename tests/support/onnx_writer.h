#pragma once
// Writes small ONNX files for tests, with the classes of onnx.proto.

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace limn::test {

/// A model under construction. Every function answers what it added, to be completed by the test.
class OnnxWriter {
 public:
  explicit OnnxWriter(std::int64_t opset = 13, std::int64_t ir_version = 8);

  /// A size of -1 is left out, one of text is a symbol.
  struct Size {
    std::int64_t value = -1;
    std::string symbol;
    Size(std::int64_t v) : value(v) {}  // NOLINT(google-explicit-constructor)
    Size(int v) : value(v) {}           // NOLINT(google-explicit-constructor)
    Size(const char* s) : symbol(s) {}  // NOLINT(google-explicit-constructor)
  };
  onnx::ValueInfoProto& input(const std::string& name, const std::vector<Size>& sizes,
                              int element_type = onnx::TensorProto_DataType_FLOAT);
  onnx::ValueInfoProto& output(const std::string& name);

  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs, const std::string& name = {});

  /// An initializer with raw data.
  onnx::TensorProto& weight(const std::string& name, const std::vector<std::int64_t>& dims,
                            const std::vector<float>& values);
  onnx::TensorProto& weight(const std::string& name, const std::vector<std::int64_t>& dims,
                            const std::vector<std::int64_t>& values);
  /// An initializer without data.
  onnx::TensorProto& tensor(const std::string& name, const std::vector<std::int64_t>& dims, int element_type);

  onnx::ModelProto& model() { return model_; }
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }
  std::vector<std::byte> bytes() const;
  void save(const std::filesystem::path& path) const;

 private:
  onnx::ModelProto model_;
};

// Attributes of a node.
void set(onnx::NodeProto& node, const std::string& name, std::int64_t value);
void set(onnx::NodeProto& node, const std::string& name, int value);
void set(onnx::NodeProto& node, const std::string& name, float value);
void set(onnx::NodeProto& node, const std::string& name, const char* value);
void set(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values);
void set(onnx::NodeProto& node, const std::string& name, const std::vector<float>& values);
/// An attribute that holds a tensor, to be filled in.
onnx::TensorProto& set_tensor(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& dims,
                              int element_type);

/// Says that the data of `tensor` lies in an external file.
void make_external(onnx::TensorProto& tensor, const std::string& location, const std::string& offset = {},
                   const std::string& length = {});

/// A whole classifier: Conv (2 maps of 3x3 over 1 channel of 6x6), Relu "features", GlobalAveragePool, Flatten,
/// Gemm to 3 classes "logits".
OnnxWriter small_classifier(std::int64_t opset = 13);

}  // namespace limn::test
