#include "limn/graph.h"
#include "limn/graph/names.h"

namespace limn {
namespace {

/// Contents are tracked for values of at most this many elements: shapes, axes, slice bounds.
constexpr std::int64_t kMaxContent = 64;

std::optional<std::vector<Dim>> content_of(const Tensor& t) {
  const bool integer = t.dtype() == DType::i64 || t.dtype() == DType::i32;
  if (!integer || t.dims().size() > 1 || t.count() > kMaxContent) return std::nullopt;
  std::vector<Dim> out;
  for (std::int64_t v : t.to_int64()) {
    if (v < 0) return std::nullopt;  // a Dim holds sizes; negative numbers are read from the constant itself
    out.emplace_back(v);
  }
  return out;
}

}  // namespace

Shape Value::shape() const {
  const ValueInfo& v = in->info(id);
  if (!v.type.shape)
    throw Error(ErrorCode::unsupported, "the shape of '" + v.name + "' cannot be told before run time");
  return *v.type.shape;
}

GraphBuilder::GraphBuilder(const Schema& schema) { data_.schema = &schema; }

GraphBuilder::GraphBuilder(const Graph& start) : data_(start.data()) {
  data_.outputs.clear();
  for (std::size_t i = 0; i < data_.values.size(); ++i) names_.emplace(data_.values[i].name, ValueId(i));
}

std::string GraphBuilder::unique(std::string name, std::string_view fallback) {
  if (!name.empty() && !names_.contains(name)) return name;
  const std::string stem = name.empty() ? std::string(fallback) : name;
  for (std::size_t i = data_.values.size();; ++i)
    if (std::string candidate = stem + "_" + std::to_string(i); !names_.contains(candidate)) return candidate;
}

ValueId GraphBuilder::fresh(ValueInfo info) {
  const auto id = ValueId(data_.values.size());
  names_.emplace(info.name, id);
  data_.values.push_back(std::move(info));
  return id;
}

Value GraphBuilder::input(std::string name, Type type) {
  if (names_.contains(name)) throw Error(ErrorCode::bad_input, "two values are named '" + name + "'");
  const ValueId id = fresh({std::move(name), std::move(type), {}, {}, {}});
  data_.inputs.push_back(id);
  return {this, id};
}

Value GraphBuilder::constant(Tensor value, std::string name) {
  ValueInfo info{
      unique(std::move(name), "const"), {value.dtype(), to_shape(value.dims())}, {}, {}, content_of(value)};
  info.constant = std::move(value);
  return {this, fresh(std::move(info))};
}

Value GraphBuilder::add(std::string_view op, std::vector<Value> in, Attrs attrs, std::string name) {
  return add_many(op, std::move(in), std::move(attrs), 1, std::move(name)).front();
}

std::vector<Value> GraphBuilder::add_many(std::string_view op, std::vector<Value> in, Attrs attrs,
                                          std::size_t outputs, std::string name) {
  Node node{std::string(op), unique(std::move(name), op), {}, {}, std::move(attrs)};
  for (const Value& v : in) {
    if (v.in != nullptr && v.in != this)
      throw Error(ErrorCode::internal, "a value of another graph was used", "node '" + node.name + "'");
    node.in.push_back(v.id);
  }
  std::vector<std::string> names{node.name};
  for (std::size_t i = 1; i < outputs; ++i) names.push_back(unique(node.name + "_" + std::to_string(i), op));
  return add_node(std::move(node), names);
}

std::vector<Value> GraphBuilder::add_node(Node node, const std::vector<std::string>& output_names) {
  std::vector<const ValueInfo*> in;
  for (ValueId v : node.in) in.push_back(v == kAbsent ? nullptr : &info(v));
  auto inferred = data_.schema->infer(node, in);
  inferred.resize(output_names.size());
  node.out.clear();
  std::vector<Value> handles;
  for (std::size_t i = 0; i < output_names.size(); ++i) {
    if (output_names[i].empty()) {
      node.out.push_back(kAbsent);
      handles.emplace_back();
      continue;
    }
    if (names_.contains(output_names[i]))
      throw Error(ErrorCode::bad_input, "two values are named '" + output_names[i] + "'",
                  "node '" + node.name + "'");
    const ValueId id = fresh(
        {output_names[i], std::move(inferred[i].type), data_.nodes.size(), {}, std::move(inferred[i].content)});
    node.out.push_back(id);
    handles.push_back({this, id});
  }
  data_.nodes.push_back(std::move(node));
  return handles;
}

Value GraphBuilder::find(std::string_view name) {
  if (const auto it = names_.find(std::string(name)); it != names_.end()) return {this, it->second};
  throw no_such_value(name, data_);
}

Graph GraphBuilder::finish(std::vector<std::pair<std::string, Value>> outputs) && {
  for (auto& [name, value] : outputs) {
    if (!value) throw Error(ErrorCode::internal, "the output '" + name + "' has no value");
    data_.outputs.push_back({std::move(name), value.id});
  }
  Graph g;
  g.data_ = std::make_shared<GraphData>(std::move(data_));
  return g;
}

}  // namespace limn
