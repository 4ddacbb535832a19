// LRN and its gradient. Batch normalisation is a chain.

#include "limn/runtime/lowering.h"

namespace limn {
namespace {

using dnnl::lrn_backward;
using dnnl::lrn_forward;

struct Normalization {
  Dims dims;
  std::int64_t size;
  float alpha, beta, bias;

  static Normalization of(const Node& node, const Dims& dims) {
    const auto real = [&](std::string_view name, double otherwise) {
      return static_cast<float>(node.attrs.real(name, otherwise));
    };
    return {dims, node.attrs.integer("size", 0), real("alpha", 1e-4), real("beta", 0.75), real("bias", 1.0)};
  }
  friend bool operator==(const Normalization&, const Normalization&) = default;

  dnnl::memory::desc desc(std::int64_t images) const {
    return dnnl_desc(whole(0, Layout::blocked, DType::f32, dims), images);
  }
  lrn_forward::primitive_desc forward(std::int64_t images, bool train) const {
    const dnnl::primitive_attr attr = user_scratch();
    const auto kind = train ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    return {
        {kind, dnnl::algorithm::lrn_across_channels, desc(images), size, alpha, beta, bias}, attr, dnnl_engine()};
  }
  lrn_backward::primitive_desc backward(std::int64_t images) const {
    const dnnl::primitive_attr attr = user_scratch();
    return {{dnnl::algorithm::lrn_across_channels, desc(images), desc(images), size, alpha, beta, bias},
            attr,
            dnnl_engine(),
            forward(images, true)};
  }
  /// Whether both directions have fast primitives, so that a workspace of one serves the other.
  bool is_fast() const {
    if (size % 2 == 0) return false;
    try {
      return !is_slow(forward(1, true).impl_info_str()) && !is_slow(backward(1).impl_info_str());
    } catch (const dnnl::error&) {
      return false;
    }
  }
};

View make_workspace(Lowering& l, const Normalization& n) {
  const auto bytes = static_cast<std::int64_t>(n.forward(1, true).workspace_desc().get_size());
  return l.bytes_by_image(n.dims[0], std::max<std::int64_t>(bytes, 1));
}

/// The primitives run image by image, so that one workspace layout serves every arrangement of images.
void emit_forward(Lowering& l, const std::string& label, const Normalization& n, const View& x, const View& y,
                  const std::optional<View>& workspace) {
  const auto pd = n.forward(1, workspace.has_value());
  std::vector<DnnlArgument> writes{data_argument(DNNL_ARG_DST, y, 1)};
  if (workspace) writes.push_back({DNNL_ARG_WORKSPACE, pd.workspace_desc(), *workspace, true});
  l.emit_primitive(label, lrn_forward(pd), {data_argument(DNNL_ARG_SRC, x, 1)}, writes, n.dims[0]);
}

const Node* partner(const Lowering& l, std::string_view op, const Normalization& n, ValueId x) {
  for (const std::size_t k : l.readers(x))
    if (const Node& other = l.node(k); other.op == op && Normalization::of(other, n.dims) == n) return &other;
  return nullptr;
}

bool lower_forward(Lowering& l, const Node& node) {
  const Normalization n = Normalization::of(node, l.dims(node.out[0]));
  if (!n.is_fast()) return false;
  const View x = l.read(node.in[0], Layout::blocked), y = l.allocate(node.out[0], Layout::blocked);
  std::optional<View> workspace;
  if (partner(l, "limn::LRNGrad", n, node.in[0]) != nullptr) {
    workspace = make_workspace(l, n);
    l.place_workspace(node.out[0], *workspace);
  }
  emit_forward(l, "LRN " + node.name, n, x, y, workspace);
  l.place(node.out[0], y);
  return true;
}

View workspace_of(Lowering& l, const Node& node, const Normalization& n, const View& x) {
  if (const Node* forward = partner(l, "LRN", n, node.in[1]))
    if (const auto left = l.workspace(forward->out[0])) return *left;
  const View workspace = make_workspace(l, n);
  emit_forward(l, "LRN for " + node.name, n, x, l.temporary(Layout::blocked, n.dims), workspace);
  return workspace;
}

bool lower_gradient(Lowering& l, const Node& node) {
  const Normalization n = Normalization::of(node, l.dims(node.out[0]));
  if (!n.is_fast()) return false;
  const View dy = l.read(node.in[0], Layout::blocked), x = l.read(node.in[1], Layout::blocked);
  const View workspace = workspace_of(l, node, n, x), dx = l.allocate(node.out[0], Layout::blocked);
  const auto pd = n.backward(1);
  l.emit_primitive("LRNGrad " + node.name, lrn_backward(pd),
                   {data_argument(DNNL_ARG_SRC, x, 1),
                    data_argument(DNNL_ARG_DIFF_DST, dy, 1),
                    {DNNL_ARG_WORKSPACE, pd.workspace_desc(), workspace, true}},
                   {data_argument(DNNL_ARG_DIFF_SRC, dx, 1)}, n.dims[0]);
  l.place(node.out[0], dx);
  return true;
}

}  // namespace

bool lower_normalization(Lowering& l, const Node& node) {
  if (!l.is_image_like(node.out[0])) return false;
  if (node.op == "LRN") return lower_forward(l, node);
  return node.op == "limn::LRNGrad" && lower_gradient(l, node);
}

}  // namespace limn
