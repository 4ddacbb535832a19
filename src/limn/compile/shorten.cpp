#include "limn/compile/shorten.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <utility>

#include "limn/passes/node_facts.h"
#include "limn/passes/rebuild.h"

namespace limn {
namespace {

/// Which values come of constants alone.
std::vector<char> fixed_values(const Graph& graph) {
  std::vector<char> fixed(graph.value_count());
  for (std::size_t i = 0; i < fixed.size(); ++i) fixed[i] = graph.constant(ValueId(i)) != nullptr;
  for (const Node& node : graph.nodes()) {
    const bool all = !node.in.empty() &&
                     std::ranges::all_of(node.in, [&](ValueId v) { return v == kAbsent || fixed[index(v)]; });
    for (const ValueId v : node.out)
      if (all && v != kAbsent) fixed[index(v)] = 1;
  }
  return fixed;
}

/// What both rewrites ask of a graph, and how they write.
class Rewrite {
 protected:
  explicit Rewrite(const Graph& graph) : graph_(graph), uses_(graph.use_counts()), rebuild_(graph) {}

  const Node* producer(ValueId id, std::string_view op) const {
    const Node* p = producer_of(graph_, id);
    return p != nullptr && p->op == op ? p : nullptr;
  }
  /// The node that makes a value for one reader alone.
  const Node* made_for_one(ValueId id, std::string_view op) const {
    return id != kAbsent && uses_[index(id)] == 1 ? producer(id, op) : nullptr;
  }
  Value add(std::string_view op, std::vector<Value> in, ValueId like, std::string_view suffix) {
    return rebuild_.to().add(op, std::move(in), {}, graph_.value(like).name + std::string(suffix));
  }

  const Graph& graph_;
  std::vector<std::uint32_t> uses_;
  Rebuild rebuild_;
};

class ScaleWeights : Rewrite {
 public:
  explicit ScaleWeights(const Graph& graph) : Rewrite(graph), fixed_(fixed_values(graph)) {}

  Graph run() && {
    for (const Node& node : graph_.nodes())
      if (!scale(node)) rebuild_.copy(node);
    return std::move(rebuild_).finish();
  }

 private:
  bool scale(const Node& node) {
    if (node.op != "limn::ConvGrad" || !fixed_[index(node.in[1])]) return false;
    const Node* product = made_for_one(node.in[0], "Mul");
    if (product == nullptr) return false;
    for (const std::size_t i : {0U, 1U}) {
      const ValueId factor = product->in[i], rest = product->in[1 - i];
      if (!fixed_[index(factor)] || !is_per_channel(factor, node)) continue;
      if (!is_same_type(graph_.value(rest).type, graph_.value(product->out[0]).type)) continue;
      Node fresh{node.op,
                 node.name,
                 {rebuild_(rest).id, scaled(node.in[1], factor).id, rebuild_(node.in[2]).id},
                 {},
                 node.attrs};
      rebuild_.append(std::move(fresh), node.out[0]);
      return true;
    }
    return false;
  }

  /// Whether the value has the shape [1, C, 1, ...] or [C, 1, ...] for the cotangent [N, C, ...] of a ConvGrad.
  bool is_per_channel(ValueId factor, const Node& grad) const {
    const auto &shape = graph_.value(factor).type.shape, &weights = graph_.value(grad.in[1]).type.shape;
    if (!shape || !is_known(*shape) || !weights || !is_known(*weights)) return false;
    Dims dims = known_dims(*shape);
    if (dims.size() == weights->size() && dims[0] == 1) dims.erase(dims.begin());
    return dims.size() + 1 == weights->size() && dims[0] == (*weights)[0].value &&
           std::all_of(dims.begin() + 1, dims.end(), [](std::int64_t d) { return d == 1; });
  }

  /// The weights [C, in, kernel...], every filter times its factor.
  Value scaled(ValueId weights, ValueId factor) {
    Dims filters(graph_.shape(weights).size(), 1);
    filters[0] = graph_.shape(weights)[0].value;
    const auto rank = static_cast<std::int64_t>(filters.size());
    const Value sizes =
        rebuild_.to().constant(Tensor::of<std::int64_t>({rank}, filters), graph_.value(weights).name + "/filters");
    return add("Mul", {rebuild_(weights), add("Reshape", {rebuild_(factor), sizes}, factor, "/of_filters")},
               weights, "/scaled");
  }

  std::vector<char> fixed_;
};

class FewerPasses : Rewrite {
 public:
  explicit FewerPasses(const Graph& graph) : Rewrite(graph) {}

  Graph run() && {
    for (const Node& node : graph_.nodes())
      if (!swish_gradient(node)) broadcast(node);
    return std::move(rebuild_).finish();
  }

 private:
  static bool repeats_inputs(const Node& node) {
    static constexpr std::array kOps{"Add", "Sub", "Mul", "Div", "Greater", "Less", "Equal"};
    return node.in.size() == 2 && std::ranges::find(kOps, node.op) != kOps.end();
  }

  /// Copies the node. It reads what was repeated as it was before where it repeats that itself.
  void broadcast(const Node& node) {
    if (node.op == "Expand") {
      const auto before = small_.find(node.in[0]);
      small_[node.out[0]] = before != small_.end() ? before->second : rebuild_(node.in[0]);
    }
    if (node.op == "Reshape" && fixed_sizes(node)) return;
    if (!repeats_inputs(node)) return rebuild_.copy(node);
    std::array<Value, 2> in{rebuild_(node.in[0]), rebuild_(node.in[1])};
    for (const std::size_t i : {0U, 1U}) {
      const auto small = small_.find(node.in[i]);
      if (small == small_.end()) continue;
      if (makes(small->second.shape(), in[1 - i].shape(), graph_.shape(node.out[0]))) in[i] = small->second;
      if (const Tensor* other = graph_.constant(node.in[1 - i]); other != nullptr && other->count() == 1) {
        std::array<Value, 2> before = in;
        before[i] = small->second;
        small_[node.out[0]] = add(node.op, {before[0], before[1]}, node.out[0], "/small");
      }
    }
    Node fresh{node.op, node.name, {in[0].id, in[1].id}, {}, node.attrs};
    rebuild_.append(std::move(fresh), node.out[0]);
  }

  /// Whether the two shapes broadcast to the third, for sure.
  static bool makes(const Shape& a, const Shape& b, const Shape& to) {
    if (std::max(a.size(), b.size()) != to.size()) return false;
    for (std::size_t back = 1; back <= to.size(); ++back) {
      const auto is_there = [&](const Shape& s) {
        return back <= s.size() && is_same_size(s[s.size() - back], to[to.size() - back]);
      };
      if (!is_there(a) && !is_there(b)) return false;
    }
    return true;
  }

  /// A Reshape to sizes of which one is not known takes that one from the number of elements.
  bool fixed_sizes(const Node& node) {
    const auto& shape = graph_.value(node.out[0]).type.shape;
    if (graph_.constant(node.in[1]) != nullptr || !shape) return false;
    if (std::ranges::count_if(*shape, [](const Dim& d) { return !d.known(); }) > 1) return false;
    Dims sizes;
    for (const Dim& d : *shape) sizes.push_back(d.value);  // -1 where it is not known
    const auto rank = static_cast<std::int64_t>(sizes.size());
    const Value to =
        rebuild_.to().constant(Tensor::of<std::int64_t>({rank}, sizes), graph_.value(node.out[0]).name + "/sizes");
    Node fresh{node.op, node.name, {rebuild_(node.in[0]).id, to.id}, {}, {}};
    rebuild_.append(std::move(fresh), node.out[0]);
    return true;
  }

  /// Which of the two inputs `a` is, as the other one; nothing when it is neither.
  static std::optional<ValueId> beside(const Node* product, ValueId a) {
    if (product == nullptr || product->in.size() != 2) return {};
    if (product->in[0] == a) return product->in[1];
    if (product->in[1] == a) return product->in[0];
    return {};
  }

  bool swish_gradient(const Node& node) {
    if (node.op != "Add") return false;
    return swish_gradient(node, node.in[0], node.in[1]) || swish_gradient(node, node.in[1], node.in[0]);
  }

  /// dy * s + (dy * x) * (s - s * s), where the model has y = x * s.
  bool swish_gradient(const Node& node, ValueId outer, ValueId inner) {
    const Node *through = made_for_one(outer, "Mul"), *into = made_for_one(inner, "Mul");
    if (through == nullptr || into == nullptr) return false;
    for (const ValueId s : through->in) {
      const Node* gate = producer(s, "Sigmoid");
      if (gate == nullptr) continue;
      const ValueId x = gate->in[0], dy = *beside(through, s);
      const auto y = product_before(node, x, s);
      if (!y) continue;
      for (const ValueId slope : into->in) {
        if (!is_slope(slope, s) || beside(made_for_one(*beside(into, slope), "Mul"), x) != dy) continue;
        const Value one = rebuild_.to().constant(Tensor::scalar<float>(1), graph_.value(s).name + "/one");
        const Value rest = add("Sub", {one, rebuild_(s)}, s, "/rest");
        const Value both = add("Add", {rebuild_(s), add("Mul", {rebuild_(*y), rest}, s, "/y_rest")}, s, "/slope");
        rebuild_.replace(node.out[0], add("Mul", {rebuild_(dy), both}, node.out[0], ""));
        return true;
      }
    }
    return false;
  }

  /// s - s * s
  bool is_slope(ValueId slope, ValueId s) const {
    const Node* difference = producer(slope, "Sub");
    if (difference == nullptr || difference->in[0] != s) return false;
    const Node* square = producer(difference->in[1], "Mul");
    return square != nullptr && square->in[0] == s && square->in[1] == s;
  }

  /// The value x * s that is there already.
  std::optional<ValueId> product_before(const Node& last, ValueId x, ValueId s) const {
    for (const Node& node : graph_.nodes()) {
      if (&node == &last) break;
      if (node.op == "Mul" && beside(&node, s) == x && graph_.value(node.out[0]).type.dtype == DType::f32)
        return node.out[0];
    }
    return {};
  }

  std::unordered_map<ValueId, Value> small_;  ///< what values of the old graph repeat
};

}  // namespace

Graph with_scaled_weights(const Graph& graph) { return ScaleWeights(graph).run(); }
Graph with_fewer_passes(const Graph& graph) { return FewerPasses(graph).run(); }

}  // namespace limn
