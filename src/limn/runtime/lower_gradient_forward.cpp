// The input gradient of a convolution without a stride, as the convolution of the cotangent with the weights
// reversed: as fast, of depthwise ones faster, and oneDNN's convolutions do more with a result before they write
// it. So what follows in a backward pass costs no pass over the pixels: another cotangent that is added, a clamp
// (guided backpropagation, DeconvNet), the mask of the rectifier before, the factors of a normalisation.

#include <algorithm>
#include <utility>

#include "limn/runtime/convolution.h"
#include "limn/runtime/depthwise.h"
#include "limn/runtime/links.h"
#include "limn/runtime/sparse.h"
#include "limn/runtime/stem.h"
#include "limn/runtime/winograd.h"

namespace limn {
namespace {

using dnnl::convolution_forward;

class GradientAsConvolution {
 public:
  GradientAsConvolution(Lowering& l, const Group& group, const ConvolutionShape& forward, ConvolutionShape gradient)
      : l_(l),
        group_(group),
        node_(l.node(group.nodes.front())),
        forward_(forward),
        s_(std::move(gradient)),
        result_(l.node(group.nodes.back()).out[0]) {}

  bool run() {
    constexpr Layout kBlocked = Layout::blocked;
    dy_ = l_.read(node_.in[0], kBlocked);
    bool dense = dy_.dense() && !l_.has_slot(result_);
    if (has_residual()) {
      residual_ = l_.read(group_.residual, kBlocked);
      dense = dense && residual_.dense();
      sum_ = !l_.has_slot(result_) && l_.may_overwrite(group_.residual, kBlocked) && !overlap(dy_, residual_);
    }
    if (group_.mask) mask_ = l_.read_mask(l_.node(*group_.mask).in[1], kBlocked);
    together_ = s_.x[0] == 1 || dense;
    const auto blocked = [&](const Dims& d) { return dnnl_desc(whole(0, kBlocked, DType::f32, d), images()); };
    const dnnl::memory::desc any(s_.weights(), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any);
    const auto pd = direct_convolution(s_, blocked(s_.x), any, {}, blocked(s_.y), attributes());
    if (!pd) return false;
    emit(*pd);
    return true;
  }

 private:
  bool has_residual() const { return group_.residual != kAbsent; }
  std::int64_t images() const { return together_ ? s_.x[0] : 1; }

  /// What the kernel does with a result; `reads` are the operands of that.
  dnnl::primitive_attr attributes() {
    dnnl::post_ops ops;
    const auto operand = [&](const View& view) {
      reads_.push_back(data_argument(DNNL_ARG_ATTR_MULTIPLE_POST_OP(ops.len()) | DNNL_ARG_SRC_1, view, images()));
      return dnnl_desc(view, images());
    };
    if (sum_)
      ops.append_sum(1.0F);
    else if (has_residual())
      ops.append_binary(dnnl::algorithm::binary_add, operand(residual_));
    if (group_.activation) append_activation(ops, l_.graph(), l_.node(*group_.activation));
    if (group_.mask) ops.append_binary(dnnl::algorithm::binary_mul, operand(mask_));
    if (group_.scale != kAbsent) {
      l_.check_numbers(group_.scale);
      const auto per_channel = dnnl_plain({1, s_.y[1], 1, 1});
      reads_.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(ops.len()) | DNNL_ARG_SRC_1, per_channel,
                        l_.constant_view(*l_.constant(group_.scale))});
      ops.append_binary(dnnl::algorithm::binary_mul, per_channel);
    }
    dnnl::primitive_attr attr = user_scratch();
    attr.set_post_ops(ops);
    return attr;
  }

  /// A matrix, with a kernel of one, is read as its transpose.
  View weights(const dnnl::memory::desc& want) {
    const std::int64_t outputs = forward_.y[1], inputs = forward_.is_depthwise() ? 1 : forward_.x[1];
    const Dims dims = s_.weights();
    if (s_.is_pointwise()) {
      const dnnl::memory::desc lies(dims, dnnl::memory::data_type::f32, dnnl::memory::dims{1, inputs, 1, 1});
      return l_.reordered(node_.in[1], lies, want);
    }
    const auto reverse = [=](std::span<const float> w) { return reversed_weights(w, outputs, inputs); };
    return l_.reordered(node_.in[1], dnnl_plain(dims), want, {"reversed", reverse});
  }

  void emit(const convolution_forward::primitive_desc& pd) {
    const View dx = sum_ ? residual_ : l_.allocate(result_, Layout::blocked);
    reads_.push_back(data_argument(DNNL_ARG_SRC, dy_, images()));
    reads_.push_back({DNNL_ARG_WEIGHTS, pd.weights_desc(), weights(pd.weights_desc())});
    l_.emit_primitive(l_.label_of(group_), convolution_forward(pd), reads_,
                      {data_argument(DNNL_ARG_DST, dx, images())}, together_ ? 1 : s_.x[0]);
    l_.place(result_, dx);
  }

  Lowering& l_;
  const Group& group_;
  const Node& node_;
  const ConvolutionShape& forward_;
  ConvolutionShape s_;  ///< of the gradient
  ValueId result_;
  View dy_, residual_, mask_;
  std::vector<DnnlArgument> reads_;
  bool together_ = true;  ///< whether one call computes all images
  bool sum_ = false;      ///< whether the result is added to the residual where that lies
};

}  // namespace

bool lower_gradient_as_convolution(Lowering& l, const Group& group, const ConvolutionShape& forward) {
  const bool pays = group.nodes.size() > 1 || forward.is_depthwise();
  if (!pays || (forward.group > 1 && !forward.is_depthwise())) return false;
  auto gradient = forward.gradient();
  return gradient && GradientAsConvolution(l, group, forward, *std::move(gradient)).run();
}

GradientFusion::GradientFusion(const Lowering& l) : l_(&l), sparse_(values_maybe_sparse(l.graph())) {}

bool GradientFusion::extends(const Node& node) const {
  const auto s = convolution_shape(*l_, node);
  if (!s || is_stem(*s) || winograd_serves(*s)) return false;
  if (s->is_depthwise()) return true;
  if (!s->gradient()) return false;
  if (s->is_pointwise() && (s->is_padded() || sparse_[index(node.in[0])] != 0)) return false;
  return s->group == 1;
}

bool GradientFusion::multiplies(const Node& node) const {
  const auto s = convolution_shape(*l_, node);
  return s && s->is_depthwise() && !s->gradient();
}

bool GradientFusion::makes_slopes(const Node& node) const {
  const auto s = convolution_shape(*l_, node);
  return s && pays_by_rows(*s);
}

bool GradientFusion::masks(const Node& node) const {
  return is_mask(node) && l_->masks().of(node.in[1]).has_value();
}

}  // namespace limn
