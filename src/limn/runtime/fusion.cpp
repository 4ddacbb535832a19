#include "limn/runtime/fusion.h"

#include <algorithm>

#include "limn/runtime/links.h"

namespace limn {
namespace {

class Fusion {
 public:
  explicit Fusion(const Graph& graph)
      : graph_(graph), uses_(graph.use_counts()), reader_(graph.value_count()), taken_(graph.nodes().size()) {
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
    if (node(k).op == "Conv" && is_constant(node(k).in[1]))
      extend_convolution(g);
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

  void extend_convolution(Group& g) {
    g.kind = Group::Kind::convolution;
    if (const auto k = next(g); k && node(*k).op == "Add") {
      const ValueId result = node(g.nodes.back()).out[0];
      const ValueId other = node(*k).in[node(*k).in[0] == result ? 1 : 0];
      if (shape(other) == shape(result) && !is_constant(other)) {
        g.residual = other;
        add(g, *k);
      }
    }
    extend_rectifier(g);
  }

  bool is_dense(const Node& n) const {
    if ((n.op != "Gemm" && n.op != "MatMul") || !is_constant(n.in[1])) return false;
    return shape(n.in[0]).size() == 2 && shape(n.in[1]).size() == 2;
  }

  void extend_dense(Group& g) {
    g.kind = Group::Kind::dense;
    // A product by rows of weights, as in a backward pass, is no primitive that could clamp.
    const Node& n = node(g.nodes.front());
    const bool has_bias = n.in.size() > 2 && n.in[2] != kAbsent;
    if (has_bias || n.attrs.integer("transB", 0) != 0) extend_rectifier(g);
  }

  void extend_rectifier(Group& g) {
    if (const auto k = next(g); k && rectifier_bounds(graph_, node(*k))) {
      add(g, *k);
      g.rectifier = *k;
    }
  }

  void extend_chain(Group& g) {
    g.kind = Group::Kind::chain;
    while (const auto k = next(g)) {
      if (!link_of(graph_, node(*k), node(g.nodes.back()).out[0])) return;
      add(g, *k);
    }
  }

  const Graph& graph_;
  std::vector<std::uint32_t> uses_;
  std::vector<std::optional<std::size_t>> reader_;  ///< the last node that reads a value; none for outputs
  std::vector<char> taken_;
};

}  // namespace

std::vector<Group> fuse(const Graph& graph) { return Fusion(graph).run(); }

}  // namespace limn
