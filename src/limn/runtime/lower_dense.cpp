// Gemm and MatMul.

#include <algorithm>

#include "limn/runtime/convolution.h"
#include "limn/runtime/kernels.h"
#include "limn/runtime/links.h"
#include "limn/runtime/sparse.h"

namespace limn {
namespace {

using dnnl::inner_product_backward_data;
using dnnl::inner_product_forward;

bool turns(const Node& node) { return node.op == "Gemm" && node.attrs.integer("transB", 0) != 0; }

/// Two ways of oneDNN to the same product. From many rows on, one of matrices is never the slower: inner products
/// choose blocks that on some processors (Intel's with AMX; 1576 rows) take twice as long.
bool has_many_rows(const Dims& x) {
  constexpr std::int64_t kMany = 96;
  return element_count(x) / x.back() >= kMany;
}

/// Whether the product is that of a classifier's gradient: a few rows, of which many numbers may be zero, by a
/// matrix as it lies, and nothing else.
bool is_backward(const Lowering& l, const Group& group) {
  const Node& n = l.node(group.nodes.front());
  const Dims& x = l.dims(n.in[0]);
  const bool has_bias = group.bias != kAbsent || (n.in.size() > 2 && n.in[2] != kAbsent);
  const bool alone = group.nodes.size() == 1 && !has_bias && x.size() == 2 && !has_many_rows(x);
  return alone && !turns(n) && !constant_matrix(l.graph(), n.in[1])->transposed;
}

/// y [..., M] = x [..., K] B, with B constant and lying as [M, K] (transposed) or as [K, M].
class DenseLowering {
 public:
  DenseLowering(Lowering& l, const Group& group)
      : l_(l),
        group_(group),
        node_(l.node(group.nodes.front())),
        matrix_(*constant_matrix(l.graph(), node_.in[1])) {
    result_ = l.node(group.nodes.back()).out[0];
    transposed_ = matrix_.transposed != turns(node_);
    x_dims_ = as_matrix(l.dims(node_.in[0]));
    y_dims_ = as_matrix(l.dims(result_));
    bias_ = group.bias != kAbsent ? group.bias : node_.in.size() > 2 ? node_.in[2] : kAbsent;
  }

  bool run() {
    const Node& n = node_;
    if (l_.dtype(n.in[0]) != DType::f32) return false;
    if (n.attrs.integer("transA", 0) != 0 || n.attrs.real("alpha", 1.0) != 1.0 || n.attrs.real("beta", 1.0) != 1.0)
      return false;
    if (has_bias() && (l_.constant(bias_) == nullptr || l_.constant(bias_)->count() != y_dims_[1])) return false;
    return is_backward(l_, group_) ? run_backward() : run_forward();
  }

 private:
  bool has_bias() const { return bias_ != kAbsent; }
  /// Rows of the last axis.
  static Dims as_matrix(const Dims& dims) { return {element_count(dims) / dims.back(), dims.back()}; }

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
    const View w = l_.weights(matrix_.id, {x_dims_[1], y_dims_[1]}, pd.weights_desc());
    std::vector<View> to{y};
    std::vector<DnnlArgument> arguments{{DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), x},
                                        {DNNL_ARG_WEIGHTS, pd.weights_desc(), w},
                                        {DNNL_ARG_DIFF_SRC, pd.diff_src_desc(), y}};
    if (const auto pad = pd.scratchpad_desc(); pad.get_size() > 0) {
      to.push_back(l_.scratch(pad.get_size()));
      arguments.push_back({DNNL_ARG_SCRATCHPAD, pad, to.back()});
    }
    const Bind dense = bind_primitive(inner_product_backward_data(pd), std::move(arguments), 1);
    l_.emit(l_.label_of(group_), std::string("limn:sparse or ") + pd.impl_info_str(), {x}, to,
            bind_sparse_rows(x, w, y, dense));
    l_.place(result_, y);
  }

  /// Of an inner product. One row is bound by reading the weights, which stay as they lie; several are worth
  /// another form.
  dnnl::memory::desc weights_form() const {
    using memory = dnnl::memory;
    const Dims dims{y_dims_[1], x_dims_[1]};
    if (x_dims_[0] > 1) return memory::desc(dims, dnnl_floats(bf16_), memory::format_tag::any);
    return memory::desc(dims, dnnl_floats(bf16_), transposed_ ? memory::format_tag::oi : memory::format_tag::io);
  }

  bool run_forward() {
    bf16_ = l_.bf16().takes(node_);
    if (bf16_ && run_described()) return true;
    bf16_ = false;
    return run_described();
  }

  bool run_described() {
    keeps_ = bf16_ && l_.bf16().keeps(result_);
    dnnl::post_ops ops;
    if (group_.residual != kAbsent) ops.append_sum(1.0F);
    if (group_.activation) append_activation(ops, l_.graph(), l_.node(*group_.activation));
    dnnl::primitive_attr attr = user_scratch();
    attr.set_post_ops(ops);
    return (has_many_rows(x_dims_) && run_matmul(attr)) || run_inner_product(attr);
  }

  bool run_matmul(const dnnl::primitive_attr& attr) {
    const Dims rows{x_dims_[1], y_dims_[1]}, bias{1, y_dims_[1]};
    const dnnl::memory::desc w(rows, dnnl_floats(bf16_), dnnl::memory::format_tag::any);
    const auto b = has_bias() ? dnnl_plain(bias) : dnnl::memory::desc();
    try {
      const dnnl::matmul::primitive_desc pd({dnnl_plain(x_dims_, bf16_), w, b, dnnl_plain(y_dims_, keeps_)}, attr,
                                            dnnl_engine());
      if (is_slow(pd.impl_info_str())) return false;
      emit_forward(pd, dnnl::matmul(pd), rows, !transposed_, bias);
      return true;
    } catch (const dnnl::error&) {
      return false;
    }
  }

  bool run_inner_product(const dnnl::primitive_attr& attr) {
    const Dims columns{y_dims_[1], x_dims_[1]}, bias{y_dims_[1]};
    const auto b = has_bias() ? dnnl_plain(bias) : dnnl::memory::desc();
    try {
      const inner_product_forward::primitive_desc pd(
          {dnnl::prop_kind::forward_inference, dnnl_plain(x_dims_, bf16_), weights_form(), b,
           dnnl_plain(y_dims_, keeps_)},
          attr, dnnl_engine());
      if (is_slow(pd.impl_info_str())) return false;
      emit_forward(pd, inner_product_forward(pd), columns, transposed_, bias);
      return true;
    } catch (const dnnl::error&) {
      return false;
    }
  }

  /// Where the result goes: over the residual that it is added to, or over a copy of it.
  View target(const View& x) {
    if (group_.residual == kAbsent) return l_.allocate(result_, Layout::plain, keeps_);
    const View residual = l_.read(group_.residual, Layout::plain, keeps_);
    if (l_.may_overwrite(group_.residual, Layout::plain, keeps_) && !overlap(x, residual)) return residual;
    const View y = l_.allocate(result_, Layout::plain, keeps_);
    l_.emit("Identity " + l_.graph().value(result_).name, "limn:copy", {residual}, {y}, bind_copy(residual, y));
    return y;
  }

  /// The primitive takes the matrix with these sides, as whose rows it lies in memory or as whose columns.
  template <class Description>
  void emit_forward(const Description& pd, const dnnl::primitive& primitive, const Dims& matrix, bool row_major,
                    const Dims& bias) {
    const View x = l_.read(node_.in[0], Layout::plain, bf16_), y = target(x);
    std::vector<DnnlArgument> reads{{DNNL_ARG_SRC, pd.src_desc(), x}};
    reads.push_back({DNNL_ARG_WEIGHTS, pd.weights_desc(),
                     l_.matrix(matrix_.id, matrix[0], matrix[1], row_major, pd.weights_desc())});
    if (has_bias()) reads.push_back({DNNL_ARG_BIAS, pd.bias_desc(), l_.weights(bias_, bias, pd.bias_desc())});
    l_.emit_primitive(l_.label_of(group_), primitive, reads, {{DNNL_ARG_DST, pd.dst_desc(), y}});
    l_.place(result_, y);
  }

  Lowering& l_;
  const Group& group_;
  const Node& node_;
  ConstantMatrix matrix_;
  ValueId result_ = kAbsent, bias_ = kAbsent;
  bool transposed_ = false;
  bool bf16_ = false;     ///< whether it multiplies bfloat16
  bool keeps_ = false;    ///< whether the result lies as bfloat16
  Dims x_dims_, y_dims_;  ///< as matrices
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

/// Nothing where oneDNN has only a slow way.
std::optional<dnnl::matmul::primitive_desc> product_of(const Stack& s) {
  const auto a = dnnl_plain({s.a_step == 0 ? 1 : s.count, s.rows, s.inner});
  const auto b = dnnl_plain({s.b_step == 0 ? 1 : s.count, s.inner, s.columns});
  try {
    dnnl::matmul::primitive_desc pd({a, b, dnnl_plain({s.count, s.rows, s.columns})}, user_scratch(),
                                    dnnl_engine());
    if (!is_slow(pd.impl_info_str())) return pd;
  } catch (const dnnl::error&) {  // none at all
  }
  return std::nullopt;
}

}  // namespace

bool dense_takes_bf16(const Lowering& l, const Group& group) {
  return l.dtype(l.node(group.nodes.front()).in[0]) == DType::f32 && !is_backward(l, group);
}

bool lower_dense(Lowering& l, const Group& group) {
  if (DenseLowering(l, group).run()) return true;
  return group.nodes.size() == 1 && lower_matmul(l, l.node(group.nodes.front()));
}

bool lower_matmul(Lowering& l, const Node& node) {
  if (node.op != "MatMul" || l.dtype(node.out[0]) != DType::f32) return false;
  const auto stack = stack_of(l.dims(node.in[0]), l.dims(node.in[1]), l.dims(node.out[0]));
  if (!stack) return false;
  const auto pd = product_of(*stack);
  if (!pd) return false;
  const View a = l.read(node.in[0], Layout::plain), b = l.read(node.in[1], Layout::plain);
  const View y = l.allocate(node.out[0], Layout::plain);
  l.emit_primitive("MatMul " + node.name, dnnl::matmul(*pd),
                   {{DNNL_ARG_SRC, pd->src_desc(), a}, {DNNL_ARG_WEIGHTS, pd->weights_desc(), b}},
                   {{DNNL_ARG_DST, pd->dst_desc(), y}});
  l.place(node.out[0], y);
  return true;
}

}  // namespace limn
