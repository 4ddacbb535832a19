// MaxPool, AveragePool and their gradients.

#include <algorithm>

#include "limn/ops/window.h"
#include "limn/runtime/lowering.h"

namespace limn {
namespace {

using dnnl::pooling_backward;
using dnnl::pooling_forward;

/// A pooling in oneDNN's terms.
struct Pooling {
  dnnl::algorithm algorithm;
  Dims x, y;
  dnnl::memory::dims strides, kernel, before, after;
  bool bf16 = false;

  bool is_max() const { return algorithm == dnnl::algorithm::pooling_max; }
  pooling_forward::primitive_desc forward(std::int64_t images, bool train) const {
    const dnnl::primitive_attr attr = user_scratch();
    const auto kind = train ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    return {
        {kind, algorithm, desc(x, images), desc(y, images), strides, kernel, before, after}, attr, dnnl_engine()};
  }
  pooling_backward::primitive_desc backward(std::int64_t images) const {
    const dnnl::primitive_attr attr = user_scratch();
    return {{algorithm, desc(x, images), desc(y, images), strides, kernel, before, after},
            attr,
            dnnl_engine(),
            forward(images, true)};
  }
  dnnl::memory::desc desc(const Dims& dims, std::int64_t images) const {
    return dnnl_desc(whole_floats(Layout::blocked, dims, bf16), images);
  }
};

bool starts_with(const std::string& s, std::string_view prefix) { return s.compare(0, prefix.size(), prefix) == 0; }

/// Nothing when oneDNN's meaning differs: dilated windows, and averages that count padding beyond the stated one.
std::optional<Pooling> pooling_of(const Node& node, const Dims& x, const Dims& y) {
  if (x.size() != 4) return std::nullopt;
  const Window window = Window::read(node, 2);
  Pooling p{dnnl::algorithm::pooling_max, x, y, {}, {}, {}, {}};
  const bool counts = node.attrs.integer("count_include_pad", 0) != 0;
  const bool max = starts_with(node.op, "MaxPool") || starts_with(node.op, "limn::MaxPool");
  if (!max)
    p.algorithm =
        counts ? dnnl::algorithm::pooling_avg_include_padding : dnnl::algorithm::pooling_avg_exclude_padding;
  for (std::size_t i = 0; i < 2; ++i) {
    const WindowAxis a = window.on(i, x[2 + i]);
    const std::int64_t after = std::max<std::int64_t>(0, (a.out - 1) * a.stride + a.kernel - a.in - a.begin);
    if (a.dilation != 1 || (!max && counts && after > a.end)) return std::nullopt;
    p.strides.push_back(a.stride);
    p.kernel.push_back(a.kernel);
    p.before.push_back(a.begin);
    p.after.push_back(after);
  }
  return p;
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

bool is_fast(const Pooling& p, bool backward) {
  try {
    return !is_slow(backward ? p.backward(1).impl_info_str() : p.forward(1, false).impl_info_str());
  } catch (const dnnl::error&) {
    return false;
  }
}

/// The pool of a forward pass; nothing where the reference has to compute it.
std::optional<Pooling> served(const Lowering& l, const Node& node) {
  if (node.op != "MaxPool" && node.op != "AveragePool") return std::nullopt;
  if (node.out.size() > 1 && node.out[1] != kAbsent) return std::nullopt;
  if (l.dtype(node.in[0]) != DType::f32) return std::nullopt;
  auto p = pooling_of(node, l.dims(node.in[0]), l.dims(node.out[0]));
  if (!p) return std::nullopt;
  p->bf16 = l.bf16().keeps(node.out[0]);
  return is_fast(*p, false) ? p : std::nullopt;
}

/// Where each window's maximum was found, for all images.
View make_workspace(Lowering& l, const Pooling& p) {
  const auto bytes = static_cast<std::int64_t>(p.forward(1, true).workspace_desc().get_size());
  return l.bytes_by_image(p.x[0], bytes);
}

DnnlArgument workspace_argument(const Pooling& p, const View& workspace, std::int64_t images) {
  return {DNNL_ARG_WORKSPACE, p.forward(images, true).workspace_desc(), workspace, true};
}

void emit_forward(Lowering& l, const std::string& label, const Pooling& p, const View& x, const View& y,
                  const std::optional<View>& workspace) {
  const bool together = x.dense() && y.dense();
  const std::int64_t images = together ? p.x[0] : 1;
  std::vector<DnnlArgument> writes{data_argument(DNNL_ARG_DST, y, images)};
  if (workspace) writes.push_back(workspace_argument(p, *workspace, images));
  l.emit_primitive(label, pooling_forward(p.forward(images, workspace.has_value())),
                   {data_argument(DNNL_ARG_SRC, x, images)}, writes, together ? 1 : p.x[0]);
}

/// The workspace that the forward pass left, or a second forward pass for its sake.
View workspace_of(Lowering& l, const Node& grad, const Pooling& p) {
  if (const Node* forward = partner(l, "MaxPool", grad, grad.in[1]))
    if (const auto left = l.workspace(forward->out[0])) return *left;
  const View workspace = make_workspace(l, p), y = l.temporary(Layout::blocked, p.y);
  emit_forward(l, "MaxPool for " + grad.name, p, l.read(grad.in[1], Layout::blocked), y, workspace);
  return workspace;
}

}  // namespace

bool lower_pooling(Lowering& l, const Node& node) {
  const auto p = served(l, node);
  if (!p) return false;
  const View x = l.read(node.in[0], Layout::blocked, p->bf16);
  const View y = l.allocate(node.out[0], Layout::blocked, p->bf16);
  std::optional<View> workspace;
  if (p->is_max() && partner(l, "limn::MaxPoolGrad", node, node.in[0]) != nullptr) {
    workspace = make_workspace(l, *p);
    l.place_workspace(node.out[0], *workspace);
  }
  emit_forward(l, node.op + " " + node.name, *p, x, y, workspace);
  l.place(node.out[0], y);
  return true;
}

bool pool_remembers(const Lowering& l, const Node& grad) {
  const auto p = pooling_of(grad, l.dims(grad.out[0]), l.dims(grad.in[0]));
  if (!p || !is_fast(*p, true)) return false;
  const Node* forward = partner(l, "MaxPool", grad, grad.in[1]);
  return forward != nullptr && served(l, *forward).has_value();
}

bool lower_pooling_gradient(Lowering& l, const Node& node) {
  if (node.op != "limn::MaxPoolGrad" && node.op != "limn::AveragePoolGrad") return false;
  const auto p = pooling_of(node, l.dims(node.out[0]), l.dims(node.in[0]));
  if (!p || !is_fast(*p, true)) return false;
  const View dy = l.read(node.in[0], Layout::blocked);
  std::optional<View> workspace;
  if (p->is_max()) workspace = workspace_of(l, node, *p);
  const View dx = l.allocate(node.out[0], Layout::blocked);
  const bool together = dx.dense() && dy.dense();
  const std::int64_t images = together ? p->x[0] : 1;
  std::vector<DnnlArgument> reads{data_argument(DNNL_ARG_DIFF_DST, dy, images)};
  if (workspace) reads.push_back(workspace_argument(*p, *workspace, images));
  l.emit_primitive(node.op + " " + node.name, pooling_backward(p->backward(images)), reads,
                   {data_argument(DNNL_ARG_DIFF_SRC, dx, images)}, together ? 1 : p->x[0]);
  l.place(node.out[0], dx);
  return true;
}

}  // namespace limn
