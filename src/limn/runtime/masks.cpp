#include "limn/runtime/masks.h"

#include <algorithm>

#include "limn/runtime/links.h"
#include "limn/runtime/lowering.h"

namespace limn {
namespace {

/// What a rectifier's derivative asks of its input 1; nothing for other nodes.
std::optional<ChainStage> asked_by(const Lowering& l, const Node& node) {
  if (!is_mask(node)) return std::nullopt;
  if (l.constant(node.in[0]) != nullptr || l.dims(node.in[0]) != l.dims(node.in[1])) return std::nullopt;
  const auto link = link_of(l.graph(), node, node.in[0]);
  return link ? std::optional(link->stage) : std::nullopt;
}

bool asks_the_pool(const Lowering& l, const Node& node) {
  return node.op == "limn::MaxPoolGrad" && node.in[0] != node.in[1] && pool_remembers(l, node);
}

bool same(const ChainStage& a, const ChainStage& b) { return a.kind == b.kind && a.a == b.a && a.b == b.b; }

}  // namespace

Masks::Masks(const Lowering& l) : of_(l.graph().value_count()), spares_(l.graph().nodes().size()) {
  for (std::size_t k = 0; k < spares_.size(); ++k) spares_[k] = asks_the_pool(l, l.node(k)) ? 1 : 0;
  for (std::size_t i = 0; i < of_.size(); ++i) of_[i] = find(l, ValueId(i));
  for (const Output& o : l.graph().outputs()) of_[index(o.value)].reset();
  for (std::size_t k = 0; k < spares_.size(); ++k)
    if (asked_by(l, l.node(k)) && of(l.node(k).in[1])) spares_[k] = 1;
}

/// Of a value that is asked for nothing else from its first mask on.
std::optional<ChainStage> Masks::find(const Lowering& l, ValueId id) const {
  if (!l.graph().value(id).producer || !l.is_image_like(id)) return std::nullopt;
  std::optional<ChainStage> mask;
  std::size_t first = SIZE_MAX, last = 0;
  for (const std::size_t k : l.readers(id)) {
    const Node& node = l.node(k);
    if (spares_[k] != 0 && node.in[1] == id) continue;
    const auto asked = node.in[0] == id ? std::nullopt : asked_by(l, node);
    if (!asked) {
      last = std::max(last, k);
      continue;
    }
    if (mask && !same(*mask, *asked)) return std::nullopt;
    mask = asked;
    first = std::min(first, k);
  }
  return last < first ? mask : std::nullopt;
}

}  // namespace limn
