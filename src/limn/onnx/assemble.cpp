#include "limn/onnx/assemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "limn/error.h"
#include "limn/onnx/attributes.h"
#include "limn/onnx/element_types.h"
#include "limn/onnx/fold.h"
#include "limn/onnx/order.h"
#include "limn/onnx/upgrade.h"
#include "limn/ops/table.h"

namespace limn {
namespace {

/// The newest opset whose changes limn's operators were written against.
constexpr std::int64_t kNewestOpset = 22;

/// Shape inference that leaves the outputs of a node without a type where the operator refuses the node's form, so
/// that a graph with such nodes can be looked at, and all of them be reported.
class LenientSchema : public Schema {
 public:
  std::vector<Inferred> infer(const Node& node, std::span<const ValueInfo* const> in) const override {
    try {
      return operators().infer(node, in);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      return {};
    }
  }
};

const Schema& lenient_operators() {
  static const LenientSchema schema;
  return schema;
}

/// "Conv", or "com.example::Conv" outside the default domain.
std::string operator_name(const onnx::NodeProto& node) {
  const std::string domain = short_domain(node.domain());
  return domain.empty() ? node.op_type() : domain + "::" + node.op_type();
}

Dim dim_of(const onnx::TensorShapeProto::Dimension& dim, const std::string& input, int position) {
  if (dim.has_dim_value() && dim.dim_value() == 0)
    throw Error(ErrorCode::bad_input, fmt::format("dimension {} of the input has the size 0", position),
                fmt::format("input '{}'", input),
                "export the model with a real size there, or with a named symbol");
  if (dim.has_dim_value() && dim.dim_value() > 0) return Dim(dim.dim_value());
  return Dim(dim.dim_param().empty() ? fmt::format("{}_{}", input, position) : dim.dim_param());
}

class Assembler {
 public:
  Assembler(const ModelParts& parts, TensorReader& tensors, const Schema& schema)
      : parts_(parts), tensors_(tensors), builder_(schema) {}

  Assembled run() {
    add_initializers();
    add_inputs();
    count_readers();
    for (std::size_t i : evaluation_order(parts_.nodes, given_)) add_node(parts_.nodes[i]);
    describe();
    return {std::move(builder_).finish(outputs()), std::move(unsupported_)};
  }

 private:
  void add_initializers() {
    for (const TensorParts& tensor : parts_.initializers) {
      if (!given_.insert(tensor.name).second)
        throw Error(ErrorCode::bad_input, fmt::format("two tensors are named '{}'", tensor.name), "initializers");
      values_.emplace(tensor.name, builder_.constant(tensors_.initializer(tensor), tensor.name));
    }
    taken_ = given_;
    for (const onnx::NodeProto& node : parts_.nodes) taken_.insert(node.output().begin(), node.output().end());
    for (const onnx::ValueInfoProto& input : parts_.inputs) taken_.insert(input.name());
  }

  /// Older files list initializers among the inputs as well.
  void add_inputs() {
    std::set<std::string> seen;
    for (const onnx::ValueInfoProto& input : parts_.inputs) {
      if (!seen.insert(input.name()).second || input.name().empty())
        throw Error(ErrorCode::bad_input, fmt::format("two inputs are named '{}'", input.name()), "inputs");
      if (given_.insert(input.name()).second)
        values_.emplace(input.name(), builder_.input(input.name(), input_type(input)));
    }
  }

  Type input_type(const onnx::ValueInfoProto& input) {
    const std::string place = fmt::format("input '{}'", input.name());
    if (!input.type().has_tensor_type())
      throw Error(input.has_type() ? ErrorCode::unsupported : ErrorCode::bad_input, "the input is not a tensor",
                  place, "limn explains networks whose inputs are tensors");
    const auto& tensor = input.type().tensor_type();
    const ElementType element = element_type(tensor.elem_type());
    if (!element.supported())
      throw Error(ErrorCode::unsupported,
                  fmt::format("inputs of {} elements are not supported", element_type_name(tensor.elem_type())),
                  place, "export the model with a float32 input");
    if (element.widened) tensors_.note_widening();
    Type type{element.dtype, std::nullopt};
    if (!tensor.has_shape()) return type;
    type.shape.emplace();
    for (int i = 0; i < tensor.shape().dim_size(); ++i)
      type.shape->push_back(dim_of(tensor.shape().dim(i), input.name(), i));
    return type;
  }

  void count_readers() {
    for (const onnx::NodeProto& node : parts_.nodes) read_.insert(node.input().begin(), node.input().end());
    for (const onnx::ValueInfoProto& output : parts_.outputs) read_.insert(output.name());
  }

  void add_node(const onnx::NodeProto& proto) {
    if (std::ranges::all_of(proto.output(), &std::string::empty)) return;  // nothing can read it
    Node node{operator_name(proto), name_of(proto), {}, {}, {}};
    for (const std::string& name : proto.input()) node.in.push_back(name.empty() ? kAbsent : values_.at(name).id);
    std::vector<std::string> outputs(proto.output().begin(), proto.output().end());
    try {
      if (node.op == "Constant") return add_constant(proto);
      node = in_current_form(proto, node, outputs);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      note_unsupported(proto, e.message());
      // Kept without types: under another name where the operator itself is known.
      if (find_op(node.op) != nullptr) node.op = "unsupported::" + node.op;
    }
    if (const auto folded = fold(builder_, node, outputs.size())) {
      for (std::size_t i = 0; i < outputs.size(); ++i)
        if (!outputs[i].empty()) values_.emplace(outputs[i], builder_.constant((*folded)[i], outputs[i]));
      return;
    }
    bind(outputs, builder_.add_node(std::move(node), outputs));
    check_typed(proto);
  }

  /// The node with its attributes, upgraded; `outputs` that its operator never makes and nobody reads are dropped.
  Node in_current_form(const onnx::NodeProto& proto, const Node& as_read, std::vector<std::string>& outputs) {
    const auto unknown = [] { return Error(ErrorCode::unsupported, "limn does not know the operator"); };
    if (find_op(as_read.op) == nullptr && !has_upgrade(as_read.op)) throw unknown();
    Node start = as_read;
    start.out.resize(outputs.size(), kAbsent);
    start.attrs = to_attrs(proto, tensors_);
    NodeUpgrade current(builder_, std::move(start), parts_.opset_of(proto.domain()), taken_);
    upgrade(current);
    const OpDef* op = find_op(current.node.op);
    if (op == nullptr) throw unknown();
    for (std::size_t i = op->arity.max_out; i < outputs.size(); ++i)
      if (read_.contains(outputs[i]) && !outputs[i].empty())
        throw Error(ErrorCode::unsupported, fmt::format("its output '{}' is not supported", outputs[i]));
    outputs.resize(std::min(outputs.size(), op->arity.max_out));
    return std::move(current.node);
  }

  void add_constant(const onnx::NodeProto& proto) {
    if (proto.output_size() != 1) throw Error(ErrorCode::bad_input, "a constant has one output", place_of(proto));
    const std::string& name = proto.output(0);
    values_.emplace(name, builder_.constant(constant_of(proto), name));
  }

  Tensor constant_of(const onnx::NodeProto& proto) {
    const Attrs attrs = to_attrs(proto, tensors_);
    if (const Tensor* value = attrs.tensor("value")) return *value;
    if (attrs.has("value_float")) return Tensor::scalar(static_cast<float>(attrs.real("value_float", 0)));
    if (attrs.has("value_int")) return Tensor::scalar(attrs.integer("value_int", 0));
    if (attrs.has("value_floats")) {
      const auto reals = attrs.reals("value_floats");
      const std::vector<float> values(reals.begin(), reals.end());
      return Tensor::of<float>({static_cast<std::int64_t>(values.size())}, std::span(values));
    }
    if (attrs.has("value_ints")) {
      const auto values = attrs.integers("value_ints");
      return Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, std::span(values));
    }
    throw Error(ErrorCode::unsupported, "a constant that is not a tensor of numbers");
  }

  void bind(const std::vector<std::string>& names, const std::vector<Value>& handles) {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (!names[i].empty()) values_.emplace(names[i], handles[i]);
  }

  /// A node whose outputs got no type although its inputs have one was refused by its operator.
  void check_typed(const onnx::NodeProto& proto) {
    const Node& node = builder_.node(builder_.node_count() - 1);
    if (find_op(node.op) == nullptr) return;
    std::vector<const ValueInfo*> in;
    for (ValueId v : node.in) in.push_back(v == kAbsent ? nullptr : &builder_.info(v));
    const bool untyped = std::ranges::any_of(
        node.out, [&](ValueId v) { return v != kAbsent && builder_.info(v).type.dtype == DType::undefined; });
    if (!untyped) return;
    try {
      operators().infer(node, in);
    } catch (const Error& e) {
      note_unsupported(proto, e.message());
    }
  }

  void note_unsupported(const onnx::NodeProto& proto, const std::string& reason) {
    unsupported_.push_back({name_of(proto), operator_name(proto), reason});
  }

  /// The model's own metadata, and what limn adds to it.
  void describe() {
    for (const auto& [key, value] : parts_.properties) builder_.set_metadata(key, value);
    builder_.set_metadata("graph", parts_.graph_name);
    builder_.set_metadata("opset", std::to_string(parts_.opset_of("")));
    builder_.set_metadata("producer", parts_.producer);
    std::string note;
    if (tensors_.widened()) note = "half, bfloat16 and double numbers became float32";
    if (parts_.opset_of("") > kNewestOpset)
      note += fmt::format("{}opset {} is newer than limn, which read its nodes as those of opset {}",
                          note.empty() ? "" : "; ", parts_.opset_of(""), kNewestOpset);
    if (!note.empty()) builder_.set_metadata("note", note);
  }

  std::vector<std::pair<std::string, Value>> outputs() {
    if (parts_.outputs.empty()) throw Error(ErrorCode::bad_input, "the graph has no outputs");
    std::vector<std::pair<std::string, Value>> outputs;
    std::set<std::string> seen;
    for (const onnx::ValueInfoProto& output : parts_.outputs) {
      const auto value = values_.find(output.name());
      if (value == values_.end())
        throw Error(ErrorCode::bad_input, fmt::format("nothing makes the output '{}'", output.name()), "outputs");
      if (!seen.insert(output.name()).second)
        throw Error(ErrorCode::bad_input, fmt::format("two outputs are named '{}'", output.name()), "outputs");
      outputs.emplace_back(output.name(), value->second);
    }
    return outputs;
  }

  const ModelParts& parts_;
  TensorReader& tensors_;
  GraphBuilder builder_;
  std::unordered_map<std::string, Value> values_;
  std::set<std::string> given_;  ///< names of initializers and inputs
  std::set<std::string> taken_;  ///< names of all values
  std::set<std::string> read_;   ///< names of the values that something reads
  std::vector<UnsupportedNode> unsupported_;
};

/// "node 'x' (Resize, opset 11): why"
std::string line_of(const UnsupportedNode& node, std::int64_t opset) {
  const bool default_domain = node.op.find("::") == std::string::npos;
  return fmt::format("node '{}' ({}{}): {}", node.name, node.op,
                     default_domain ? fmt::format(", opset {}", opset) : std::string(), node.reason);
}

}  // namespace

Assembled assemble(const ModelParts& parts, TensorReader& tensors) {
  if (!parts.sparse_initializers.empty())
    throw Error(ErrorCode::unsupported, "sparse initializers are not supported",
                fmt::format("tensor '{}'", parts.sparse_initializers.front()),
                "export the model with dense weights");
  try {
    return Assembler(parts, tensors, operators()).run();
  } catch (const Error& e) {
    if (e.code() != ErrorCode::unsupported) throw;
    return Assembler(parts, tensors, lenient_operators()).run();
  }
}

Error report(const std::vector<UnsupportedNode>& nodes, std::int64_t opset) {
  constexpr std::size_t kShown = 8;
  std::string where;
  for (std::size_t i = 0; i < nodes.size() && i < kShown; ++i) where += (i ? "; " : "") + line_of(nodes[i], opset);
  if (nodes.size() > kShown) where += fmt::format("; and {} more", nodes.size() - kShown);
  const bool foreign =
      std::ranges::any_of(nodes, [](const auto& n) { return n.op.find("::") != std::string::npos; });
  return Error(ErrorCode::unsupported,
               nodes.size() == 1 ? std::string("1 node is not supported")
                                 : fmt::format("{} nodes are not supported", nodes.size()),
               where,
               foreign
                   ? "export the model with the standard operators alone, without optimising it for one run time"
                   : "export the network only up to its logits, for inference and in floating point");
}

}  // namespace limn
