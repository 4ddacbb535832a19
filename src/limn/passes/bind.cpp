#include "limn/passes/bind.h"

#include <algorithm>

#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"

namespace limn {
namespace {

/// Results of more bytes than this stay computed, unless folding saves memory.
constexpr std::size_t kLargestFolded = 1U << 20;

class Binding {
 public:
  Binding(const Graph& graph, const std::map<std::string, std::int64_t>& symbols, Unnamed unnamed)
      : graph_(graph), symbols_(symbols), unnamed_(unnamed), to_(operators()) {}

  Graph run() {
    for (const auto& [key, value] : graph_.data().metadata) to_.set_metadata(key, value);
    for (const ValueId id : graph_.inputs())
      map_[id] = to_.input(graph_.value(id).name, concrete(graph_.value(id)));
    for (const Node& node : graph_.nodes()) add(node);
    std::vector<std::pair<std::string, Value>> outputs;
    for (const Output& o : graph_.outputs()) outputs.emplace_back(o.name, mapped(o.value));
    return std::move(to_).finish(std::move(outputs));
  }

 private:
  Type concrete(const ValueInfo& input) const {
    if (!input.type.shape)
      throw Error(ErrorCode::unsupported, "the input '" + input.name + "' has no shape", {},
                  "export the network with the rank of its inputs");
    Type type = input.type;
    for (Dim& d : *type.shape) {
      if (d.known()) continue;
      const auto it = symbols_.find(d.symbol);
      if (it != symbols_.end())
        d = Dim(it->second);
      else if (unnamed_ == Unnamed::one)
        d = Dim(1);
      if (d.known() && d.value < 1)
        throw Error(ErrorCode::bad_input, "a size of the input '" + input.name + "' is " + std::to_string(d.value));
    }
    return type;
  }

  Value mapped(ValueId old) {
    if (old == kAbsent) return {};
    const auto [it, fresh] = map_.try_emplace(old);
    if (fresh) it->second = to_.constant(*graph_.value(old).constant, graph_.value(old).name);
    return it->second;
  }

  /// Whether a node of constants is better computed now.
  bool worth_folding(const std::vector<Tensor>& in, const std::vector<Inferred>& out) const {
    std::size_t before = 0, after = 0;
    for (const Tensor& t : in) before += t.present() ? t.byte_count() : 0;
    for (const Inferred& o : out) {
      if (o.type.dtype == DType::undefined || !o.type.shape || !is_known(*o.type.shape)) return false;
      const Dims dims = known_dims(*o.type.shape);
      after += static_cast<std::size_t>(element_count(dims)) * size_of(o.type.dtype);
    }
    return after <= kLargestFolded || after * 2 <= before;
  }

  bool fold(const Node& node) {
    std::vector<Tensor> in;
    std::vector<const ValueInfo*> known;
    for (const ValueId id : node.in) {
      const Value v = mapped(id);
      known.push_back(v ? &to_.info(v.id) : nullptr);
      if (v && !known.back()->constant) return false;
      in.push_back(v ? *known.back()->constant : Tensor());
    }
    std::vector<Inferred> types = to_.schema().infer(node, known);
    types.resize(std::min(types.size(), node.out.size()));
    if (!worth_folding(in, types)) return false;
    const std::vector<Tensor> out = evaluate_node(node, in, FloatWidth::f32);
    for (std::size_t i = 0; i < node.out.size() && i < out.size(); ++i)
      if (node.out[i] != kAbsent) map_[node.out[i]] = to_.constant(out[i], graph_.value(node.out[i]).name);
    return true;
  }

  /// A constant for a value that is known element by element, such as the result of Shape.
  Value known_content(Value v) {
    const ValueInfo& info = to_.info(v.id);
    if (!info.content || !info.type.shape || !is_known(*info.type.shape)) return v;
    if (!std::ranges::all_of(*info.content, &Dim::known)) return v;
    std::vector<std::int64_t> elements;
    for (const Dim& d : *info.content) elements.push_back(d.value);
    const Tensor t = Tensor::of<std::int64_t>(known_dims(*info.type.shape), elements);
    return to_.constant(info.type.dtype == DType::i64 ? t : t.converted(info.type.dtype), info.name + "/known");
  }

  void add(const Node& node) {
    if (fold(node)) return;
    Node fresh{node.op, node.name, {}, {}, node.attrs};
    for (const ValueId id : node.in) fresh.in.push_back(mapped(id).id);
    std::vector<std::string> names;
    for (const ValueId id : node.out) names.push_back(id == kAbsent ? std::string() : graph_.value(id).name);
    const std::vector<Value> out = to_.add_node(std::move(fresh), names);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (node.out[i] != kAbsent) map_[node.out[i]] = known_content(out[i]);
  }

  const Graph& graph_;
  const std::map<std::string, std::int64_t>& symbols_;
  Unnamed unnamed_;
  GraphBuilder to_;
  std::unordered_map<ValueId, Value> map_;
};

}  // namespace

Graph bind(const Graph& graph, const std::map<std::string, std::int64_t>& symbols, Unnamed unnamed) {
  return Binding(graph, symbols, unnamed).run();
}

Graph with_batch(const Graph& graph, std::int64_t images) {
  std::map<std::string, std::int64_t> batches;
  for (const ValueId id : graph.inputs()) {
    const auto& shape = graph.value(id).type.shape;
    if (!shape) return graph;
    if (!shape->empty() && !shape->front().symbol.empty()) batches[shape->front().symbol] = images;
  }
  for (const ValueId id : graph.inputs()) {
    const Shape& shape = *graph.value(id).type.shape;
    for (std::size_t i = 1; i < shape.size(); ++i) batches.erase(shape[i].symbol);
  }
  return batches.empty() ? graph : limn::bind(graph, batches, Unnamed::keep);
}

}  // namespace limn
