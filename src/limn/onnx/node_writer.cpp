#include "limn/onnx/node_writer.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limn/error.h"
#include "limn/onnx/downgrade.h"
#include "limn/onnx/model_writer.h"

namespace limn {
namespace {

/// One overload per kind of attribute.
struct AttributeWriter {
  onnx::AttributeProto& proto;
  const Node& node;

  void operator()(std::int64_t v) const {
    proto.set_type(onnx::AttributeProto::INT);
    proto.set_i(v);
  }
  void operator()(double v) const {
    proto.set_type(onnx::AttributeProto::FLOAT);
    proto.set_f(static_cast<float>(v));
  }
  void operator()(const std::string& v) const {
    proto.set_type(onnx::AttributeProto::STRING);
    proto.set_s(v);
  }
  void operator()(const std::vector<std::int64_t>& list) const {
    proto.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t v : list) proto.add_ints(v);
  }
  void operator()(const std::vector<double>& list) const {
    proto.set_type(onnx::AttributeProto::FLOATS);
    for (const double v : list) proto.add_floats(static_cast<float>(v));
  }
  void operator()(const std::vector<std::string>& list) const {
    proto.set_type(onnx::AttributeProto::STRINGS);
    for (const std::string& v : list) proto.add_strings(v);
  }
  void operator()(const Tensor& v) const {
    proto.set_type(onnx::AttributeProto::TENSOR);
    set_tensor(v, *proto.mutable_t());
  }
  void operator()(const std::shared_ptr<const Graph>&) const {
    throw Error(ErrorCode::unsupported, "a subgraph cannot be written",
                fmt::format("node '{}' ({})", node.name, node.op));
  }
};

}  // namespace

void set_type(const ValueInfo& value, onnx::ValueInfoProto& proto) {
  proto.set_name(value.name);
  if (value.type.dtype == DType::undefined) return;
  auto& type = *proto.mutable_type()->mutable_tensor_type();
  type.set_elem_type(element_type_of(value.type.dtype));
  if (!value.type.shape) return;
  type.mutable_shape();
  for (const Dim& dim : *value.type.shape) {
    auto& size = *type.mutable_shape()->add_dim();
    if (dim.known())
      size.set_dim_value(dim.value);
    else if (!dim.symbol.empty())
      size.set_dim_param(dim.symbol);
  }
}

void set_tensor(const Tensor& tensor, onnx::TensorProto& proto) {
  proto.set_data_type(element_type_of(tensor.dtype()));
  for (const std::int64_t d : tensor.dims()) proto.add_dims(d);
  proto.set_raw_data(tensor.bytes(), tensor.byte_count());
}

onnx::NodeProto identity(const std::string& from, const std::string& to) {
  onnx::NodeProto node;
  node.set_op_type("Identity");
  node.set_name(to);
  node.add_input(from);
  node.add_output(to);
  return node;
}

onnx::NodeProto to_proto(const Graph& graph, const Node& node, std::int64_t opset) {
  if (node.op.find("::") != std::string::npos)
    throw Error(ErrorCode::unsupported, fmt::format("{} is no operator of ONNX", node.op),
                fmt::format("node '{}'", node.name));
  onnx::NodeProto proto;
  proto.set_op_type(node.op);
  proto.set_name(node.name);
  for (const ValueId id : node.in) proto.add_input(id == kAbsent ? std::string() : graph.value(id).name);
  for (const ValueId id : node.out) proto.add_output(id == kAbsent ? std::string() : graph.value(id).name);
  for (const auto& [name, attribute] : node.attrs.all()) {
    auto& entry = *proto.add_attribute();
    entry.set_name(name);
    std::visit(AttributeWriter{entry, node}, attribute);
  }
  downgrade(graph, node, opset, proto);
  return proto;
}

}  // namespace limn
