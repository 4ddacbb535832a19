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
#include "limn/onnx/node_writer.h"
#include "limn/onnx/splice.h"

namespace limn {
namespace {

void set_initializer(const Tensor& tensor, const std::string& name, onnx::TensorProto& proto) {
  proto.set_name(name);
  set_tensor(tensor, proto);
}

/// What the names of a file mean while it grows.
struct FileNames {
  explicit FileNames(const ModelParts& parts)
      : opset(parts.opset_of("")), cast(has_other_floats(parts)), taken(taken_names(parts)) {}

  std::int64_t opset;
  bool cast;                    ///< whether some of the file's numbers are no float32
  std::set<std::string> taken;  ///< no new value or node may have these
  std::set<std::string> added;  ///< new inputs
};

/// Writes the fields that the file gets for one graph.
class Additions {
 public:
  /// `known`: names that mean the same in graph and file.
  Additions(const Graph& graph, std::unordered_set<std::string> known, FileNames& file)
      : graph_(graph), file_(file), known_(std::move(known)), names_(graph_.value_count()) {}

  /// Nodes behind the file's own, with new inputs and outputs.
  onnx::GraphProto behind(const std::map<std::string, Tensor>& defaults) {
    for (const Output& output : graph_.outputs()) reserve(output.name);
    for (const ValueId id : graph_.inputs())
      if (!is_known(id)) add_input(id, defaults);
    const std::vector<char> needed = needed_nodes();
    name_outputs(needed);
    for (std::size_t i = 0; i < needed.size(); ++i)
      if (needed[i]) add_node(graph_.nodes()[i]);
    for (const Output& output : graph_.outputs()) add_output(output);
    return std::move(result_);
  }

  /// Nodes in front of the file's own, which make an input of that ONNX element type.
  onnx::GraphProto in_front(std::int32_t element_type) {
    const Output& made = graph_.outputs().front();
    const bool as_it_is = element_type == onnx::TensorProto_DataType_FLOAT;
    for (const ValueId id : graph_.inputs()) add_input(id, {});
    names_[index(made.value)] = as_it_is ? made.name : fresh(made.name + "/float32");
    for (const Node& node : graph_.nodes()) add_node(node);
    if (!as_it_is) add_cast(names_[index(made.value)], made.name, element_type);
    return std::move(result_);
  }

 private:
  bool is_known(ValueId id) const { return known_.contains(graph_.value(id).name); }

  /// For names that others rely on.
  void reserve(const std::string& name) {
    if (!file_.taken.insert(name).second)
      throw Error(ErrorCode::unsupported, fmt::format("the model has a value or node named '{}' already", name),
                  "a new output or input needs that name", "rename it in the model");
  }

  std::string fresh(const std::string& wish) {
    std::string name = wish;
    for (int i = 1; !file_.taken.insert(name).second; ++i) name = fmt::format("{}_{}", wish, i);
    return name;
  }

  void add_input(ValueId id, const std::map<std::string, Tensor>& defaults) {
    const ValueInfo& value = graph_.value(id);
    names_[index(id)] = value.name;
    if (!file_.added.insert(value.name).second) return;
    reserve(value.name);
    set_type(value, *result_.add_input());
    if (const auto it = defaults.find(value.name); it != defaults.end())
      set_initializer(it->second, value.name, *result_.add_initializer());
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
    if (is_known(id)) return name = file_.cast && is_float(value.type.dtype) ? as_float(value.name) : value.name;
    if (!value.constant) throw Error(ErrorCode::internal, "a value was lost", value.name);
    name = fresh(value.name);
    set_initializer(*value.constant, name, *result_.add_initializer());
    return name;
  }

  std::string as_float(const std::string& from) {
    const std::string name = fresh(from + "/float32");
    add_cast(from, name, onnx::TensorProto_DataType_FLOAT);
    return name;
  }

  void add_cast(const std::string& from, const std::string& name, std::int32_t element_type) {
    onnx::NodeProto& node = *result_.add_node();
    node.set_op_type("Cast");
    node.set_name(name);
    node.add_input(from);
    node.add_output(name);
    auto& to = *node.add_attribute();
    to.set_name("to");
    to.set_type(onnx::AttributeProto::INT);
    to.set_i(element_type);
  }

  void add_node(const Node& node) {
    onnx::NodeProto proto = to_proto(graph_, node, file_.opset);
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
    *result_.add_node() = std::move(proto);
  }

  void add_output(const Output& output) {
    const std::string name = reading(output.value);
    if (name != output.name) *result_.add_node() = identity(name, output.name);
    auto& proto = *result_.add_output();
    set_type(graph_.value(output.value), proto);
    proto.set_name(output.name);
  }

  const Graph& graph_;
  FileNames& file_;
  std::unordered_set<std::string> known_;
  std::vector<std::string> names_;  ///< in the file; empty while not there
  onnx::GraphProto result_;
};

/// Names of values that mean the same in the imported graph and its file.
std::unordered_set<std::string> known_names(const Model& model, const ModelParts& parts) {
  const std::set<std::string> in_file = value_names(parts);
  std::unordered_set<std::string> known;
  for (std::size_t i = 0; i < model.graph.value_count(); ++i)
    if (const std::string& name = model.graph.value(ValueId(i)).name; in_file.contains(name)) known.insert(name);
  return known;
}

Splice splice_of(const Model& model, const ModelParts& parts, const Extension& extension) {
  FileNames names(parts);
  Splice splice;
  if (extension.front) {
    splice.dropped_input = extension.front->outputs().front().name;
    const auto input = std::ranges::find(parts.inputs, splice.dropped_input, &onnx::ValueInfoProto::name);
    splice.front = Additions(*extension.front, {}, names).in_front(input->type().tensor_type().elem_type());
  }
  *splice.behind.mutable_graph() =
      Additions(extension.graph, known_names(model, parts), names).behind(extension.defaults);
  for (const auto& [key, value] : extension.metadata) {
    auto& entry = *splice.behind.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  return splice;
}

/// The data files of the model, beside `out` as they lie beside the model. Answers whether there are any.
bool copy_external_data(const Model& model, const ModelParts& parts, const std::filesystem::path& out) {
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
  if (locations.empty() || fs::equivalent(from, to, none)) return !locations.empty();
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
  return true;
}

}  // namespace

Extended extend_onnx(const Model& model, const Extension& extension, const std::filesystem::path& out) {
  const MappedFile file(model.path);
  const ModelParts parts = take_apart(file.bytes());
  const Splice splice = splice_of(model, parts, extension);
  Extended result;
  result.external_data = copy_external_data(model, parts, out);
  result.bytes = write_spliced(file.bytes(), splice, out);
  result.nodes_before = parts.nodes.size();
  result.nodes_added = static_cast<std::size_t>(splice.front.node_size() + splice.behind.graph().node_size());
  return result;
}

}  // namespace limn
