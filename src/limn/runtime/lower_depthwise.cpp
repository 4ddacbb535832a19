// Depthwise convolutions that are asked for more than their result, and gradients of them.

#include "limn/runtime/depthwise.h"
#include "limn/runtime/links.h"

namespace limn {
namespace {

/// What the node at the end of a convolution does; nothing where rows end otherwise.
std::optional<RowEnd> end_of(const Lowering& l, const Group& group) {
  RowEnd end;
  if (!group.activation) return end;
  const Node& node = l.node(*group.activation);
  if (const auto function = activation_of(node)) {
    end.activation = ActivationTarget{*function, {}};
    return end;
  }
  const auto bounds = rectifier_bounds(l.graph(), node);
  if (!bounds) return std::nullopt;
  end.low = bounds->low;
  end.high = bounds->high;
  return end;
}

}  // namespace

std::optional<ValueId> depthwise_by_rows(const Lowering& l, const Group& group) {
  const Node &conv = l.node(group.nodes.front()), &last = l.node(group.nodes.back());
  if (group.kind != Group::Kind::convolution || group.gate != kAbsent || group.residual != kAbsent) return {};
  if (l.bf16().takes(conv)) return {};
  const auto shape = convolution_shape(l, conv);
  if (!shape || !pays_by_rows(*shape)) return {};
  const auto end = end_of(l, group);
  const bool asked = l.masks().of(conv.in[0]) || l.masks().of(last.out[0]);
  return end && (asked || end->activation) ? std::optional(conv.in[0]) : std::nullopt;
}

bool lower_depthwise(Lowering& l, const Group& group) {
  if (!depthwise_by_rows(l, group)) return false;
  const Node &conv = l.node(group.nodes.front()), &last = l.node(group.nodes.back());
  const ValueId from = conv.in[0], result = last.out[0];
  RowEnd end = *end_of(l, group);
  const View x = l.read(from, Layout::blocked), y = l.allocate(result, Layout::blocked);
  if (end.activation) end.activation->slope_to = l.allocate(last.out[1], Layout::blocked);
  const auto target = [&](ValueId id) -> std::optional<MaskTarget> {
    const auto stage = l.masks().of(id);
    if (!stage || l.has_mask(id)) return std::nullopt;
    return MaskTarget{*stage, l.allocate_mask(id, Layout::blocked)};
  };
  end.mask_from = target(from);
  end.mask_to = target(result);
  emit_depthwise(l, l.label_of(group), *convolution_shape(l, conv), conv, x, y, end);
  l.place(result, y);
  if (end.activation) l.place(last.out[1], end.activation->slope_to);
  return true;
}

bool lower_depthwise_gradient(Lowering& l, const Group& group, const ConvolutionShape& shape) {
  if (!shape.is_depthwise() || group.residual != kAbsent || group.scale != kAbsent) return false;
  const Node& grad = l.node(group.nodes.front());
  const ValueId result = l.node(group.nodes.back()).out[0];
  const View dy = l.read(grad.in[0], Layout::blocked);
  RowEnd end;
  if (group.activation) end.low = 0;
  if (group.mask) end.open = l.read_mask(l.node(*group.mask).in[1], Layout::blocked);
  if (group.slopes != kAbsent) end.slopes = l.read(group.slopes, Layout::blocked);
  const View dx = l.allocate(result, Layout::blocked);
  emit_depthwise_gradient(l, l.label_of(group), shape, grad, dy, dx, end);
  l.place(result, dx);
  return true;
}

}  // namespace limn
