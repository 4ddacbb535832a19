#include "limn/runtime/fusion.h"

#include <algorithm>

#include "limn/runtime/convolution.h"
#include "limn/runtime/links.h"

namespace limn {
namespace {

class Fusion {
 public:
  Fusion(const Graph& graph, const FusionOptions& options)
      : graph_(graph),
        options_(options),
        uses_(graph.use_counts()),
        reader_(graph.value_count()),
        taken_(graph.nodes().size()) {
    for (std::size_t k = 0; k < graph.nodes().size(); ++k)
      for (const ValueId i : graph.nodes()[k].in)
        if (i != kAbsent) reader_[index(i)] = k;
    for (const Output& o : graph.outputs()) reader_[index(o.value)].reset();
  }

  std::vector<Group> run() {
    std::vector<Group> groups;
    for (std::size_t k = 0; k < taken_.size(); ++k)
      if (!taken_[k]) groups.push_back(group_from(k));
    std::ranges::sort(groups, {}, [](const Group& g) { return g.nodes.back(); });
    return groups;
  }

 private:
  const Node& node(std::size_t k) const { return graph_.nodes()[k]; }
  bool is_constant(ValueId id) const { return id != kAbsent && graph_.constant(id) != nullptr; }
  const Shape& shape(ValueId id) const { return *graph_.value(id).type.shape; }

  Group group_from(std::size_t k) {
    Group g;
    add(g, k);
    if (options_.gates && extend_gate(g))
      extend_convolution(g);
    else if (node(k).op == "Conv" && is_constant(node(k).in[1]))
      extend_convolution(g);
    else if (node(k).op == "limn::ConvGrad" && options_.gradients != nullptr &&
             options_.gradients->extends(node(k)))
      extend_gradient(g);
    else if (node(k).op == "limn::MaxPoolGrad")
      extend_pool_gradient(g);
    else if (is_dense(node(k)))
      extend_dense(g);
    else if (const auto start = chain_start(graph_, node(k)))
      extend_chain(g);
    return g;
  }

  void add(Group& g, std::size_t k) {
    g.nodes.push_back(k);
    taken_[k] = 1;
  }

  /// The node that alone reads the result of the group so far.
  std::optional<std::size_t> next(const Group& g) const {
    const ValueId result = node(g.nodes.back()).out[0];
    if (uses_[index(result)] != 1) return std::nullopt;
    const auto k = reader_[index(result)];
    return k && !taken_[*k] ? k : std::nullopt;
  }

  /// Factors in the weights of a pointwise convolution cost a pass over the weights for each image, factors of the
  /// pixels one over these. A call for each image has to pay too.
  bool pays_in_weights(const Dims& x, const Dims& weights) const {
    constexpr std::int64_t kWorth = 2, kFew = 65536;
    const std::int64_t positions = x[2] * x[3];
    return positions >= kWorth * weights[0] && x[1] * positions >= kFew;
  }

  bool extend_gate(Group& g) {
    const Node& mul = node(g.nodes.front());
    if (mul.op != "Mul" || graph_.value(mul.out[0]).type.dtype != DType::f32) return false;
    const auto k = next(g);
    if (!k || node(*k).op != "Conv" || node(*k).in[0] != mul.out[0] || !is_constant(node(*k).in[1])) return false;
    const Dims x = known_dims(shape(mul.out[0])), y = known_dims(shape(node(*k).out[0]));
    const Dims& w = graph_.constant(node(*k).in[1])->dims();
    if (x.size() != 4 || w != Dims{y[1], x[1], 1, 1} || y[2] != x[2] || y[3] != x[3] || !pays_in_weights(x, w))
      return false;
    for (const std::size_t i : {0U, 1U}) {
      const ValueId gate = mul.in[i], other = mul.in[1 - i];
      if (is_constant(gate) || known_dims(shape(gate)) != Dims{x[0], x[1], 1, 1} || known_dims(shape(other)) != x)
        continue;
      g.gate = gate;
      add(g, *k);
      return true;
    }
    return false;
  }

  void extend_convolution(Group& g) {
    g.kind = Group::Kind::convolution;
    extend_residual(g);
    if (extend_rectifier(g) || g.residual != kAbsent) return;
    extend_activation(g, "Swish");
    if (options_.gradients != nullptr && g.nodes.size() == 1 && options_.gradients->makes_slopes(node(g.nodes[0])))
      extend_activation(g, "limn::SwishAndSlope");
  }

  void extend_gradient(Group& g) {
    Group more = g;
    extend_residual(more);
    extend_activation(more, "Relu");
    extend_mask(more);
    extend_scale(more);
    if (options_.gradients->multiplies(node(more.nodes.front()))) extend_slopes(more);
    more.kind = Group::Kind::gradient;
    // Where a pass over the pixels follows anyway, it does the rest.
    const Node& last = node(more.nodes.back());
    const auto k = next(more);
    const bool goes_on = k && last.op != "Add" && link_of(graph_, node(*k), last.out[0]).has_value();
    if (more.nodes.size() == 1 || goes_on) {
      for (std::size_t i = 1; i < more.nodes.size(); ++i) taken_[more.nodes[i]] = 0;
      return;
    }
    g = more;
  }

  void extend_pool_gradient(Group& g) {
    extend_activation(g, "Relu");
    if (g.activation) g.kind = Group::Kind::gradient;
  }

  void extend_mask(Group& g) {
    const auto k = next(g);
    if (!k || node(*k).in[0] != node(g.nodes.back()).out[0] || !options_.gradients->masks(node(*k))) return;
    g.mask = *k;
    add(g, *k);
  }

  /// Kernels read the factors by whole blocks of channels.
  void extend_scale(Group& g) {
    constexpr std::int64_t kBlock = 16;
    const auto k = g.nodes.size() > 1 ? next(g) : std::nullopt;
    if (!k || node(*k).op != "Mul") return;
    const ValueId other = other_operand(g, *k);
    const Tensor* t = other == kAbsent ? nullptr : graph_.constant(other);
    const Dims like = known_dims(shape(node(*k).out[0]));
    if (t == nullptr || t->dtype() != DType::f32 || !is_per_channel(t->dims(), like)) return;
    if (t->count() != like[1] || like[1] % kBlock != 0) return;
    g.scale = other;
    add(g, *k);
  }

  void extend_slopes(Group& g) {
    const auto k = next(g);
    if (!k || node(*k).op != "Mul") return;
    const ValueId other = other_operand(g, *k), result = node(g.nodes.back()).out[0];
    if (other == result || is_constant(other) || shape(other) != shape(result)) return;
    g.slopes = other;
    add(g, *k);
  }

  /// The other operand of the Add or Mul that alone reads the result.
  ValueId other_operand(const Group& g, std::size_t k) const {
    return node(k).in[node(k).in[0] == node(g.nodes.back()).out[0] ? 1 : 0];
  }

  void extend_residual(Group& g) {
    const auto k = next(g);
    if (!k || node(*k).op != "Add") return;
    const ValueId other = other_operand(g, *k);
    if (shape(other) != shape(node(g.nodes.back()).out[0]) || is_constant(other)) return;
    g.residual = other;
    add(g, *k);
  }

  bool is_dense(const Node& n) const {
    if ((n.op != "Gemm" && n.op != "MatMul") || shape(n.in[0]).size() < 2) return false;
    return constant_matrix(graph_, n.in[1]).has_value();
  }

  void extend_dense(Group& g) {
    g.kind = Group::Kind::dense;
    const Node& n = node(g.nodes.front());
    const bool has_bias = n.in.size() > 2 && n.in[2] != kAbsent;
    if (!has_bias) extend_bias(g);
    // A product by rows of weights, as in a backward pass, is no primitive that could clamp or add.
    const bool forward = has_bias || g.bias != kAbsent || n.attrs.integer("transB", 0) != 0;
    if (shape(n.in[0]).size() > 2) extend_residual(g);
    if (forward && g.residual == kAbsent && !extend_rectifier(g)) extend_activation(g, "Gelu");
  }

  void extend_bias(Group& g) {
    const auto k = next(g);
    if (!k || node(*k).op != "Add") return;
    const ValueId other = other_operand(g, *k);
    const Tensor* t = other == kAbsent ? nullptr : graph_.constant(other);
    if (t == nullptr || t->dtype() != DType::f32 || t->dims().size() != 1 || t->count() == 1) return;
    if (Dim(t->count()) != shape(node(g.nodes.back()).out[0]).back()) return;
    g.bias = other;
    add(g, *k);
  }

  bool extend_rectifier(Group& g) {
    const auto k = next(g);
    if (!k || !rectifier_bounds(graph_, node(*k))) return false;
    add(g, *k);
    g.activation = *k;
    return true;
  }

  void extend_activation(Group& g, std::string_view op) {
    const auto k = next(g);
    if (!k || node(*k).op != op) return;
    add(g, *k);
    g.activation = *k;
  }

  void extend_chain(Group& g) {
    g.kind = Group::Kind::chain;
    while (const auto k = next(g)) {
      if (plane_sum(graph_, node(*k))) {
        g.plane_sum = *k;
        return add(g, *k);
      }
      if (!link_of(graph_, node(*k), node(g.nodes.back()).out[0])) return;
      add(g, *k);
    }
  }

  const Graph& graph_;
  const FusionOptions& options_;
  std::vector<std::uint32_t> uses_;
  std::vector<std::optional<std::size_t>> reader_;  ///< the last node that reads a value; none for outputs
  std::vector<char> taken_;
};

}  // namespace

std::optional<ConstantMatrix> constant_matrix(const Graph& graph, ValueId id) {
  if (id == kAbsent) return std::nullopt;
  const auto is_matrix = [&](ValueId v) {
    const Tensor* t = v == kAbsent ? nullptr : graph.constant(v);
    return t != nullptr && t->dtype() == DType::f32 && t->dims().size() == 2;
  };
  if (is_matrix(id)) return ConstantMatrix{id, false};
  const auto& k = graph.value(id).producer;
  if (!k || graph.nodes()[*k].op != "Transpose" || !is_matrix(graph.nodes()[*k].in[0])) return std::nullopt;
  const bool turns = graph.nodes()[*k].attrs.integers("perm", {1, 0}) == std::vector<std::int64_t>{1, 0};
  return turns ? std::optional(ConstantMatrix{graph.nodes()[*k].in[0], true}) : std::nullopt;
}

std::vector<Group> fuse(const Graph& graph, const FusionOptions& options) { return Fusion(graph, options).run(); }

}  // namespace limn
