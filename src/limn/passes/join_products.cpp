#include "limn/passes/join_products.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "limn/passes/rebuild.h"

namespace limn {
namespace {

class JoinProducts {
 public:
  explicit JoinProducts(const Graph& graph)
      : graph_(graph), kind_(graph.nodes().size(), kAlone), level_(graph.nodes().size()), rebuild_(graph) {}

  Graph run() {
    if (!find_products()) return graph_;
    find_levels();
    std::map<Place, std::vector<std::size_t>> joined;
    for (std::size_t k = 0; k < kind_.size(); ++k)
      if (kind_[k] != kAlone) joined[{level_[k], kind_[k]}].push_back(k);
    for (const std::size_t k : order()) {
      if (kind_[k] == kAlone) {
        rebuild_.copy(graph_.nodes()[k]);
        continue;
      }
      const auto& members = joined.at({level_[k], kind_[k]});
      if (members.front() == k) append(members);
    }
    return std::move(rebuild_).finish();
  }

 private:
  static constexpr std::size_t kAlone = SIZE_MAX;
  using Types = std::set<std::string>;
  /// Operator, matrix, whether it is transposed, and what the rows depend on.
  using Kind = std::tuple<std::string, ValueId, std::int64_t, Types>;
  using Place = std::pair<std::size_t, std::size_t>;  ///< level and kind

  /// x B, and nothing else, for an x that is computed.
  bool is_product(const Node& node) const {
    if (!reads_large_matrix(graph_, node) || graph_.constant(node.in[0]) != nullptr) return false;
    if (node.in.size() > 2 && node.in[2] != kAbsent) return false;
    return node.attrs.integer("transA", 0) == 0 && node.attrs.real("alpha", 1.0) == 1.0;
  }

  /// By value, the types of the inputs that it depends on. The targets of an image are of one type.
  std::vector<Types> sources() const {
    std::vector<Types> found(graph_.value_count());
    for (const ValueId id : graph_.inputs()) found[index(id)].insert(to_string(graph_.value(id).type));
    for (const Node& node : graph_.nodes())
      for (const ValueId o : node.out)
        for (const ValueId i : node.in)
          if (o != kAbsent && i != kAbsent) found[index(o)].insert(found[index(i)].begin(), found[index(i)].end());
    return found;
  }

  /// Whether there are two of a kind.
  bool find_products() {
    std::vector<std::size_t> products;
    for (std::size_t k = 0; k < kind_.size(); ++k)
      if (is_product(graph_.nodes()[k])) products.push_back(k);
    if (products.size() < 2) return false;
    const std::vector<Types> from = sources();
    std::map<Kind, std::vector<std::size_t>> kinds;
    for (const std::size_t k : products) {
      const Node& node = graph_.nodes()[k];
      kinds[{node.op, node.in[1], node.attrs.integer("transB", 0), from[index(node.in[0])]}].push_back(k);
    }
    std::size_t count = 0;
    for (const auto& [kind, members] : kinds) {
      if (members.size() < 2) continue;
      for (const std::size_t k : members) kind_[k] = count;
      ++count;
    }
    return count > 0;
  }

  /// The level of a node is the most products that a way to it passes, itself included. Products of one level
  /// cannot depend on each other, and joining those of every level leaves no circle.
  void find_levels() {
    for (std::size_t k = 0; k < kind_.size(); ++k) {
      for (const ValueId i : graph_.nodes()[k].in)
        if (const auto& producer = i == kAbsent ? std::nullopt : graph_.value(i).producer)
          level_[k] = std::max(level_[k], level_[*producer]);
      if (kind_[k] != kAlone) ++level_[k];
    }
  }

  /// By levels, in each the products first: what they read lies in the levels below.
  std::vector<std::size_t> order() const {
    std::vector<std::size_t> nodes(kind_.size());
    std::iota(nodes.begin(), nodes.end(), std::size_t{0});
    std::ranges::stable_sort(nodes, {}, [&](std::size_t k) { return std::pair(level_[k], kind_[k] == kAlone); });
    return nodes;
  }

  /// The products of these nodes as one of all their rows.
  void append(const std::vector<std::size_t>& members) {
    const Node& first = graph_.nodes()[members.front()];
    if (members.size() == 1) return rebuild_.copy(first);
    const std::string name = graph_.value(first.out[0]).name;
    Node stack{"Concat", name + "/rows", {}, {}, {{"axis", std::int64_t{0}}}};
    Node split{"Split", name + "/split", {}, {}, {{"axis", std::int64_t{0}}}};
    std::vector<std::int64_t> rows;
    std::vector<std::string> names;
    for (const std::size_t k : members) {
      const Node& node = graph_.nodes()[k];
      stack.in.push_back(rebuild_(node.in[0]).id);
      rows.push_back(known_dims(graph_.shape(node.in[0]))[0]);
      names.push_back(graph_.value(node.out[0]).name);
    }
    GraphBuilder& g = rebuild_.to();
    const Value all = g.add_node(std::move(stack), {name + "/rows"}).front();
    const Value product =
        g.add_node({first.op, first.name + "/joined", {all.id, rebuild_(first.in[1]).id}, {}, first.attrs},
                   {name + "/joined"})
            .front();
    const Value sizes =
        g.constant(Tensor::of<std::int64_t>({static_cast<std::int64_t>(rows.size())}, rows), name + "/sizes");
    split.in = {product.id, sizes.id};
    const std::vector<Value> parts = g.add_node(std::move(split), names);
    for (std::size_t i = 0; i < members.size(); ++i) rebuild_.replace(graph_.nodes()[members[i]].out[0], parts[i]);
  }

  const Graph& graph_;
  std::vector<std::size_t> kind_;   ///< by node: which products have the same matrix
  std::vector<std::size_t> level_;  ///< by node
  Rebuild rebuild_;
};

}  // namespace

bool reads_large_matrix(const Graph& graph, const Node& node) {
  // Smaller matrices stay in the cache of a processor from one product to the next.
  constexpr std::int64_t kLarge = std::int64_t{1} << 18;
  if (node.op != "Gemm" && node.op != "MatMul") return false;
  const Tensor* b = graph.constant(node.in[1]);
  return b != nullptr && b->dims().size() == 2 && b->count() >= kLarge && graph.shape(node.in[0]).size() == 2;
}

Graph join_products(const Graph& graph) { return JoinProducts(graph).run(); }

}  // namespace limn
