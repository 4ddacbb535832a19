// limn::ConvGrad: the input gradient of a convolution.

#include <algorithm>
#include <utility>

#include "limn/runtime/convolution.h"
#include "limn/runtime/sparse.h"
#include "limn/runtime/stem.h"
#include "limn/runtime/winograd.h"

namespace limn {
namespace {

using dnnl::convolution_backward_data;
using dnnl::convolution_forward;

class GradientLowering {
 public:
  GradientLowering(Lowering& l, std::size_t node, ConvolutionShape shape)
      : l_(l), alone_{Group::Kind::single, {node}}, node_(l.node(node)), s_(std::move(shape)) {
    // Rows and columns at the end that no window reads get no gradient; with some primitives they have to be cut
    // off.
    cut_ = s_.x;
    const auto after = s_.after();
    for (std::size_t i = 0; i < 2; ++i) cut_[2 + i] += std::min<std::int64_t>(after[i], 0);
  }

  bool run() {
    if (is_stem(s_)) return emit_stem(), true;
    if (run_bf16() || emit_winograd() || lower_gradient_as_convolution(l_, alone_, s_)) return true;
    // oneDNN's kernels of size 1 know no padding.
    if (s_.is_pointwise() && s_.is_padded()) crop();
    return run_direct({Layout::blocked, Layout::nhwc});
  }

 private:
  bool run_bf16() {
    bf16_ = l_.bf16().takes(node_);
    if (bf16_ && run_direct({processor_has_amx() ? Layout::nhwc : Layout::blocked})) return true;
    bf16_ = false;
    return false;
  }

  bool run_direct(std::initializer_list<Layout> layouts) {
    for (const Layout layout : layouts)
      for (const bool cut : {false, true}) {
        if (cut && cut_ == s_.x) continue;
        if (describe(layout, cut ? cut_ : s_.x)) return emit(layout, cut), true;
      }
    return false;
  }

  void emit_stem() {
    const View dy = l_.read(node_.in[0], Layout::blocked), dx = l_.allocate(node_.out[0], Layout::plain);
    emit_stem_gradient(l_, "ConvGrad " + node_.name, s_, dy, node_.in[1], dx);
    l_.place(node_.out[0], dx);
  }

  /// Whatever the precision: no rectifier lies behind a gradient, so that an error stays as small as it is.
  bool emit_winograd() {
    if (!winograd_serves(s_)) return false;
    const View dy = l_.read(node_.in[0], Layout::blocked);
    together_ = s_.x[0] == 1 || (dy.dense() && !l_.has_slot(node_.out[0]));
    const auto winograd = winograd_gradient(l_, s_, images(), node_.in[0], node_.in[1]);
    if (!winograd) return false;
    const View dx = l_.allocate(node_.out[0], Layout::blocked);
    l_.emit_primitive("ConvGrad " + node_.name, convolution_forward(winograd->pd),
                      {data_argument(DNNL_ARG_SRC, dy, images()),
                       {DNNL_ARG_WEIGHTS, winograd->pd.weights_desc(), winograd->weights}},
                      {data_argument(DNNL_ARG_DST, dx, images())}, together_ ? 1 : s_.x[0]);
    l_.place(node_.out[0], dx);
    return true;
  }

  /// From now on the convolution is one without padding, of the part of dy that does not belong to the padding.
  void crop() {
    top_ = std::exchange(s_.height.begin, 0);
    left_ = std::exchange(s_.width.begin, 0);
    s_.height.end = s_.width.end = 0;
    s_.height.out = s_.y[2] = s_.x[2];
    s_.width.out = s_.y[3] = s_.x[3];
    cropped_ = l_.temporary(Layout::blocked, s_.y);
  }

  std::int64_t images() const { return together_ ? s_.x[0] : 1; }

  bool describe(Layout layout, const Dims& x) {
    dy_ = l_.read(node_.in[0], layout, bf16_);
    if (cropped_) {
      if (layout != Layout::blocked) return false;
      dy_dense_ = *cropped_;
    } else {
      dy_dense_ = dy_;
    }
    const bool in_slot = layout == Layout::blocked && x == s_.x && l_.has_slot(node_.out[0]);
    together_ = s_.x[0] == 1 || (dy_dense_.dense() && !in_slot);
    const auto dx = dnnl_desc(whole(0, layout, DType::f32, x), images());
    const auto dy = dnnl_desc(whole_floats(layout, s_.y, bf16_), images());
    const dnnl::memory::desc w(s_.weights(), dnnl_floats(bf16_), dnnl::memory::format_tag::any);
    dnnl::memory::dims after = s_.after();
    for (std::size_t i = 0; i < 2; ++i) after[i] = std::max<std::int64_t>(0, after[i]);
    const dnnl::primitive_attr attr = user_scratch();
    constexpr auto kDirect = dnnl::algorithm::convolution_direct;
    try {
      const auto x_of_hint = dnnl_desc(whole_floats(layout, x, bf16_), images());
      const convolution_forward::primitive_desc hint({dnnl::prop_kind::forward_training, kDirect, x_of_hint, w, dy,
                                                      s_.strides(), s_.dilations(), s_.before(), after},
                                                     dnnl_engine());
      pd_.emplace(
          convolution_backward_data::desc(kDirect, dx, w, dy, s_.strides(), s_.dilations(), s_.before(), after),
          attr, dnnl_engine(), hint);
      return !is_slow(pd_->impl_info_str());
    } catch (const dnnl::error&) {  // no implementation in this layout
      return false;
    }
  }

  void emit(Layout layout, bool cut) {
    const ValueId out = node_.out[0];
    const View dx = cut ? l_.temporary(layout, cut_) : l_.allocate(out, layout);
    // As they lie first: weights that are kept in memory need not be read for their other form.
    const bool may_be_sparse = s_.is_pointwise() && layout == Layout::blocked && !bf16_;
    const std::optional<View> plain =
        may_be_sparse ? std::optional(l_.weights(node_.in[1], s_.weights(), dnnl_plain(s_.weights())))
                      : std::nullopt;
    const View w = l_.weights(node_.in[1], s_.weights(), pd_->weights_desc());
    const std::string label = "ConvGrad " + node_.name;
    const std::vector<DnnlArgument> reads{data_argument(DNNL_ARG_DIFF_DST, dy_dense_, images()),
                                          {DNNL_ARG_WEIGHTS, pd_->weights_desc(), w}};
    const DnnlArgument write = data_argument(DNNL_ARG_DIFF_SRC, dx, images());
    if (plain)
      emit_sparse_or_dense(label, *plain, dx, reads, write);
    else
      l_.emit_primitive(label, convolution_backward_data(*pd_), reads, {write}, together_ ? 1 : s_.x[0]);
    if (!cut) return l_.place(out, dx);
    const View whole_dx = l_.allocate(out, layout);
    l_.emit(label + " border", "limn:window", {dx}, {whole_dx}, bind_window(dx, whole_dx, 0, 0));
    l_.place(out, whole_dx);
  }

  /// The cotangent of the class scores is zero but for a class or two: then a few channels of weights suffice.
  void emit_sparse_or_dense(const std::string& label, const View& plain, const View& dx,
                            std::vector<DnnlArgument> reads, const DnnlArgument& write) {
    std::vector<View> from{dy_}, to{dx};
    reads.push_back(write);
    const auto pad = pd_->scratchpad_desc();
    if (pad.get_size() > 0) {
      to.push_back(l_.scratch(pad.get_size()));
      reads.push_back({DNNL_ARG_SCRATCHPAD, pad, to.back()});
    }
    Bind dense = bind_primitive(convolution_backward_data(*pd_), reads, together_ ? 1 : s_.x[0]);
    if (cropped_) {
      to.push_back(*cropped_);
      dense = one_after_the_other(bind_window(dy_, *cropped_, top_, left_), std::move(dense));
    }
    l_.emit(label, std::string("limn:sparse or ") + pd_->impl_info_str(), from, to,
            bind_sparse_pointwise(dy_, plain, dx, top_, left_, dense));
  }

  static Bind one_after_the_other(Bind first, Bind second) {
    return [first = std::move(first), second = std::move(second)](const Memory& memory) -> Run {
      return [a = first(memory), b = second(memory)] {
        a();
        b();
      };
    };
  }

  Lowering& l_;
  Group alone_;
  const Node& node_;
  ConvolutionShape s_;
  Dims cut_;
  View dy_, dy_dense_;  ///< as it lies, and as the primitive reads it
  std::optional<View> cropped_;
  std::int64_t top_ = 0, left_ = 0;
  bool together_ = true;
  bool bf16_ = false;  ///< whether it multiplies bfloat16
  std::optional<convolution_backward_data::primitive_desc> pd_;
};

}  // namespace

bool gradient_takes_bf16(const Lowering& l, const Node& node, bool sparse) {
  const auto s = convolution_shape(l, node);
  return s && !is_stem(*s) && serves_bf16(*s) && !(sparse && s->is_pointwise());
}

bool lower_convolution_gradient(Lowering& l, const Group& group) {
  const std::size_t first = group.nodes.front();
  const Node& node = l.node(first);
  if (node.op != "limn::ConvGrad") return false;
  const auto shape = convolution_shape(l, node);
  if (!shape) return false;
  if (group.kind == Group::Kind::single) return GradientLowering(l, first, *shape).run();
  if (lower_gradient_as_convolution(l, group, *shape) || lower_depthwise_gradient(l, group, *shape)) return true;
  // No kernel does all of it at once.
  Group rest{Group::Kind::chain, {group.nodes.begin() + 1, group.nodes.end()}};
  return GradientLowering(l, first, *shape).run() && lower_chain(l, rest);
}

}  // namespace limn
