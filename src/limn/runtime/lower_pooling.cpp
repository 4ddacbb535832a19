// MaxPool, AveragePool and their gradients.

#include <algorithm>

#include "limn/ops/window.h"
#include "limn/runtime/lowering.h"
#include "limn/runtime/max_pool.h"

namespace limn {
namespace {

using dnnl::pooling_backward;
using dnnl::pooling_forward;

/// An average in oneDNN's terms.
struct AveragePool {
  dnnl::algorithm algorithm;
  Dims x, y;
  dnnl::memory::dims strides, kernel, before, after;

  pooling_forward::primitive_desc forward(std::int64_t images) const {
    return {{dnnl::prop_kind::forward_inference, algorithm, desc(x, images), desc(y, images), strides, kernel,
             before, after},
            user_scratch(),
            dnnl_engine()};
  }
  pooling_backward::primitive_desc backward(std::int64_t images) const {
    return {{algorithm, desc(x, images), desc(y, images), strides, kernel, before, after},
            user_scratch(),
            dnnl_engine(),
            forward(images)};
  }
  static dnnl::memory::desc desc(const Dims& dims, std::int64_t images) {
    return dnnl_desc(whole(0, Layout::blocked, DType::f32, dims), images);
  }
};

/// Nothing when oneDNN's meaning differs: dilated windows, and averages that count padding beyond the stated one.
std::optional<AveragePool> average_of(const Node& node, const Dims& x, const Dims& y) {
  if (x.size() != 4) return std::nullopt;
  const Window window = Window::read(node, 2);
  const bool counts = node.attrs.integer("count_include_pad", 0) != 0;
  AveragePool p{
      counts ? dnnl::algorithm::pooling_avg_include_padding : dnnl::algorithm::pooling_avg_exclude_padding,
      x,
      y,
      {},
      {},
      {},
      {}};
  for (std::size_t i = 0; i < 2; ++i) {
    const WindowAxis a = window.on(i, x[2 + i]);
    const std::int64_t after = std::max<std::int64_t>(0, (a.out - 1) * a.stride + a.kernel - a.in - a.begin);
    if (a.dilation != 1 || (counts && after > a.end)) return std::nullopt;
    p.strides.push_back(a.stride);
    p.kernel.push_back(a.kernel);
    p.before.push_back(a.begin);
    p.after.push_back(after);
  }
  return p;
}

std::optional<MaxPool> maximum_of(const Node& node, const Dims& x) {
  if (x.size() != 4) return std::nullopt;
  const Window window = Window::read(node, 2);
  const MaxPool pool{window.on(0, x[2]), window.on(1, x[3])};
  return pool.tells_taps() ? std::optional(pool) : std::nullopt;
}

bool same_window(const Node& a, const Node& b) {
  static constexpr std::string_view kLists[] = {"kernel_shape", "strides", "pads", "dilations"};
  for (const std::string_view name : kLists)
    if (a.attrs.integers(name) != b.attrs.integers(name)) return false;
  return a.attrs.integer("ceil_mode", 0) == b.attrs.integer("ceil_mode", 0) &&
         a.attrs.text("auto_pad", "NOTSET") == b.attrs.text("auto_pad", "NOTSET");
}

/// The node of that operator that reads x through the same window.
const Node* partner(const Lowering& l, std::string_view op, const Node& node, ValueId x) {
  for (const std::size_t k : l.readers(x))
    if (const Node& other = l.node(k); other.op == op && same_window(other, node)) return &other;
  return nullptr;
}

/// The maximum of a forward pass; nothing where the reference has to compute it.
std::optional<MaxPool> served(const Lowering& l, const Node& node) {
  if (node.op != "MaxPool" || l.dtype(node.in[0]) != DType::f32) return std::nullopt;
  if (node.out.size() > 1 && node.out[1] != kAbsent) return std::nullopt;
  return maximum_of(node, l.dims(node.in[0]));
}

/// What the forward pass has chosen, or a second forward pass for its sake.
View choices_of(Lowering& l, const Node& grad, const MaxPool& pool) {
  if (const Node* forward = partner(l, "MaxPool", grad, grad.in[1]))
    if (const auto left = l.workspace(forward->out[0])) return *left;
  const View x = l.read(grad.in[1], Layout::blocked), y = l.temporary(Layout::blocked, l.dims(grad.in[0]));
  View chosen = new_choices(l, y);
  emit_max_pool(l, "MaxPool for " + grad.name, pool, x, y, chosen);
  return chosen;
}

bool lower_maximum(Lowering& l, const Node& node) {
  const auto pool = served(l, node);
  if (!pool) return false;
  const ValueId result = node.out[0];
  const bool bf16 = l.bf16().keeps(result);
  const View x = l.read(node.in[0], Layout::blocked, bf16), y = l.allocate(result, Layout::blocked, bf16);
  std::optional<View> chosen;
  if (partner(l, "limn::MaxPoolGrad", node, node.in[0]) != nullptr) {
    chosen = new_choices(l, y);
    l.place_workspace(result, *chosen);
  }
  emit_max_pool(l, "MaxPool " + node.name, *pool, x, y, chosen);
  l.place(result, y);
  return true;
}

/// An average or its gradient, by the primitive that `describe` describes for a number of images; false if that is
/// slow.
template <class Primitive, class Describe>
bool lower_average(Lowering& l, const Node& node, const Describe& describe, int from, int to) {
  try {
    if (is_slow(describe(1).impl_info_str())) return false;
  } catch (const dnnl::error&) {
    return false;
  }
  const View x = l.read(node.in[0], Layout::blocked), y = l.allocate(node.out[0], Layout::blocked);
  const bool together = x.dense() && y.dense();
  const std::int64_t images = together ? x.images() : 1;
  l.emit_primitive(node.op + " " + node.name, Primitive(describe(images)), {data_argument(from, x, images)},
                   {data_argument(to, y, images)}, together ? 1 : x.images());
  l.place(node.out[0], y);
  return true;
}

bool lower_average(Lowering& l, const Node& node) {
  if (node.op != "AveragePool" || l.dtype(node.in[0]) != DType::f32) return false;
  const auto p = average_of(node, l.dims(node.in[0]), l.dims(node.out[0]));
  const auto describe = [&](std::int64_t images) { return p->forward(images); };
  return p && lower_average<pooling_forward>(l, node, describe, DNNL_ARG_SRC, DNNL_ARG_DST);
}

bool lower_average_gradient(Lowering& l, const Node& node) {
  if (node.op != "limn::AveragePoolGrad" || l.dtype(node.in[0]) != DType::f32) return false;
  const auto p = average_of(node, l.dims(node.out[0]), l.dims(node.in[0]));
  const auto describe = [&](std::int64_t images) { return p->backward(images); };
  return p && lower_average<pooling_backward>(l, node, describe, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC);
}

bool lower_maximum_gradient(Lowering& l, const Group& group) {
  const Node &node = l.node(group.nodes.front()), &last = l.node(group.nodes.back());
  if (node.op != "limn::MaxPoolGrad" || l.dtype(node.in[0]) != DType::f32) return false;
  const auto pool = maximum_of(node, l.dims(node.out[0]));
  if (!pool) return false;
  const View dy = l.read(node.in[0], Layout::blocked), chosen = choices_of(l, node, *pool);
  const View dx = l.allocate(last.out[0], Layout::blocked);
  const std::string label = group.activation ? node.op + "+Relu " + last.name : node.op + " " + node.name;
  emit_max_pool_gradient(l, label, *pool, dy, chosen, dx, group.activation.has_value());
  l.place(last.out[0], dx);
  return true;
}

}  // namespace

bool lower_pooling(Lowering& l, const Node& node) { return lower_maximum(l, node) || lower_average(l, node); }

bool pool_remembers(const Lowering& l, const Node& grad) {
  if (l.dtype(grad.in[0]) != DType::f32 || !maximum_of(grad, l.dims(grad.out[0]))) return false;
  const Node* forward = partner(l, "MaxPool", grad, grad.in[1]);
  return forward != nullptr && served(l, *forward).has_value();
}

bool lower_pooling_gradient(Lowering& l, const Group& group) {
  return lower_maximum_gradient(l, group) || lower_average_gradient(l, l.node(group.nodes.front()));
}

}  // namespace limn
