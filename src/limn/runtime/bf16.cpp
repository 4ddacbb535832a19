#include "limn/runtime/bf16.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "limn/runtime/convolution.h"
#include "limn/runtime/links.h"
#include "limn/runtime/lowering.h"
#include "limn/runtime/sparse.h"

namespace limn {
namespace {

/// What is computed in bfloat16, and what lies so: all that could, and then struck out until nothing changes.
class Search {
 public:
  Search(const Lowering& l, const std::vector<Group>& groups)
      : l_(l),
        group_of_(l.graph().nodes().size()),
        sparse_(values_maybe_sparse(l.graph())),
        takes_(sparse_.size()),
        keeps_(sparse_.size()) {
    for (const Group& g : groups) {
      for (const std::size_t k : g.nodes) group_of_[k] = &g;
      takes_[index(first(g).out[0])] = multiplies(g);
    }
    for (const Group& g : groups)
      keeps_[index(result(g))] = can_write(g) && l.dtype(result(g)) == DType::f32 && !l.readers(result(g)).empty();
    for (const Output& o : l.graph().outputs()) keeps_[index(o.value)] = 0;
    bool changed = true;
    while (changed) changed = strike_out(groups);
  }

  std::pair<std::vector<char>, std::vector<char>> found() && { return {std::move(takes_), std::move(keeps_)}; }

 private:
  const Node& first(const Group& g) const { return l_.node(g.nodes.front()); }
  ValueId result(const Group& g) const { return l_.node(g.nodes.back()).out[0]; }
  bool keeps(ValueId id) const { return keeps_[index(id)] != 0; }
  bool takes(const Group& g) const { return takes_[index(first(g).out[0])] != 0; }

  bool multiplies(const Group& g) const {
    const Node& node = first(g);
    if (g.kind == Group::Kind::convolution) return convolution_takes_bf16(l_, node);
    if (g.kind == Group::Kind::dense) return dense_takes_bf16(l_, g);
    return node.op == "limn::ConvGrad" && gradient_takes_bf16(l_, node, sparse_[index(node.in[0])] != 0);
  }

  /// Pools and concatenations pass on what they are given. Not where there is one position per channel: there a
  /// view is read in another layout as it lies, which need not be in its slot.
  bool passes_on(const Group& g) const {
    const Node& node = first(g);
    if (g.kind != Group::Kind::single || !l_.is_image_like(node.out[0])) return false;
    if (l_.dims(node.out[0])[2] * l_.dims(node.out[0])[3] == 1) return false;
    return (node.op == "MaxPool" && node.out.size() == 1 && l_.is_image_like(node.in[0])) ||
           l_.parts_have_slots(node);
  }

  bool can_write(const Group& g) const {
    if (g.kind == Group::Kind::chain) return !g.plane_sum;
    if (passes_on(g)) return true;
    return takes(g) && g.kind != Group::Kind::single;
  }

  /// Whether the node takes the value as bfloat16.
  bool reads(std::size_t k, ValueId id) const {
    const Group& g = *group_of_[k];
    const Node& node = l_.node(k);
    if (passes_on(g)) return keeps(node.out[0]);
    // Positive numbers stay positive when rounded.
    if (g.kind == Group::Kind::chain) return is_mask(node) && node.in[1] == id && node.in[0] != id;
    // It reads where the maximum was, which the pool in the forward pass has written down.
    if (node.op == "limn::MaxPoolGrad") return node.in[1] == id && node.in[0] != id;
    if (!takes(g)) return false;
    return (k == g.nodes.front() && node.in[0] == id) || (g.kind == Group::Kind::convolution && g.residual == id);
  }

  bool may_keep(const Group& g) const {
    const auto& in = first(g).in;
    if (passes_on(g) && !std::ranges::all_of(in, [&](ValueId i) { return keeps(i); })) return false;
    return std::ranges::all_of(l_.readers(result(g)), [&](std::size_t k) { return reads(k, result(g)); });
  }

  bool strike_out(const std::vector<Group>& groups) {
    bool changed = false;
    for (const Group& g : groups) {
      if (!keeps(result(g)) || may_keep(g)) continue;
      keeps_[index(result(g))] = 0;
      changed = true;
    }
    return changed;
  }

  const Lowering& l_;
  std::vector<const Group*> group_of_;  ///< by node
  std::vector<char> sparse_, takes_, keeps_;
};

}  // namespace

Bf16::Bf16(const Lowering& lowering, const std::vector<Group>& groups) {
  std::tie(takes_, keeps_) = Search(lowering, groups).found();
}

}  // namespace limn
