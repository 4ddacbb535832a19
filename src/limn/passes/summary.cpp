#include "limn/passes/summary.h"

#include <algorithm>
#include <map>
#include <set>

#include "limn/passes/bind.h"

namespace limn {
namespace {

std::vector<std::pair<std::string, std::size_t>> count_operators(const Graph& g) {
  std::map<std::string, std::size_t> counts;
  for (const Node& n : g.nodes()) ++counts[n.op];
  std::vector<std::pair<std::string, std::size_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

std::int64_t count_parameters(const Graph& g) {
  const std::vector<std::uint32_t> uses = g.use_counts();
  std::int64_t count = 0;
  for (std::size_t i = 0; i < g.value_count(); ++i) {
    const Tensor* t = g.constant(ValueId(i));
    if (t != nullptr && uses[i] > 0 && is_float(t->dtype()) && !t->dims().empty()) count += t->count();
  }
  return count;
}

/// Products of sizes, absent as soon as one is unknown or the product leaves 63 bits.
using Count = std::optional<std::int64_t>;
Count times(Count a, Count b) {
  std::int64_t product = 0;
  if (!a || !b || __builtin_mul_overflow(*a, *b, &product)) return std::nullopt;
  return product;
}
Count plus(Count a, Count b) {
  std::int64_t sum = 0;
  if (!a || !b || __builtin_add_overflow(*a, *b, &sum)) return std::nullopt;
  return sum;
}

class MultiplyAdds {
 public:
  explicit MultiplyAdds(const Graph& g) : g_(g) {
    for (ValueId v : g.inputs())
      if (const auto& s = g.value(v).type.shape; s && !s->empty() && !s->front().known())
        batch_.insert(s->front().symbol);
  }

  Count total() const {
    Count sum = 0;
    for (const Node& n : g_.nodes()) sum = plus(sum, of(n));
    return sum;
  }

 private:
  Count of(const Node& n) const {
    if (n.op == "Conv") return times(elements(n.out[0]), elements(n.in[1], 1));
    if (n.op == "ConvTranspose") return times(elements(n.in[0]), elements(n.in[1], 1));
    if (n.op == "Gemm")
      return times(elements(n.out[0]), size(n.in[0], n.attrs.integer("transA", 0) != 0 ? End::first : End::last));
    if (n.op == "MatMul") return times(elements(n.out[0]), size(n.in[0], End::last));
    return 0;
  }

  Count size(const Dim& d) const {
    if (d.known()) return d.value;
    return batch_.contains(d.symbol) ? Count(1) : std::nullopt;
  }

  enum class End { first, last };
  Count size(ValueId v, End end) const {
    const Shape* s = shape(v);
    if (s == nullptr || s->empty()) return std::nullopt;
    return size(end == End::first ? s->front() : s->back());
  }

  /// Number of elements, of the axes from `first` on.
  Count elements(ValueId v, std::size_t first = 0) const {
    const Shape* s = shape(v);
    if (s == nullptr) return std::nullopt;
    Count count = 1;
    for (std::size_t i = first; i < s->size(); ++i) count = times(count, size((*s)[i]));
    return count;
  }

  const Shape* shape(ValueId v) const {
    if (v == kAbsent) return nullptr;
    const auto& s = g_.value(v).type.shape;
    return s ? &*s : nullptr;
  }

  const Graph& g_;
  std::set<std::string> batch_;
};

}  // namespace

Summary summarize(const Graph& graph) {
  return {count_operators(graph), count_parameters(graph), MultiplyAdds(with_batch(graph, 1)).total()};
}

}  // namespace limn
