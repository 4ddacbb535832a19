#include "limn/passes/join_layers.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <string_view>
#include <utility>

#include "limn/passes/node_facts.h"
#include "limn/passes/prune.h"
#include "limn/passes/rebuild.h"

namespace limn {
namespace {

struct LayerNorm {
  ValueId x, scale, bias;
  std::int64_t axis;
  double epsilon;
};

class JoinLayers {
 public:
  JoinLayers(const Graph& graph, std::span<const std::string> keep)
      : graph_(graph), uses_(graph.use_counts()), rebuild_(graph) {
    for (const std::string& name : keep)
      if (const auto v = graph.find(name)) ++uses_[index(*v)];
  }

  Graph run() {
    for (const Node& node : graph_.nodes()) {
      if (const auto norm = layer_norm(node))
        rebuild_.append({"LayerNormalization",
                         node.name,
                         {rebuild_(norm->x).id, rebuild_(norm->scale).id, rebuild_(norm->bias).id},
                         {},
                         {{"axis", norm->axis}, {"epsilon", norm->epsilon}}},
                        node.out[0]);
      else if (const auto x = gelu(node))
        rebuild_.append({"Gelu", node.name, {rebuild_(*x).id}, {}, {}}, node.out[0]);
      else if (const auto gated = swish(node))
        rebuild_.append({"Swish", node.name, {rebuild_(*gated).id}, {}, {}}, node.out[0]);
      else
        rebuild_.copy(node);
    }
    return prune(std::move(rebuild_).finish());
  }

 private:
  /// The node that makes `v`, when it is `op` and only `readers` operands read its result.
  const Node* inner(ValueId v, std::string_view op, std::uint32_t readers = 1) const {
    const Node* p = producer_of(graph_, v);
    return p != nullptr && uses_[index(v)] == readers && p->op == op ? p : nullptr;
  }

  /// A constant of one element.
  std::optional<double> scalar(ValueId v) const {
    const Tensor* t = v == kAbsent ? nullptr : graph_.constant(v);
    if (t == nullptr || t->count() != 1 || t->dtype() != DType::f32) return std::nullopt;
    return static_cast<double>(t->as<float>()[0]);
  }
  bool is_scalar(ValueId v, double expected) const {
    const auto s = scalar(v);
    return s && std::abs(*s - expected) <= 1e-6 * expected;
  }

  /// Of the two operands of a commutative node, the one that `accepts` and the other.
  template <class Accepts>
  static std::optional<std::pair<ValueId, ValueId>> split(const Node* n, Accepts accepts) {
    if (n == nullptr || n->in.size() != 2) return std::nullopt;
    if (accepts(n->in[0])) return std::pair(n->in[0], n->in[1]);
    if (accepts(n->in[1])) return std::pair(n->in[1], n->in[0]);
    return std::nullopt;
  }

  /// A mean over the last axes that keeps them; the first of them.
  std::optional<std::int64_t> mean_axis(const Node* n) const {
    if (n == nullptr || n->in.size() < 2 || n->in[1] == kAbsent || n->attrs.integer("keepdims", 1) != 1) return {};
    const Tensor* axes = graph_.constant(n->in[1]);
    const auto& shape = graph_.value(n->in[0]).type.shape;
    if (axes == nullptr || !shape) return {};
    const auto rank = static_cast<std::int64_t>(shape->size());
    std::vector<std::int64_t> list = axes->to_int64();
    for (std::int64_t& a : list) a = a < 0 ? a + rank : a;
    std::ranges::sort(list);
    if (list.empty() || list.front() < 0) return {};
    for (std::size_t i = 0; i < list.size(); ++i)
      if (list[i] != rank - static_cast<std::int64_t>(list.size() - i)) return {};
    return list.front();
  }

  /// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + bias
  std::optional<LayerNorm> layer_norm(const Node& node) const {
    if (node.op != "Add") return std::nullopt;
    const auto is_constant = [&](ValueId v) { return graph_.constant(v) != nullptr; };
    const auto sum = split(&node, is_constant);
    if (!sum) return std::nullopt;
    const auto product = split(inner(sum->second, "Mul"), is_constant);
    if (!product) return std::nullopt;
    const Node* ratio = inner(product->second, "Div");
    const Node* root = ratio == nullptr ? nullptr : inner(ratio->in[1], "Sqrt");
    const auto shifted = split(root == nullptr ? nullptr : inner(root->in[0], "Add"),
                               [&](ValueId v) { return scalar(v).has_value(); });
    if (!shifted) return std::nullopt;
    const Node* variance = inner(shifted->second, "ReduceMean");
    const ValueId centred = ratio->in[0];
    if (variance == nullptr || !is_square(variance->in[0], centred)) return std::nullopt;
    const Node* difference = inner(centred, "Sub", uses_[index(centred)]);
    const Node* mean = difference == nullptr ? nullptr : inner(difference->in[1], "ReduceMean");
    const auto axis = mean_axis(mean);
    if (!axis || mean->in[0] != difference->in[0] || mean_axis(variance) != axis) return std::nullopt;
    if (!spans_last_axes(product->first, mean->in[0], *axis) || !spans_last_axes(sum->first, mean->in[0], *axis))
      return std::nullopt;
    return LayerNorm{mean->in[0], product->first, sum->first, *axis, *scalar(shifted->first)};
  }

  /// v = c^2 and nothing but v and the ratio reads c.
  bool is_square(ValueId v, ValueId c) const {
    if (const Node* power = inner(v, "Pow"))
      return power->in[0] == c && is_scalar(power->in[1], 2.0) && uses_[index(c)] == 2;
    const Node* product = inner(v, "Mul");
    return product != nullptr && product->in[0] == c && product->in[1] == c && uses_[index(c)] == 3;
  }

  bool spans_last_axes(ValueId parameter, ValueId x, std::int64_t axis) const {
    const Shape &p = graph_.shape(parameter), &s = graph_.shape(x);
    return std::equal(p.begin(), p.end(), s.begin() + axis, s.end());
  }

  /// x (1 + erf(x / sqrt(2))) / 2, in whichever order the factors come.
  std::optional<ValueId> gelu(const Node& node) const {
    if (node.op != "Mul") return std::nullopt;
    const auto is_half = [&](ValueId v) { return is_scalar(v, 0.5); };
    if (const auto halved = split(&node, is_half)) {  // (x * (1 + erf)) * 0.5
      const auto product = split(inner(halved->second, "Mul"), [&](ValueId v) { return erf_of(v).has_value(); });
      return product && erf_of(product->first) == product->second ? std::optional(product->second) : std::nullopt;
    }
    const auto product = split(&node, [&](ValueId v) { return erf_of(v).has_value(); });  // (x * 0.5) * (1 + erf)
    if (!product) return std::nullopt;
    const auto halved = split(inner(product->second, "Mul"), is_half);
    return halved && erf_of(product->first) == halved->second ? std::optional(halved->second) : std::nullopt;
  }

  /// The x of v = 1 + erf(x / sqrt(2)).
  std::optional<ValueId> erf_of(ValueId v) const {
    const auto sum = split(inner(v, "Add"), [&](ValueId c) { return is_scalar(c, 1.0); });
    const Node* erf = sum ? inner(sum->second, "Erf") : nullptr;
    if (erf == nullptr) return std::nullopt;
    if (const Node* ratio = inner(erf->in[0], "Div"))
      return is_scalar(ratio->in[1], std::numbers::sqrt2) ? std::optional(ratio->in[0]) : std::nullopt;
    const auto product =
        split(inner(erf->in[0], "Mul"), [&](ValueId c) { return is_scalar(c, 1 / std::numbers::sqrt2); });
    return product ? std::optional(product->second) : std::nullopt;
  }

  /// x Sigmoid(x)
  std::optional<ValueId> swish(const Node& node) const {
    if (node.op != "Mul") return std::nullopt;
    const auto product = split(&node, [&](ValueId v) { return inner(v, "Sigmoid") != nullptr; });
    const Node* gate = product ? inner(product->first, "Sigmoid") : nullptr;
    return gate != nullptr && gate->in[0] == product->second ? std::optional(product->second) : std::nullopt;
  }

  const Graph& graph_;
  std::vector<std::uint32_t> uses_;
  Rebuild rebuild_;
};

}  // namespace

Graph join_layers(const Graph& graph, std::span<const std::string> keep) { return JoinLayers(graph, keep).run(); }

}  // namespace limn
