#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limn/error.h"
#include "limn/export_onnx.h"
#include "limn/onnx/decompose.h"
#include "limn/onnx/model_writer.h"
#include "limn/onnx/node_writer.h"
#include "limn/version.h"

namespace limn {
namespace {

/// What the importer keeps beside the model's own metadata.
constexpr std::string_view kOwnKeys[] = {"graph", "opset", "producer", "note"};

std::int64_t ir_version_of(std::int64_t opset) { return opset >= 21 ? 10 : opset >= 19 ? 9 : 8; }

/// Fills the message node by node; weights are collected apart.
class ModelMaker {
 public:
  ModelMaker(const Graph& graph, const ExportOptions& options) : graph_(graph), options_(options) {}

  void make() {
    set_header();
    for (const ValueId id : graph_.inputs()) add_input(graph_.value(id));
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

  void add_input(const ValueInfo& value) {
    set_type(value, *model_.mutable_graph()->add_input());
    if (const auto it = options_.defaults.find(value.name); it != options_.defaults.end())
      weights_.push_back({value.name, it->second});
  }

  void add_node(const Node& node) {
    onnx::NodeProto proto = to_proto(graph_, node, options_.opset);
    // What became an attribute is no weight any more.
    for (int i = 0; i < proto.input_size(); ++i) name_of(node.in[static_cast<std::size_t>(i)]);
    *model_.mutable_graph()->add_node() = std::move(proto);
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
    *model_.mutable_graph()->add_node() = identity(name_of(output.value), output.name);
  }

  const Graph& graph_;
  const ExportOptions& options_;
  onnx::ModelProto model_;
  std::vector<NamedTensor> weights_;
  std::set<ValueId> written_;
};

}  // namespace

void export_onnx(const Graph& graph, const std::filesystem::path& path, const ExportOptions& options) {
  if (options.opset < kOldestWritten || options.opset > kNewestWritten)
    throw Error(ErrorCode::unsupported, fmt::format("opset {} cannot be written; limn writes {} to {}",
                                                    options.opset, kOldestWritten, kNewestWritten));
  const Graph standard = in_onnx_operators(graph, options.opset);
  ModelMaker maker(standard, options);
  maker.make();
  write_model(maker.model(), maker.weights(), path, options.max_bytes);
}

}  // namespace limn
