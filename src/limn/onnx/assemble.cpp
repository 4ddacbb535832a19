#include "limn/onnx/assemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "limn/error.h"
#include "limn/onnx/attributes.h"
#include "limn/onnx/element_types.h"
#include "limn/onnx/fold.h"
#include "limn/onnx/order.h"
#include "limn/onnx/subgraphs.h"
#include "limn/onnx/upgrade.h"
#include "limn/ops/table.h"

namespace limn {
namespace {

/// What inlining adds at most: turns of one loop, nodes and their bytes in all, subgraphs inside each other.
constexpr std::int64_t kMostTurns = 1024;
constexpr std::size_t kMostInlined = 100'000, kMostInlinedBytes = std::size_t{256} << 20, kDeepest = 32;

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

/// Gives a variable another value for as long as this lives.
template <class T>
class Restored {
 public:
  Restored(T& variable, std::type_identity_t<T> value)
      : variable_(variable), before_(std::exchange(variable, value)) {}
  ~Restored() { variable_ = before_; }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;

 private:
  T& variable_;
  T before_;
};

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
    for (const onnx::NodeProto& node : parts_.nodes) count_reads(node);
    for (const onnx::ValueInfoProto& output : parts_.outputs) read_.insert(output.name());
  }

  void count_reads(const onnx::NodeProto& node) {
    read_.insert(node.input().begin(), node.input().end());
    for (const std::string& name : captured_names(node)) read_.insert(name);
  }

  void add_node(const onnx::NodeProto& proto) {
    if (std::ranges::all_of(proto.output(), &std::string::empty)) return;  // nothing can read it
    Node node{operator_name(proto), name_of(proto), {}, {}, {}};
    for (const std::string& name : proto.input()) node.in.push_back(name.empty() ? kAbsent : values_.at(name).id);
    std::vector<std::string> outputs(proto.output().begin(), proto.output().end());
    try {
      if (node.op == "Constant") return add_constant(proto);
      if (const FunctionParts* function = function_of(proto)) return add_call(proto, *function);
      if (node.op == "If") return add_if(proto);
      if (node.op == "Loop") return add_loop(proto);
      node = in_current_form(proto, node, outputs);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      note_unsupported(proto, e.message());
      // Kept without types: under another name where the operator itself is known.
      if (find_op(node.op) != nullptr) node.op = "unsupported::" + node.op;
    }
    if (add_or_fold(std::move(node), outputs)) check_typed(proto);
  }

  /// Whether the node is in the graph; otherwise its outputs have become constants.
  bool add_or_fold(Node node, const std::vector<std::string>& outputs) {
    if (const auto folded = fold(builder_, node, outputs.size())) {
      for (std::size_t i = 0; i < outputs.size(); ++i)
        if (!outputs[i].empty()) values_.emplace(outputs[i], builder_.constant((*folded)[i], outputs[i]));
      return false;
    }
    bind(outputs, builder_.add_node(std::move(node), outputs));
    return true;
  }

  const FunctionParts* function_of(const onnx::NodeProto& node) const {
    for (const FunctionParts& f : parts_.functions)
      if (f.proto.name() == node.op_type() && short_domain(f.proto.domain()) == short_domain(node.domain()))
        return &f;
    return nullptr;
  }

  void add_call(const onnx::NodeProto& proto, const FunctionParts& function) {
    std::vector<Value> in = values_of(proto);
    in.resize(static_cast<std::size_t>(function.proto.input_size()));
    std::map<std::string, std::int64_t> opsets = *opsets_;
    for (const auto& import : function.proto.opset_import())
      opsets[short_domain(import.domain())] = import.version();
    const Restored outer(opsets_, &opsets);
    bind_outputs(proto, inline_body(body_of(function, proto), in, name_of(proto)));
  }

  /// The truth value that a node reads, when it is a constant.
  std::optional<bool> known_condition(Value v) const {
    const auto& constant = builder_.info(v.id).constant;
    if (!constant || constant->dtype() != DType::boolean || constant->count() != 1) return std::nullopt;
    return constant->as<bool>()[0];
  }

  void add_if(const onnx::NodeProto& proto) {
    const auto condition = proto.input_size() == 1 && !proto.input(0).empty()
                               ? known_condition(values_.at(proto.input(0)))
                               : std::nullopt;
    if (!condition)
      throw Error(ErrorCode::unsupported, "its condition depends on the image; limn follows fixed paths alone");
    const auto* branch = subgraph_of(proto, *condition ? "then_branch" : "else_branch");
    if (!branch)
      throw Error(ErrorCode::bad_input, "the branch that its condition chooses is missing", place_of(proto));
    bind_outputs(proto, inline_body(body_of(*branch), {}, name_of(proto)));
  }

  /// The number of turns of a loop, when its first input tells one.
  std::optional<std::int64_t> known_turns(const onnx::NodeProto& proto) const {
    if (proto.input_size() < 1 || proto.input(0).empty()) return std::nullopt;
    const auto& constant = builder_.info(values_.at(proto.input(0)).id).constant;
    if (!constant || constant->dtype() != DType::i64 || constant->count() != 1)
      throw Error(ErrorCode::unsupported,
                  "its number of turns depends on the image; limn follows fixed paths alone");
    return constant->as<std::int64_t>()[0];
  }

  /// Each turn becomes a copy of the body.
  void add_loop(const onnx::NodeProto& proto) {
    const auto* graph = subgraph_of(proto, "body");
    std::vector<Value> carried = values_of(proto);
    if (!graph || carried.size() < 2 || graph->input_size() != static_cast<int>(carried.size()) ||
        graph->output_size() + 1 < graph->input_size())
      throw Error(ErrorCode::bad_input, "its body does not go with its inputs", place_of(proto));
    const Body body = body_of(*graph);
    const auto turns = known_turns(proto);
    Value condition = carried[1] ? carried[1] : builder_.constant(Tensor::scalar(true));
    carried.erase(carried.begin(), carried.begin() + 2);
    std::vector<std::vector<Value>> collected(body.outputs.size() - 1 - carried.size());
    for (std::int64_t turn = 0; !turns || turn < *turns; ++turn) {
      const auto goes_on = known_condition(condition);
      if (!goes_on) throw Error(ErrorCode::unsupported, "its condition depends on the image");
      if (!*goes_on) break;
      if (turn == kMostTurns)
        throw Error(ErrorCode::unsupported, fmt::format("it has more than {} turns", kMostTurns));
      std::vector<Value> in{builder_.constant(Tensor::scalar(turn)), condition};
      in.insert(in.end(), carried.begin(), carried.end());
      const auto out = inline_body(body, in, fmt::format("{}/{}", name_of(proto), turn));
      condition = out[0];
      for (std::size_t i = 0; i < carried.size(); ++i) carried[i] = out[1 + i];
      for (std::size_t i = 0; i < collected.size(); ++i) collected[i].push_back(out[1 + carried.size() + i]);
    }
    for (const auto& parts : collected) carried.push_back(stacked(parts, name_of(proto)));
    bind_outputs(proto, carried);
  }

  /// The values of all turns along a new first axis.
  Value stacked(const std::vector<Value>& parts, const std::string& name) {
    if (parts.empty()) throw Error(ErrorCode::unsupported, "it collects values, but has no turns");
    const Value axis = builder_.constant(Tensor::of<std::int64_t>({1}, {0}));
    Node concat{"Concat", fresh_name(name, "all"), {}, {}, {{"axis", std::int64_t{0}}}};
    for (const Value& part : parts) {
      const std::string row = fresh_name(name, "row");
      add_or_fold({"Unsqueeze", row, {part.id, axis.id}, {}, {}}, {row});
      concat.in.push_back(values_.at(row).id);
    }
    const std::string all = concat.name;
    add_or_fold(std::move(concat), {all});
    return values_.at(all);
  }

  /// The values that a node reads, an empty handle for each input left out.
  std::vector<Value> values_of(const onnx::NodeProto& proto) const {
    std::vector<Value> in;
    for (const std::string& name : proto.input()) in.push_back(name.empty() ? Value{} : values_.at(name));
    return in;
  }

  void bind_outputs(const onnx::NodeProto& proto, const std::vector<Value>& values) {
    if (static_cast<std::size_t>(proto.output_size()) > values.size())
      throw Error(ErrorCode::bad_input, "it has more outputs than its body", place_of(proto));
    bind({proto.output().begin(), proto.output().end()}, values);
  }

  std::string fresh_name(const std::string& prefix, const std::string& name) {
    std::string fresh = fmt::format("{}/{}", prefix, name);
    for (int i = 1; !taken_.insert(fresh).second; ++i) fresh = fmt::format("{}/{}_{}", prefix, name, i);
    return fresh;
  }

  /// Adds the nodes of a body, which reads `in`; the values of its outputs. All names in it get the prefix.
  std::vector<Value> inline_body(Body body, const std::vector<Value>& in, const std::string& prefix) {
    inlined_ += body.nodes.size() + 1;
    inlined_bytes_ += body.byte_size();
    if (inlined_ > kMostInlined || inlined_bytes_ > kMostInlinedBytes || depth_ > kDeepest)
      throw Error(
          ErrorCode::unsupported,
          fmt::format("its loops and functions become more than {} nodes or {} MB, or lie more than {} deep",
                      kMostInlined, kMostInlinedBytes >> 20, kDeepest));
    const Restored outside(depth_, depth_ + 1);
    const Renames names = names_in(body, in, prefix);
    for (onnx::NodeProto& node : body.nodes) {
      if (!node.name().empty()) node.set_name(fmt::format("{}/{}", prefix, node.name()));
      rename(node, names);
      count_reads(node);
    }
    for (std::string& name : body.outputs) {
      if (const auto it = names.find(name); it != names.end()) name = it->second;
      read_.insert(name);
    }
    for (std::size_t i : evaluation_order(body.nodes, known_to(body.nodes))) add_node(body.nodes[i]);
    std::vector<Value> out;
    for (const std::string& name : body.outputs) {
      const auto it = values_.find(name);
      if (it == values_.end())
        throw Error(ErrorCode::bad_input, fmt::format("nothing makes the output '{}'", name),
                    "node '" + prefix + "'");
      out.push_back(it->second);
    }
    return out;
  }

  /// New names for what a body reads as inputs and makes itself; its inputs and initializers get their values.
  Renames names_in(const Body& body, const std::vector<Value>& in, const std::string& prefix) {
    Renames names;
    for (std::size_t i = 0; i < body.inputs.size(); ++i) {
      if (i >= in.size() || !in[i]) {
        names[body.inputs[i]] = "";
        continue;
      }
      const std::string& name = names[body.inputs[i]] = fresh_name(prefix, body.inputs[i]);
      values_.emplace(name, in[i]);
    }
    for (const onnx::TensorProto& tensor : body.initializers) {
      const std::string& name = names[tensor.name()] = fresh_name(prefix, tensor.name());
      values_.emplace(name, builder_.constant(tensors_.attribute(tensor), name));
    }
    for (const onnx::NodeProto& node : body.nodes)
      for (const std::string& name : node.output())
        if (!name.empty()) names[name] = fresh_name(prefix, name);
    return names;
  }

  /// What exists already of the names that the nodes read.
  std::set<std::string> known_to(const std::vector<onnx::NodeProto>& nodes) const {
    std::set<std::string> known;
    const auto add = [&](const std::string& name) {
      if (values_.contains(name)) known.insert(name);
    };
    for (const onnx::NodeProto& node : nodes) {
      for (const std::string& name : node.input()) add(name);
      for (const std::string& name : captured_names(node)) add(name);
    }
    return known;
  }

  /// The opset of a domain, where the nodes being added come from.
  std::int64_t opset_of(const std::string& domain) const {
    const auto it = opsets_->find(short_domain(domain));
    return it == opsets_->end() ? 0 : it->second;
  }

  /// The node with its attributes, upgraded; `outputs` that its operator never makes and nobody reads are dropped.
  Node in_current_form(const onnx::NodeProto& proto, const Node& as_read, std::vector<std::string>& outputs) {
    const auto unknown = [] { return Error(ErrorCode::unsupported, "limn does not know the operator"); };
    if (find_op(as_read.op) == nullptr && !has_upgrade(as_read.op)) throw unknown();
    Node start = as_read;
    start.out.resize(outputs.size(), kAbsent);
    start.attrs = to_attrs(proto, tensors_);
    NodeUpgrade current(builder_, std::move(start), opset_of(proto.domain()), taken_);
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
  const std::map<std::string, std::int64_t>* opsets_ = &parts_.opsets;
  std::size_t inlined_ = 0, inlined_bytes_ = 0, depth_ = 0;
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
