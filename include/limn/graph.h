#pragma once
// The graph: immutable, cheap to copy, shared between threads. It is made by a GraphBuilder, whose order of
// insertion is a topological order; passes and differentiation build new graphs rather than edit old ones.
// Operators keep ONNX names and attributes, in the form of opset 18 (the importer upgrades older nodes); the few
// operators that ONNX lacks are named in ops/table.h.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "limn/names.h"
#include "limn/tensor.h"

namespace limn {

/// One size: a number, or a symbol such as "N" for a size known only when a program is compiled. Products and
/// quotients of symbols are symbols too ("N*4"), equal when they are spelled alike.
struct Dim {
  std::int64_t value = -1;  ///< >= 0 when known
  std::string symbol;       ///< the name when unknown; empty means nothing is known

  Dim() = default;
  Dim(std::int64_t v) : value(v) {}  // NOLINT(google-explicit-constructor): a number is a size
  explicit Dim(std::string s) : symbol(std::move(s)) {}
  bool known() const { return value >= 0; }
  friend bool operator==(const Dim&, const Dim&) = default;
};
using Shape = std::vector<Dim>;

/// "[N, 3, 224, 224]"; an unnamed unknown size prints as "?".
LIMN_API std::string to_string(const Shape&);
LIMN_API bool is_known(const Shape&);
/// The sizes as numbers; throws Error{internal} when one is not known.
LIMN_API Dims known_dims(const Shape&);
LIMN_API Shape to_shape(std::span<const std::int64_t>);

/// Element type and shape of a value. A value whose shape cannot be told before run time has none.
struct Type {
  DType dtype = DType::undefined;
  std::optional<Shape> shape;
  friend bool operator==(const Type&, const Type&) = default;
};
/// "float32 [N, 3, 224, 224]"
LIMN_API std::string to_string(const Type&);

enum class ValueId : std::uint32_t {};
/// Marks an optional input or output that a node leaves out.
inline constexpr ValueId kAbsent{0xffffffffU};
constexpr std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }

class Graph;

/// An attribute: integer, real, text, lists of them, a tensor, or a subgraph.
using Attr = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>,
                          std::vector<std::string>, Tensor, std::shared_ptr<const Graph>>;

/// Named attributes with typed, checked access. Every getter throws Error{bad_input} when the attribute has
/// another kind.
class LIMN_API Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<const std::string, Attr>> list) : map_(list) {}

  bool has(std::string_view name) const { return map_.find(name) != map_.end(); }
  void set(std::string name, Attr value) { map_.insert_or_assign(std::move(name), std::move(value)); }
  void erase(std::string_view name);

  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  double real(std::string_view name, double otherwise) const;
  std::string text(std::string_view name, std::string otherwise) const;
  std::vector<std::int64_t> integers(std::string_view name, std::vector<std::int64_t> otherwise = {}) const;
  std::vector<double> reals(std::string_view name, std::vector<double> otherwise = {}) const;
  /// nullptr when absent.
  const Tensor* tensor(std::string_view name) const;

  const std::map<std::string, Attr, std::less<>>& all() const { return map_; }

 private:
  template <class T>
  const T* get(std::string_view name) const;
  std::map<std::string, Attr, std::less<>> map_;
};

/// One application of an operator. Operators outside the standard ONNX domain are named "domain::Op".
struct Node {
  std::string op;
  std::string name;
  std::vector<ValueId> in, out;
  Attrs attrs;
};

/// What the graph knows of one value.
struct ValueInfo {
  std::string name;
  Type type;
  std::optional<std::size_t> producer;      ///< index of the node that makes it; none for inputs and constants
  std::optional<Tensor> constant;           ///< the value itself, for constants
  std::optional<std::vector<Dim>> content;  ///< elements of a small integer value, as far as they are known
};

struct Output {
  std::string name;
  ValueId value;
};

/// What a GraphBuilder has to know of operators; `ops` implements it (see operators() in limn/ops/table.h).
class Schema {
 public:
  virtual ~Schema() = default;
  struct Inferred {
    Type type;
    std::optional<std::vector<Dim>> content;
  };
  /// Types of the outputs of `node`, whose inputs are described by `in` (nullptr where left out). Unknown operators
  /// give outputs without dtype and shape. Throws Error{bad_input} naming the node when inputs cannot be right.
  virtual std::vector<Inferred> infer(const Node& node, std::span<const ValueInfo* const> in) const = 0;
};

struct GraphData {
  const Schema* schema = nullptr;
  std::deque<ValueInfo> values;
  std::deque<Node> nodes;
  std::vector<ValueId> inputs;
  std::vector<Output> outputs;
  std::map<std::string, std::string, std::less<>> metadata;  ///< model metadata, opset, producer
};

class LIMN_API Graph {
 public:
  Graph() : data_(std::make_shared<GraphData>()) {}

  const std::deque<Node>& nodes() const { return data_->nodes; }
  const std::vector<ValueId>& inputs() const { return data_->inputs; }
  const std::vector<Output>& outputs() const { return data_->outputs; }
  std::size_t value_count() const { return data_->values.size(); }
  const ValueInfo& value(ValueId id) const { return data_->values[index(id)]; }
  const GraphData& data() const { return *data_; }

  /// The value of that name, or nothing.
  std::optional<ValueId> find(std::string_view name) const;
  /// The value of that name; throws Error{not_found} that suggests close names.
  ValueId at(std::string_view name) const;
  /// nullptr when the value is not a constant.
  const Tensor* constant(ValueId id) const;
  /// Shape of the value; throws Error{unsupported} naming it when it has none.
  const Shape& shape(ValueId id) const;
  /// How many nodes and outputs read each value, indexed by ValueId.
  std::vector<std::uint32_t> use_counts() const;

 private:
  friend class GraphBuilder;
  std::shared_ptr<const GraphData> data_;
};

/// The graph as text, one node a line: `%relu1: float32 [N, 8, 4, 4] = Relu(%conv1) {..}`. For people and tests.
LIMN_API std::string to_text(const Graph&);

class GraphBuilder;

/// The handle that differentiation rules and methods write with. Operators on it (limn/ops/build.h) append nodes to
/// its builder. An empty handle (in == nullptr) stands for "no value": an absent input, a cotangent of zero.
struct Value {
  GraphBuilder* in = nullptr;
  ValueId id = kAbsent;

  explicit operator bool() const { return in != nullptr && id != kAbsent; }
  // By value: the builder's storage grows while rules append.
  Type type() const;
  Shape shape() const;
};

/// Append-only; not movable, so that handles stay valid.
class LIMN_API GraphBuilder {
 public:
  explicit GraphBuilder(const Schema& schema);
  /// Starts as a copy of `start` (values keep their ids); `start` itself is never touched. Its outputs are not
  /// carried over: finish() says what the outputs are.
  explicit GraphBuilder(const Graph& start);
  GraphBuilder(const GraphBuilder&) = delete;
  GraphBuilder& operator=(const GraphBuilder&) = delete;

  /// Throws Error{bad_input} when the name is taken.
  Value input(std::string name, Type type);
  /// An empty name makes one up.
  Value constant(Tensor value, std::string name = {});
  /// Appends a node with `outputs` outputs, infers their types, and returns its first output. `name` names the node
  /// and its first output (a made-up unique name when empty or taken); further outputs are name_1, name_2, ...
  Value add(std::string_view op, std::vector<Value> in, Attrs attrs = {}, std::string name = {});
  std::vector<Value> add_many(std::string_view op, std::vector<Value> in, Attrs attrs, std::size_t outputs,
                              std::string name = {});
  /// For importers and passes: appends `node` (its `out` is ignored) with these names of outputs; an empty name
  /// leaves an output out. Returns one handle per name.
  std::vector<Value> add_node(Node node, const std::vector<std::string>& output_names);

  /// Throws Error{not_found} that suggests close names.
  Value find(std::string_view name);
  Value handle(ValueId id) { return {this, id}; }
  void set_metadata(std::string key, std::string value) {
    data_.metadata.insert_or_assign(std::move(key), std::move(value));
  }

  const ValueInfo& info(ValueId id) const { return data_.values[index(id)]; }
  const Node& node(std::size_t i) const { return data_.nodes[i]; }
  std::size_t node_count() const { return data_.nodes.size(); }
  std::size_t value_count() const { return data_.values.size(); }
  const std::vector<ValueId>& inputs() const { return data_.inputs; }
  const Schema& schema() const { return *data_.schema; }

  /// Freezes the graph. Nothing is pruned (passes/prune.h does that); inputs stay in order.
  Graph finish(std::vector<std::pair<std::string, Value>> outputs) &&;

 private:
  std::string unique(std::string name, std::string_view fallback);
  ValueId fresh(ValueInfo info);
  GraphData data_;
  std::unordered_map<std::string, ValueId> names_;
};

inline Type Value::type() const { return in->info(id).type; }

}  // namespace limn
