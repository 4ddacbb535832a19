// Operators that only say differently how elements are read, and those that join, cut or sum channels.

#include <algorithm>

#include "limn/runtime/kernels.h"
#include "limn/runtime/links.h"
#include "limn/runtime/lowering.h"

namespace limn {
namespace {

/// Reading order does not change when only axes of size 1 move.
bool keeps_order(const Dims& dims, const std::vector<std::int64_t>& permutation) {
  std::int64_t last = -1;
  for (const std::int64_t axis : permutation) {
    if (dims[static_cast<std::size_t>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

bool is_view(const Lowering& l, const Node& node) {
  static constexpr std::string_view kViews[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"};
  static constexpr std::string_view kCollapsing[] = {"Expand", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"};
  if (node.in.empty() || node.in[0] == kAbsent) return false;
  const Dims &from = l.dims(node.in[0]), &to = l.dims(node.out[0]);
  if (l.dtype(node.in[0]) != l.dtype(node.out[0]) || element_count(from) != element_count(to)) return false;
  if (node.op == "Transpose") {
    std::vector<std::int64_t> reversed;
    for (std::size_t i = from.size(); i-- > 0;) reversed.push_back(static_cast<std::int64_t>(i));
    return keeps_order(from, node.attrs.integers("perm", reversed));
  }
  return std::ranges::find(kViews, node.op) != std::end(kViews) ||
         std::ranges::find(kCollapsing, node.op) != std::end(kCollapsing);
}

std::optional<std::vector<std::int64_t>> integers(const Lowering& l, const Node& node, std::size_t i) {
  if (i >= node.in.size()) return std::nullopt;
  const Tensor* t = l.constant(node.in[i]);
  return t == nullptr ? std::nullopt : std::optional(t->to_int64());
}

/// The first channel of a slice that takes whole images, and neighbouring channels of them.
std::optional<std::int64_t> first_channel(const Lowering& l, const Node& node) {
  const Dims &from = l.dims(node.in[0]), &to = l.dims(node.out[0]);
  const auto starts = integers(l, node, 1);
  if (!starts || from[0] != to[0] || from[2] != to[2] || from[3] != to[3]) return std::nullopt;
  auto axes = integers(l, node, 3), steps = integers(l, node, 4);
  if (node.in.size() > 3 && node.in[3] != kAbsent && !axes) return std::nullopt;
  if (node.in.size() > 4 && node.in[4] != kAbsent && !steps) return std::nullopt;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < starts->size(); ++i) {
    if (steps && (*steps)[i] != 1) return std::nullopt;
    const std::int64_t axis = axes ? ((*axes)[i] + 4) % 4 : static_cast<std::int64_t>(i);
    if (axis != 1) continue;
    const std::int64_t start = (*starts)[i] < 0 ? (*starts)[i] + from[1] : (*starts)[i];
    first = std::clamp<std::int64_t>(start, 0, from[1]);
  }
  return first;
}

/// Channels of a blocked value become a value: in place when whole blocks are taken, otherwise copied.
void take_channels(Lowering& l, const std::string& label, ValueId from, std::int64_t first, ValueId to) {
  const View x = l.read(from, Layout::blocked);
  const std::int64_t count = l.dims(to)[1], block = channel_block();
  if (first % block == 0 && (count % block == 0 || first + count == x.channels())) {
    l.place(to, channel_range(x, first, count));
    return;
  }
  const View y = l.allocate(to, Layout::blocked);
  l.emit(label, "limn:channels", {x}, {y}, bind_channel_copy(x, first, y, 0, count));
  l.place(to, y);
}

bool lower_concat(Lowering& l, const Node& node) {
  if (!l.is_image_like(node.out[0]) || !is_along_channels(node)) return false;
  if (std::ranges::none_of(node.in, [&](ValueId i) { return l.lies(i, Layout::blocked); })) return false;
  const bool bf16 = l.bf16().keeps(node.out[0]);
  if (!l.lies(node.out[0], Layout::blocked)) l.place(node.out[0], l.allocate(node.out[0], Layout::blocked, bf16));
  const View y = l.read(node.out[0], Layout::blocked, bf16);
  const bool blocks = concatenates_blocks(l, node);
  std::int64_t channel = 0;
  for (const ValueId id : node.in) {
    const View x = l.read(id, Layout::blocked, bf16);
    const std::int64_t count = l.dims(id)[1];
    if (!blocks || !same_place(x, channel_range(y, channel, count)))
      l.emit("Concat " + node.name, "limn:channels", {x}, {y}, bind_channel_copy(x, 0, y, channel, count));
    channel += count;
  }
  return true;
}

bool lower_slice(Lowering& l, const Node& node) {
  if (!l.is_image_like(node.out[0])) return false;
  if (!l.lies(node.in[0], Layout::blocked) && !l.broadcast_source(node.in[0])) return false;
  const auto first = first_channel(l, node);
  if (!first) return false;
  take_channels(l, "Slice " + node.name, node.in[0], *first, node.out[0]);
  return true;
}

bool lower_split(Lowering& l, const Node& node) {
  if (!l.is_image_like(node.in[0]) || !is_along_channels(node) || !l.lies(node.in[0], Layout::blocked))
    return false;
  if (std::ranges::find(node.out, kAbsent) != node.out.end()) return false;
  std::int64_t first = 0;
  for (const ValueId out : node.out) {
    take_channels(l, "Split " + node.name, node.in[0], first, out);
    first += l.dims(out)[1];
  }
  return true;
}

}  // namespace

bool spreads_channels(const Lowering& l, const Node& node) {
  if (node.op != "Expand" || !l.is_image_like(node.in[0]) || !l.is_image_like(node.out[0])) return false;
  const Dims &from = l.dims(node.in[0]), &to = l.dims(node.out[0]);
  return from[1] == to[1] && from[2] == 1 && from[3] == 1 && (from[0] == 1 || from[0] == to[0]);
}

bool lower_view(Lowering& l, const Node& node) {
  if (spreads_channels(l, node)) return l.place_broadcast(node.out[0], node.in[0]), true;
  if (!is_view(l, node)) return false;
  const ValueId from = node.in[0], to = node.out[0];
  const bool same = l.dims(from) == l.dims(to);
  if (same && l.lies(from, Layout::blocked)) return l.place(to, l.read(from, Layout::blocked)), true;
  View v = l.read(from, Layout::plain);
  v.dims = l.dims(to);
  v.image_stride = v.image_elements();
  l.place(to, v);
  return true;
}

bool lower_channels(Lowering& l, const Node& node) {
  if (node.op == "Concat") return lower_concat(l, node);
  if (node.op == "Slice") return lower_slice(l, node);
  return node.op == "Split" && lower_split(l, node);
}

bool lower_reduction(Lowering& l, const Node& node) {
  const bool mean = node.op == "GlobalAveragePool" || node.op == "ReduceMean";
  const bool maximum = node.op == "GlobalMaxPool" || node.op == "ReduceMax";
  if (!mean && !maximum && node.op != "ReduceSum") return false;
  const ValueId x = node.in[0], y = node.out[0];
  if (!l.is_image_like(x) || !l.is_image_like(y)) return false;
  const auto axes = reduced_axes(l.graph(), node);
  const Layout layout = l.lies(x, Layout::blocked) ? Layout::blocked : Layout::plain;
  if (axes == std::vector<std::int64_t>{2, 3}) {
    const View from = l.read(x, layout), to = l.allocate(y, layout);
    const float scale = mean ? 1.0F / static_cast<float>(from.plane()) : 1.0F;
    l.emit(node.op + " " + node.name, "limn:planes", {from}, {to}, bind_plane_reduction(from, to, scale, maximum));
    l.place(y, to);
    return true;
  }
  if (axes != std::vector<std::int64_t>{1} || maximum) return false;
  const View from = l.read(x, layout), to = l.allocate(y, Layout::plain);
  const float scale = mean ? 1.0F / static_cast<float>(l.dims(x)[1]) : 1.0F;
  l.emit(node.op + " " + node.name, "limn:channels", {from}, {to}, bind_channel_sum(from, to, scale));
  l.place(y, to);
  return true;
}

}  // namespace limn
