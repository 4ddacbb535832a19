#include "limn/onnx/extend.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include "limn/base/file.h"
#include "limn/base/mapped_file.h"
#include "limn/error.h"
#include "limn/onnx/file_names.h"
#include "limn/onnx/model_writer.h"
#include "limn/onnx/node_writer.h"
#include "limn/onnx/splice.h"

namespace limn {
namespace {

/// What an output may have to share its value with: an Identity hands it on.
onnx::NodeProto identity(const std::string& from, const std::string& to) {
  onnx::NodeProto node;
  node.set_op_type("Identity");
  node.set_name(to);
  node.add_input(from);
  node.add_output(to);
  return node;
}

void set_initializer(const Tensor& tensor, const std::string& name, onnx::TensorProto& proto) {
  proto.set_name(name);
  proto.set_data_type(element_type_of(tensor.dtype()));
  for (const std::int64_t d : tensor.dims()) proto.add_dims(d);
  proto.set_raw_data(tensor.bytes(), tensor.byte_count());
}

/// Writes the fields that the file gets.
class Additions {
 public:
  Additions(const Model& model, const ModelParts& parts, const Extension& extension)
      : graph_(extension.graph),
        extension_(extension),
        opset_(parts.opset_of("")),
        cast_(has_other_floats(parts)),
        taken_(taken_names(parts)),
        names_(graph_.value_count()) {
    const std::set<std::string> in_file = value_names(parts);
    for (std::size_t i = 0; i < model.graph.value_count(); ++i)
      if (const std::string& name = model.graph.value(ValueId(i)).name; in_file.contains(name)) known_.insert(name);
  }

  onnx::ModelProto make() {
    for (const Output& output : graph_.outputs()) reserve(output.name);
    for (const ValueId id : graph_.inputs())
      if (!is_known(id)) add_input(id);
    const std::vector<char> needed = needed_nodes();
    name_outputs(needed);
    for (std::size_t i = 0; i < needed.size(); ++i)
      if (needed[i]) add_node(graph_.nodes()[i]);
    for (const Output& output : graph_.outputs()) add_output(output);
    for (const auto& [key, value] : extension_.metadata) {
      auto& entry = *result_.add_metadata_props();
      entry.set_key(key);
      entry.set_value(value);
    }
    return std::move(result_);
  }

 private:
  bool is_known(ValueId id) const { return known_.contains(graph_.value(id).name); }

  /// For names that others rely on.
  void reserve(const std::string& name) {
    if (!taken_.insert(name).second)
      throw Error(ErrorCode::unsupported, fmt::format("the model has a value or node named '{}' already", name),
                  "a new output or input needs that name", "rename it in the model");
  }

  std::string fresh(const std::string& wish) {
    std::string name = wish;
    for (int i = 1; !taken_.insert(name).second; ++i) name = fmt::format("{}_{}", wish, i);
    return name;
  }

  void add_input(ValueId id) {
    const ValueInfo& value = graph_.value(id);
    reserve(value.name);
    names_[index(id)] = value.name;
    set_type(value, *result_.mutable_graph()->add_input());
    if (const auto it = extension_.defaults.find(value.name); it != extension_.defaults.end())
      set_initializer(it->second, value.name, *result_.mutable_graph()->add_initializer());
  }

  /// The nodes that outputs need and the file lacks.
  std::vector<char> needed_nodes() const {
    std::vector<char> values(graph_.value_count()), nodes(graph_.nodes().size());
    const auto need = [&](ValueId id) {
      if (id != kAbsent && !is_known(id)) values[index(id)] = 1;
    };
    for (const Output& output : graph_.outputs()) need(output.value);
    for (std::size_t i = nodes.size(); i-- > 0;) {
      const Node& node = graph_.nodes()[i];
      nodes[i] = std::ranges::any_of(node.out, [&](ValueId v) { return v != kAbsent && values[index(v)]; });
      if (nodes[i]) std::ranges::for_each(node.in, need);
    }
    return nodes;
  }

  /// A new value that is an output has its name.
  void name_outputs(const std::vector<char>& needed) {
    for (const Output& output : graph_.outputs()) {
      const auto& producer = graph_.value(output.value).producer;
      std::string& name = names_[index(output.value)];
      if (producer && needed[*producer] && name.empty()) name = output.name;
    }
  }

  /// The name by which new nodes read the value.
  std::string reading(ValueId id) {
    if (id == kAbsent) return {};
    const ValueInfo& value = graph_.value(id);
    std::string& name = names_[index(id)];
    if (!name.empty()) return name;
    if (is_known(id)) return name = cast_ && is_float(value.type.dtype) ? cast(value.name) : value.name;
    if (!value.constant) throw Error(ErrorCode::internal, "a value was lost", value.name);
    name = fresh(value.name);
    set_initializer(*value.constant, name, *result_.mutable_graph()->add_initializer());
    return name;
  }

  std::string cast(const std::string& from) {
    onnx::NodeProto node;
    const std::string name = fresh(from + "/float32");
    node.set_op_type("Cast");
    node.set_name(name);
    node.add_input(from);
    node.add_output(name);
    auto& to = *node.add_attribute();
    to.set_name("to");
    to.set_type(onnx::AttributeProto::INT);
    to.set_i(onnx::TensorProto_DataType_FLOAT);
    *result_.mutable_graph()->add_node() = std::move(node);
    return name;
  }

  void add_node(const Node& node) {
    onnx::NodeProto proto = to_proto(graph_, node, opset_);
    for (int i = 0; i < proto.input_size(); ++i) proto.set_input(i, reading(node.in[static_cast<std::size_t>(i)]));
    std::string own;
    for (std::size_t i = 0; i < node.out.size(); ++i) {
      if (node.out[i] == kAbsent) continue;
      std::string& name = names_[index(node.out[i])];
      if (name.empty()) name = fresh(graph_.value(node.out[i]).name);
      if (own.empty()) own = name;
      proto.set_output(static_cast<int>(i), name);
    }
    proto.set_name(own);
    *result_.mutable_graph()->add_node() = std::move(proto);
  }

  void add_output(const Output& output) {
    const std::string name = reading(output.value);
    if (name != output.name) *result_.mutable_graph()->add_node() = identity(name, output.name);
    auto& proto = *result_.mutable_graph()->add_output();
    set_type(graph_.value(output.value), proto);
    proto.set_name(output.name);
  }

  const Graph& graph_;
  const Extension& extension_;
  std::int64_t opset_;
  bool cast_;
  std::set<std::string> taken_;
  std::unordered_set<std::string> known_;  ///< names that mean the same in graph and file
  std::vector<std::string> names_;         ///< in the file; empty while not there
  onnx::ModelProto result_;
};

/// The data files of the model, beside `out` as they lie beside the model.
void copy_external_data(const Model& model, const ModelParts& parts, const std::filesystem::path& out) {
  namespace fs = std::filesystem;
  const auto folder_of = [](const fs::path& file) {
    return file.has_parent_path() ? file.parent_path() : fs::path(".");
  };
  const fs::path from = folder_of(model.path), to = folder_of(out);
  std::set<std::string> locations;
  for (const TensorParts& tensor : parts.initializers)
    for (const auto& [key, value] : tensor.external)
      if (tensor.is_external && key == "location") locations.insert(value);
  std::error_code none;
  if (locations.empty() || fs::equivalent(from, to, none)) return;
  for (const std::string& location : locations) {
    const fs::path copy = to / location;
    if (fs::exists(copy, none))
      throw Error(ErrorCode::io, "the model's data file would replace another file", copy.string(),
                  "write into the model's own folder, where the data file already is, or remove that file");
    fs::create_directories(folder_of(copy), none);
    const MappedFile data(from / location);
    AtomicFile file(copy);
    file.write(data.bytes());
    file.commit();
  }
}

}  // namespace

Extended extend_onnx(const Model& model, const Extension& extension, const std::filesystem::path& out) {
  const MappedFile file(model.path);
  const ModelParts parts = take_apart(file.bytes());
  const onnx::ModelProto addition = Additions(model, parts, extension).make();
  copy_external_data(model, parts, out);
  Extended result;
  result.bytes = write_spliced(file.bytes(), addition, out);
  result.nodes_before = parts.nodes.size();
  result.nodes_added = static_cast<std::size_t>(addition.graph().node_size());
  return result;
}

}  // namespace limn
