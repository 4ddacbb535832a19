// Transpose, Slice, Expand and Concat of plain tensors, as copies in another order.

#include <algorithm>
#include <numeric>

#include "limn/ops/loops.h"
#include "limn/runtime/lowering.h"
#include "limn/runtime/strided.h"

namespace limn {
namespace {

std::optional<StridedSource> transpose_of(const Lowering& l, const Node& node) {
  const Dims& from = l.dims(node.in[0]);
  std::vector<std::int64_t> reversed(from.size());
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  const auto axes = node.attrs.integers("perm", reversed);
  const Dims strides = strides_of(from);
  StridedSource s{0, l.dims(node.out[0]), {}};
  for (const std::int64_t axis : axes)
    s.strides.push_back(strides[static_cast<std::size_t>(axis < 0 ? axis + std::ssize(from) : axis)]);
  return s;
}

/// Input i as numbers; nothing when it is there but not constant.
std::optional<std::vector<std::int64_t>> numbers(const Lowering& l, const Node& node, std::size_t i,
                                                 std::vector<std::int64_t> otherwise) {
  if (i >= node.in.size() || node.in[i] == kAbsent) return otherwise;
  const Tensor* t = l.constant(node.in[i]);
  return t == nullptr ? std::nullopt : std::optional(t->to_int64());
}

std::optional<StridedSource> slice_of(const Lowering& l, const Node& node) {
  const Dims& from = l.dims(node.in[0]);
  const auto starts = numbers(l, node, 1, {});
  if (!starts) return std::nullopt;
  std::vector<std::int64_t> all(starts->size());
  std::iota(all.begin(), all.end(), 0);
  const auto axes = numbers(l, node, 3, all), steps = numbers(l, node, 4, std::vector<std::int64_t>(all.size(), 1));
  if (!axes || !steps) return std::nullopt;
  StridedSource s{0, l.dims(node.out[0]), strides_of(from)};
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const auto axis = static_cast<std::size_t>((*axes)[i] < 0 ? (*axes)[i] + std::ssize(from) : (*axes)[i]);
    const std::int64_t size = from[axis], step = (*steps)[i];
    const std::int64_t start = (*starts)[i] < 0 ? (*starts)[i] + size : (*starts)[i];
    s.offset += std::clamp<std::int64_t>(start, 0, step < 0 ? size - 1 : size) * s.strides[axis];
    s.strides[axis] *= step;
  }
  return s;
}

std::optional<StridedSource> expansion_of(const Lowering& l, const Node& node) {
  const Dims &from = l.dims(node.in[0]), &to = l.dims(node.out[0]);
  if (from.size() > to.size()) return std::nullopt;
  return StridedSource{0, to, broadcast_strides(from, to)};
}

bool lower_concat(Lowering& l, const Node& node) {
  const auto rank = static_cast<std::int64_t>(l.dims(node.out[0]).size());
  const std::int64_t axis = node.attrs.integer("axis", 0);
  std::vector<View> parts;
  for (const ValueId id : node.in) parts.push_back(l.read(id, Layout::plain));
  const View y = l.allocate(node.out[0], Layout::plain);
  l.emit("Concat " + node.name, "limn:strided", parts, {y},
         bind_joined(parts, static_cast<std::size_t>(axis < 0 ? axis + rank : axis), y));
  l.place(node.out[0], y);
  return true;
}

}  // namespace

bool lower_strided(Lowering& l, const Node& node) {
  if (node.op == "Concat") return lower_concat(l, node);
  if (node.op == "Transpose" && l.constant(node.in[0]) != nullptr && l.dims(node.in[0]).size() == 2 &&
      l.dtype(node.in[0]) == DType::f32)
    return l.place_transposed(node.out[0], node.in[0]), true;
  const auto source = node.op == "Transpose" ? transpose_of(l, node)
                      : node.op == "Slice"   ? slice_of(l, node)
                      : node.op == "Expand"  ? expansion_of(l, node)
                                             : std::nullopt;
  if (!source) return false;
  const View x = l.read(node.in[0], Layout::plain), y = l.allocate(node.out[0], Layout::plain);
  l.emit(node.op + " " + node.name, "limn:strided", {x}, {y}, bind_strided_copy(x, *source, y));
  l.place(node.out[0], y);
  return true;
}

}  // namespace limn
