// Gemm and MatMul.

#include <algorithm>

#include "limn/runtime/convolution.h"
#include "limn/runtime/links.h"
#include "limn/runtime/sparse.h"

namespace limn {
namespace {

using dnnl::inner_product_backward_data;
using dnnl::inner_product_forward;

dnnl::primitive_attr user_scratch() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

/// y [N, M] = x [N, K] B, with B constant and lying as [M, K] (transposed) or as [K, M].
class DenseLowering {
 public:
  DenseLowering(Lowering& l, const Group& group) : l_(l), group_(group), node_(l.node(group.nodes.front())) {
    result_ = l.node(group.nodes.back()).out[0];
    transposed_ = node_.op == "Gemm" && node_.attrs.integer("transB", 0) != 0;
    x_dims_ = l.dims(node_.in[0]);
    y_dims_ = l.dims(result_);
  }

  bool run() {
    const Node& n = node_;
    if (l_.dtype(n.in[0]) != DType::f32 || l_.dtype(n.in[1]) != DType::f32) return false;
    if (n.attrs.integer("transA", 0) != 0 || n.attrs.real("alpha", 1.0) != 1.0 || n.attrs.real("beta", 1.0) != 1.0)
      return false;
    if (has_bias() && (l_.constant(n.in[2]) == nullptr || l_.constant(n.in[2])->count() != y_dims_[1]))
      return false;
    return !transposed_ && !has_bias() && !group_.rectifier ? run_backward() : run_forward();
  }

 private:
  bool has_bias() const { return node_.in.size() > 2 && node_.in[2] != kAbsent; }
  std::string label() const { return node_.op + " " + node_.name; }

  /// As the gradient of a dense layer whose weights [K, M] are read as they lie.
  bool run_backward() {
    const auto dx = dnnl_plain(y_dims_), dy = dnnl_plain(x_dims_), w = dnnl_plain({x_dims_[1], y_dims_[1]});
    try {
      const inner_product_forward::primitive_desc hint({dnnl::prop_kind::forward_training, dx, w, dy},
                                                       dnnl_engine());
      const inner_product_backward_data::primitive_desc pd({dx, w, dy}, user_scratch(), dnnl_engine(), hint);
      if (is_slow(pd.impl_info_str())) return false;
      emit_backward(pd);
      return true;
    } catch (const dnnl::error&) {
      return false;
    }
  }

  void emit_backward(const inner_product_backward_data::primitive_desc& pd) {
    const View x = l_.read(node_.in[0], Layout::plain), y = l_.allocate(result_, Layout::plain);
    const View w = l_.weights(node_.in[1], {x_dims_[1], y_dims_[1]}, pd.weights_desc());
    std::vector<View> to{y};
    std::vector<DnnlArgument> arguments{{DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), x},
                                        {DNNL_ARG_WEIGHTS, pd.weights_desc(), w},
                                        {DNNL_ARG_DIFF_SRC, pd.diff_src_desc(), y}};
    if (const auto pad = pd.scratchpad_desc(); pad.get_size() > 0) {
      to.push_back(l_.scratch(pad.get_size()));
      arguments.push_back({DNNL_ARG_SCRATCHPAD, pad, to.back()});
    }
    const Bind dense = bind_primitive(inner_product_backward_data(pd), std::move(arguments), 1);
    l_.emit(label(), std::string("limn:sparse or ") + pd.impl_info_str(), {x}, to,
            bind_sparse_rows(x, w, y, dense));
    l_.place(result_, y);
  }

  /// One image is bound by reading the weights, which stay as they lie; several are worth another form.
  dnnl::memory::desc weights_form() const {
    using memory = dnnl::memory;
    const Dims dims{y_dims_[1], x_dims_[1]};
    if (x_dims_[0] > 1) return memory::desc(dims, memory::data_type::f32, memory::format_tag::any);
    return memory::desc(dims, memory::data_type::f32,
                        transposed_ ? memory::format_tag::oi : memory::format_tag::io);
  }

  bool run_forward() {
    const auto x = dnnl_plain(x_dims_), y = dnnl_plain(y_dims_);
    const auto b = has_bias() ? dnnl_plain({y_dims_[1]}) : dnnl::memory::desc();
    dnnl::post_ops ops;
    if (group_.rectifier) append_rectifier(ops, *rectifier_bounds(l_.graph(), l_.node(*group_.rectifier)));
    dnnl::primitive_attr attr = user_scratch();
    attr.set_post_ops(ops);
    try {
      const inner_product_forward::primitive_desc pd({dnnl::prop_kind::forward_inference, x, weights_form(), b, y},
                                                     attr, dnnl_engine());
      if (is_slow(pd.impl_info_str())) return false;
      emit_forward(pd);
      return true;
    } catch (const dnnl::error&) {
      return false;
    }
  }

  void emit_forward(const inner_product_forward::primitive_desc& pd) {
    const View x = l_.read(node_.in[0], Layout::plain), y = l_.allocate(result_, Layout::plain);
    std::vector<DnnlArgument> reads{{DNNL_ARG_SRC, pd.src_desc(), x}};
    reads.push_back({DNNL_ARG_WEIGHTS, pd.weights_desc(),
                     l_.matrix(node_.in[1], y_dims_[1], x_dims_[1], transposed_, pd.weights_desc())});
    if (has_bias())
      reads.push_back({DNNL_ARG_BIAS, pd.bias_desc(), l_.weights(node_.in[2], {y_dims_[1]}, pd.bias_desc())});
    l_.emit_primitive(label(), inner_product_forward(pd), reads, {{DNNL_ARG_DST, pd.dst_desc(), y}});
    l_.place(result_, y);
  }

  Lowering& l_;
  const Group& group_;
  const Node& node_;
  ValueId result_ = kAbsent;
  bool transposed_ = false;
  Dims x_dims_, y_dims_;
};

/// Products of stacks of matrices, where each operand has one matrix or as many as the result.
struct Stack {
  std::int64_t count, rows, inner, columns;
  std::int64_t a_step, b_step;  ///< elements from one matrix of an operand to the next, 0 for a single one
};

std::optional<Stack> stack_of(const Dims& a, const Dims& b, const Dims& y) {
  if (a.size() < 2 || b.size() < 2 || y.size() < 2) return std::nullopt;
  const auto lead = [](const Dims& d) { return element_count(std::span(d).first(d.size() - 2)); };
  Stack s{lead(y), y[y.size() - 2], a.back(), y.back(), 0, 0};
  if (lead(a) == s.count)
    s.a_step = s.rows * s.inner;
  else if (lead(a) != 1)
    return std::nullopt;
  if (lead(b) == s.count)
    s.b_step = s.inner * s.columns;
  else if (lead(b) != 1)
    return std::nullopt;
  if (s.b_step == 0 || s.count == 1) s.rows *= s.a_step != 0 || s.count == 1 ? s.count : 1;
  if (s.rows == y[y.size() - 2] * s.count) s.count = 1;  // one matrix of all rows
  return s;
}

Bind bind_products(const View& a, const View& b, const View& y, const Stack& s) {
  return [=](const Memory& memory) -> Run {
    const float *x = memory.at(a), *w = memory.at(b);
    float* out = memory.at(y);
    return [=] {
      for (std::int64_t i = 0; i < s.count; ++i)
        dnnl_sgemm('N', 'N', s.rows, s.columns, s.inner, 1.0F, x + i * s.a_step, s.inner, w + i * s.b_step,
                   s.columns, 0.0F, out + i * s.rows * s.columns, s.columns);
    };
  };
}

}  // namespace

bool lower_dense(Lowering& l, const Group& group) {
  if (DenseLowering(l, group).run()) return true;
  return group.nodes.size() == 1 && lower_matmul(l, l.node(group.nodes.front()));
}

bool lower_matmul(Lowering& l, const Node& node) {
  if (node.op != "MatMul" || l.dtype(node.out[0]) != DType::f32) return false;
  const auto stack = stack_of(l.dims(node.in[0]), l.dims(node.in[1]), l.dims(node.out[0]));
  if (!stack) return false;
  const View a = l.read(node.in[0], Layout::plain), b = l.read(node.in[1], Layout::plain);
  const View y = l.allocate(node.out[0], Layout::plain);
  const double products = static_cast<double>(element_count(y.dims)) * static_cast<double>(stack->inner);
  l.emit("MatMul " + node.name, "dnnl_sgemm", {a, b}, {y}, bind_products(a, b, y, *stack), 2 * products);
  l.place(node.out[0], y);
  return true;
}

}  // namespace limn
