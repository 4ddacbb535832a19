#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limn/error.h"
#include "limn/export_onnx.h"
#include "limn/onnx/decompose.h"
#include "limn/onnx/downgrade.h"
#include "limn/onnx/model_writer.h"
#include "limn/version.h"

namespace limn {
namespace {

constexpr std::int64_t kOldestOpset = 13, kNewestOpset = 21;
/// What the importer keeps beside the model's own metadata.
constexpr std::string_view kOwnKeys[] = {"graph", "opset", "producer", "note"};

std::int64_t ir_version_of(std::int64_t opset) { return opset >= 21 ? 10 : opset >= 19 ? 9 : 8; }

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

/// Fills the message node by node; weights are collected apart.
class ModelMaker {
 public:
  ModelMaker(const Graph& graph, const ExportOptions& options) : graph_(graph), options_(options) {}

  void make() {
    set_header();
    auto& graph = *model_.mutable_graph();
    for (const ValueId id : graph_.inputs()) set_type(graph_.value(id), *graph.add_input());
    for (const Node& node : graph_.nodes()) add_node(node);
    for (const Output& output : graph_.outputs()) add_output(output);
  }

  const onnx::ModelProto& model() const { return model_; }
  const std::vector<NamedTensor>& weights() const { return weights_; }

 private:
  void set_header() {
    model_.set_ir_version(ir_version_of(options_.opset));
    model_.set_producer_name(options_.producer);
    model_.set_producer_version(std::string(kVersion));
    model_.add_opset_import()->set_version(options_.opset);
    const auto& metadata = graph_.data().metadata;
    const auto name = metadata.find("graph");
    model_.mutable_graph()->set_name(name == metadata.end() || name->second.empty() ? "graph" : name->second);
    for (const auto& [key, value] : metadata) {
      if (std::ranges::find(kOwnKeys, key) != std::end(kOwnKeys)) continue;
      auto& entry = *model_.add_metadata_props();
      entry.set_key(key);
      entry.set_value(value);
    }
  }

  /// The value's name; a constant becomes a weight of the file the first time.
  std::string name_of(ValueId id) {
    if (id == kAbsent) return {};
    const ValueInfo& value = graph_.value(id);
    if (value.constant && written_.insert(id).second) weights_.push_back({value.name, *value.constant});
    return value.name;
  }

  void add_node(const Node& node) {
    if (node.op.find("::") != std::string::npos)
      throw Error(ErrorCode::unsupported, fmt::format("{} is no operator of ONNX", node.op),
                  fmt::format("node '{}'", node.name));
    auto& proto = *model_.mutable_graph()->add_node();
    proto.set_op_type(node.op);
    proto.set_name(node.name);
    for (const ValueId id : node.in) proto.add_input(id == kAbsent ? std::string() : graph_.value(id).name);
    for (const ValueId id : node.out) proto.add_output(id == kAbsent ? std::string() : graph_.value(id).name);
    for (const auto& [name, attribute] : node.attrs.all()) {
      auto& entry = *proto.add_attribute();
      entry.set_name(name);
      std::visit(AttributeWriter{entry, node}, attribute);
    }
    downgrade(graph_, node, options_.opset, proto);
    // What became an attribute is no weight any more.
    for (int i = 0; i < proto.input_size(); ++i) name_of(node.in[static_cast<std::size_t>(i)]);
  }

  /// An output is a value of its name that a node makes; any other is handed on by an Identity.
  void add_output(const Output& output) {
    const ValueInfo& value = graph_.value(output.value);
    auto& proto = *model_.mutable_graph()->add_output();
    set_type(value, proto);
    proto.set_name(output.name);
    if (value.name == output.name && value.producer) return;
    if (graph_.find(output.name))
      throw Error(
          ErrorCode::unsupported,
          fmt::format("the output '{}' has the name of another value than its own, '{}'", output.name, value.name),
          {}, "name the output otherwise");
    auto& node = *model_.mutable_graph()->add_node();
    node.set_op_type("Identity");
    node.set_name(output.name);
    node.add_input(name_of(output.value));
    node.add_output(output.name);
  }

  const Graph& graph_;
  const ExportOptions& options_;
  onnx::ModelProto model_;
  std::vector<NamedTensor> weights_;
  std::set<ValueId> written_;
};

}  // namespace

void export_onnx(const Graph& graph, const std::filesystem::path& path, const ExportOptions& options) {
  if (options.opset < kOldestOpset || options.opset > kNewestOpset)
    throw Error(ErrorCode::unsupported, fmt::format("opset {} cannot be written; limn writes {} to {}",
                                                    options.opset, kOldestOpset, kNewestOpset));
  const Graph standard = in_onnx_operators(graph);
  ModelMaker maker(standard, options);
  maker.make();
  write_model(maker.model(), maker.weights(), path, options.max_bytes);
}

}  // namespace limn
