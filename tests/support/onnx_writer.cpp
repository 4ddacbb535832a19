#include "support/onnx_writer.h"

#include <fstream>
#include <span>

namespace limn::test {
namespace {

template <class T>
void set_raw(onnx::TensorProto& tensor, const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  tensor.set_raw_data(bytes.data(), bytes.size());
}

onnx::AttributeProto& attribute(onnx::NodeProto& node, const std::string& name,
                                onnx::AttributeProto::AttributeType type) {
  auto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(type);
  return a;
}

}  // namespace

OnnxWriter::OnnxWriter(std::int64_t opset, std::int64_t ir_version) {
  model_.set_ir_version(ir_version);
  model_.set_producer_name("limn tests");
  graph().set_name("test");
  if (opset > 0) model_.add_opset_import()->set_version(opset);
}

onnx::ValueInfoProto& OnnxWriter::input(const std::string& name, const std::vector<Size>& sizes, int element_type) {
  auto& info = *graph().add_input();
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(element_type);
  type.mutable_shape();
  for (const Size& size : sizes) {
    auto& dim = *type.mutable_shape()->add_dim();
    if (!size.symbol.empty())
      dim.set_dim_param(size.symbol);
    else if (size.value >= 0)
      dim.set_dim_value(size.value);
  }
  return info;
}

onnx::ValueInfoProto& OnnxWriter::output(const std::string& name) {
  auto& info = *graph().add_output();
  info.set_name(name);
  return info;
}

onnx::NodeProto& OnnxWriter::node(const std::string& op, const std::vector<std::string>& inputs,
                                  const std::vector<std::string>& outputs, const std::string& name) {
  auto& node = *graph().add_node();
  node.set_op_type(op);
  if (!name.empty()) node.set_name(name);
  for (const auto& in : inputs) node.add_input(in);
  for (const auto& out : outputs) node.add_output(out);
  return node;
}

onnx::TensorProto& OnnxWriter::tensor(const std::string& name, const std::vector<std::int64_t>& dims,
                                      int element_type) {
  auto& tensor = *graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(element_type);
  for (std::int64_t d : dims) tensor.add_dims(d);
  return tensor;
}

onnx::TensorProto& OnnxWriter::weight(const std::string& name, const std::vector<std::int64_t>& dims,
                                      const std::vector<float>& values) {
  auto& t = tensor(name, dims, onnx::TensorProto_DataType_FLOAT);
  set_raw(t, values);
  return t;
}

onnx::TensorProto& OnnxWriter::weight(const std::string& name, const std::vector<std::int64_t>& dims,
                                      const std::vector<std::int64_t>& values) {
  auto& t = tensor(name, dims, onnx::TensorProto_DataType_INT64);
  set_raw(t, values);
  return t;
}

std::vector<std::byte> OnnxWriter::bytes() const {
  const std::string text = model_.SerializeAsString();
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void OnnxWriter::save(const std::filesystem::path& path) const {
  std::ofstream file(path, std::ios::binary);
  model_.SerializeToOstream(&file);
}

void set(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  attribute(node, name, onnx::AttributeProto::INT).set_i(value);
}
void set(onnx::NodeProto& node, const std::string& name, int value) { set(node, name, std::int64_t{value}); }
void set(onnx::NodeProto& node, const std::string& name, float value) {
  attribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}
void set(onnx::NodeProto& node, const std::string& name, const char* value) {
  attribute(node, name, onnx::AttributeProto::STRING).set_s(value);
}
void set(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values) {
  auto& a = attribute(node, name, onnx::AttributeProto::INTS);
  for (std::int64_t v : values) a.add_ints(v);
}
void set(onnx::NodeProto& node, const std::string& name, const std::vector<float>& values) {
  auto& a = attribute(node, name, onnx::AttributeProto::FLOATS);
  for (float v : values) a.add_floats(v);
}

onnx::TensorProto& set_tensor(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& dims,
                              int element_type) {
  auto& t = *attribute(node, name, onnx::AttributeProto::TENSOR).mutable_t();
  t.set_data_type(element_type);
  for (std::int64_t d : dims) t.add_dims(d);
  return t;
}

void make_external(onnx::TensorProto& tensor, const std::string& location, const std::string& offset,
                   const std::string& length) {
  tensor.set_data_location(onnx::TensorProto_DataLocation_EXTERNAL);
  const auto add = [&](const char* key, const std::string& value) {
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  add("location", location);
  if (!offset.empty()) add("offset", offset);
  if (!length.empty()) add("length", length);
}

OnnxWriter small_classifier(std::int64_t opset) {
  OnnxWriter w(opset);
  w.input("image", {"N", 1, 6, 6});
  std::vector<float> kernel(18);
  for (std::size_t i = 0; i < kernel.size(); ++i) kernel[i] = static_cast<float>(i % 5) - 2;
  w.weight("conv.weight", {2, 1, 3, 3}, kernel);
  w.weight("fc.weight", {3, 2}, std::vector<float>{1, 2, 3, -4, 5, -6});
  w.weight("fc.bias", {3}, std::vector<float>{0.5F, -0.5F, 0});
  set(w.node("Conv", {"image", "conv.weight"}, {"conv"}, "conv"), "kernel_shape", std::vector<std::int64_t>{3, 3});
  w.node("Relu", {"conv"}, {"features"}, "relu");
  w.node("GlobalAveragePool", {"features"}, {"pooled"}, "pool");
  set(w.node("Flatten", {"pooled"}, {"flat"}, "flatten"), "axis", 1);
  set(w.node("Gemm", {"flat", "fc.weight", "fc.bias"}, {"logits"}, "fc"), "transB", 1);
  w.output("logits");
  return w;
}

}  // namespace limn::test
