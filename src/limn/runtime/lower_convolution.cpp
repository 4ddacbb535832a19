// Conv with what follows it: residual and rectifier.

#include <algorithm>
#include <limits>
#include <utility>

#include "limn/runtime/convolution.h"
#include "limn/runtime/gate.h"
#include "limn/runtime/links.h"
#include "limn/runtime/sparse.h"
#include "limn/runtime/threads.h"
#include "limn/runtime/winograd.h"

namespace limn {

namespace {

using dnnl::convolution_forward;

/// Layouts of input and output to try, the fastest first.
struct Layouts {
  Layout x, y;
};

std::vector<Layouts> candidates(const ConvolutionShape& s, bool amx) {
  constexpr std::int64_t kPictureChannels = 3;
  if (amx) return {{Layout::nhwc, Layout::nhwc}};
  std::vector<Layouts> list;
  // The first layer reads the picture as it comes.
  if (s.x[1] <= kPictureChannels && s.group == 1) list.push_back({Layout::plain, Layout::blocked});
  list.push_back({Layout::blocked, Layout::blocked});
  list.push_back({Layout::nhwc, Layout::nhwc});
  return list;
}

class ConvolutionLowering {
 public:
  ConvolutionLowering(Lowering& l, const Group& group, ConvolutionShape shape)
      : l_(l), group_(group), s_(std::move(shape)), node_(convolution_of(l, group)), x_id_(node_.in[0]) {
    result_ = l.node(group.nodes.back()).out[0];
    if (!is_gated()) return;
    const Node& mul = l.node(group.nodes.front());
    x_id_ = mul.in[mul.in[0] == group.gate ? 1 : 0];
  }

  static const Node& convolution_of(const Lowering& l, const Group& group) {
    return l.node(group.nodes[group.gate == kAbsent ? 0 : 1]);
  }

  bool run() {
    if (is_gated()) return run_gated();
    // oneDNN's kernels of size 1 know no padding.
    if (s_.is_pointwise() && s_.is_padded()) pad();
    bf16_ = l_.bf16().takes(node_);
    if (bf16_ && run_described()) return true;
    bf16_ = false;
    return run_described();
  }

 private:
  bool run_described() {
    for (const Layouts& layouts : candidates(s_, bf16_ && processor_has_amx())) {
      if (padded_ && layouts.x != Layout::blocked) continue;
      if (describe(layouts)) return emit(layouts), true;
    }
    return false;
  }

  bool run_gated() {
    constexpr Layouts kBlocked{Layout::blocked, Layout::blocked};
    if (!s_.is_pointwise() || s_.is_padded() || !describe(kBlocked)) return false;
    return emit(kBlocked), true;
  }

  bool is_gated() const { return group_.gate != kAbsent; }
  bool has_residual() const { return group_.residual != kAbsent; }
  bool has_bias() const { return node_.in.size() > 2 && node_.in[2] != kAbsent; }

  void pad() {
    const View x = l_.read(node_.in[0], Layout::blocked);
    const std::int64_t top = std::exchange(s_.height.begin, 0), left = std::exchange(s_.width.begin, 0);
    s_.height.end = s_.width.end = 0;
    s_.height.in = s_.x[2] = s_.y[2];
    s_.width.in = s_.x[3] = s_.y[3];
    padded_ = l_.temporary(Layout::blocked, s_.x);
    l_.emit("Pad " + node_.name, "limn:window", {x}, {*padded_}, bind_window(x, *padded_, -top, -left));
  }

  /// Finds out how the convolution would run in these layouts; false if only slowly.
  bool describe(const Layouts& layouts) {
    x_ = padded_ ? *padded_ : l_.read(x_id_, layouts.x, bf16_);
    keeps_ = bf16_ && l_.bf16().keeps(result_);
    const bool in_slot = layouts.y == Layout::blocked && l_.has_slot(result_);
    bool dense = x_.dense() && !in_slot;
    if (has_residual()) {
      // Kernels for bfloat16 add either type, so that it is read as it lies.
      const bool rounded = bf16_ && l_.bf16().keeps(group_.residual);
      residual_ = l_.read(group_.residual, layouts.y, rounded);
      dense = dense && residual_.dense();
      sum_ = !in_slot && rounded == keeps_ && l_.may_overwrite(group_.residual, layouts.y, rounded) &&
             !overlap(x_, residual_);
    }
    // oneDNN has no fast kernel for images that lie apart: such convolutions run image by image.
    together_ = s_.x[0] == 1 || (dense && !is_gated());
    const ThreadScope threads(threads_of(is_alone()));
    const auto y = dnnl_desc(whole_floats(layouts.y, s_.y, keeps_), images());
    if (l_.precision() != Precision::exact && !bf16_ && layouts.x == Layout::blocked &&
        layouts.y == Layout::blocked) {
      winograd_ = winograd_convolution(l_, s_, images(), node_.in[0], node_.in[1], bias(), attributes());
      if (winograd_) return true;
    }
    pd_ = primitive(layouts, y);
    return pd_.has_value();
  }

  std::int64_t images() const { return together_ ? s_.x[0] : 1; }
  /// Of a gated convolution: as many as there are threads, where each has an image.
  std::int64_t teams() const {
    const std::int64_t threads = omp_get_max_threads();
    return is_gated() && s_.x[0] >= threads ? threads : 1;
  }
  /// Whether one thread runs the primitive.
  bool is_alone() const { return teams() > 1 || s_.is_tiny(images()); }

  dnnl::memory::desc bias() const { return has_bias() ? dnnl_plain({s_.y[1]}) : dnnl::memory::desc(); }

  std::optional<convolution_forward::primitive_desc> primitive(const Layouts& layouts,
                                                               const dnnl::memory::desc& y) const {
    const auto x = dnnl_desc(whole_floats(layouts.x, s_.x, bf16_), images());
    using tag = dnnl::memory::format_tag;
    const tag in_blocks = channel_block() == 16 ? tag::OIhw16i16o : tag::OIhw8i8o;
    const dnnl::memory::desc w(s_.weights(), dnnl_floats(bf16_), is_gated() ? in_blocks : tag::any);
    return direct_convolution(s_, x, w, bias(), y, attributes());
  }

  dnnl::primitive_attr attributes() const {
    dnnl::post_ops ops;
    if (sum_)
      ops.append_sum(1.0F);
    else if (has_residual())
      ops.append_binary(dnnl::algorithm::binary_add, dnnl_desc(residual_, images()));
    if (group_.activation) append_activation(ops, l_.graph(), l_.node(*group_.activation));
    dnnl::primitive_attr attr = user_scratch();
    attr.set_post_ops(ops);
    return attr;
  }

  void emit(const Layouts& layouts) {
    const View y = sum_ ? residual_ : l_.allocate(result_, layouts.y, keeps_);
    const auto& pd = winograd_ ? winograd_->pd : *pd_;
    std::vector<DnnlArgument> reads{data_argument(DNNL_ARG_SRC, x_, images())};
    const View w = winograd_ ? winograd_->weights : l_.weights(node_.in[1], s_.weights(), pd.weights_desc());
    reads.push_back({DNNL_ARG_WEIGHTS, pd.weights_desc(), w});
    if (has_bias())
      reads.push_back({DNNL_ARG_BIAS, pd.bias_desc(), l_.weights(node_.in[2], {s_.y[1]}, pd.bias_desc())});
    if (has_residual() && !sum_)
      reads.push_back(data_argument(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, residual_, images()));
    const std::string label = l_.label_of(group_);
    const DnnlArgument write = data_argument(DNNL_ARG_DST, y, images());
    if (is_gated())
      emit_gated(label, w, std::move(reads), write);
    else
      l_.emit_primitive(label, convolution_forward(pd), reads, {write}, together_ ? 1 : s_.x[0], is_alone());
    l_.place(result_, y);
  }

  /// Image by image, each with its own weights.
  void emit_gated(const std::string& label, const View& w, std::vector<DnnlArgument> reads,
                  const DnnlArgument& write) {
    const View gate = l_.read(group_.gate, Layout::blocked);
    const dnnl::memory::desc form = pd_->weights_desc(), pad = pd_->scratchpad_desc();
    const auto for_teams = [&](const dnnl::memory::desc& d) {
      return static_cast<std::size_t>(teams()) * d.get_size();
    };
    const View scaled = l_.scratch(for_teams(form));
    std::vector<View> from{w, gate}, to{write.view, scaled};
    for (DnnlArgument& a : reads) {
      from.push_back(a.view);
      if (a.name == DNNL_ARG_WEIGHTS) a.view = scaled;
    }
    reads.push_back(write);
    if (pad.get_size() > 0) {
      to.push_back(l_.temporary(Layout::plain, {static_cast<std::int64_t>(for_teams(pad))}, DType::u8));
      reads.push_back({DNNL_ARG_SCRATCHPAD, pad, to.back()});
    }
    const double products = static_cast<double>(s_.y[0] * s_.y[2] * s_.y[3] * s_.x[1] * s_.y[1]);
    l_.emit(label, std::string("limn:gate, ") + pd_->impl_info_str(), from, to,
            bind_gated(convolution_forward(*pd_), reads, w, gate, scaled, s_.x[0], teams(), is_alone()),
            2 * products);
  }

  Lowering& l_;
  const Group& group_;
  ConvolutionShape s_;
  const Node& node_;  ///< the Conv
  ValueId x_id_, result_ = kAbsent;
  View x_, residual_;
  std::optional<View> padded_;
  bool bf16_ = false;                            ///< whether it multiplies bfloat16
  bool keeps_ = false;                           ///< whether the result lies as bfloat16
  bool together_ = true;                         ///< whether one call computes all images
  bool sum_ = false;                             ///< whether the result is added to the residual where that lies
  std::optional<WinogradConvolution> winograd_;  ///< in place of pd_
  std::optional<convolution_forward::primitive_desc> pd_;
};

}  // namespace

void append_activation(dnnl::post_ops& ops, const Graph& graph, const Node& node) {
  constexpr float kMost = std::numeric_limits<float>::max();
  if (node.op == "Swish")
    return ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_swish,
                              static_cast<float>(node.attrs.real("alpha", 1.0)), 0.0F);
  if (node.op == "Gelu") {
    return ops.append_eltwise(
        1.0F, is_tanh_gelu(node) ? dnnl::algorithm::eltwise_gelu_tanh : dnnl::algorithm::eltwise_gelu_erf, 0.0F,
        0.0F);
  }
  const Bounds b = *rectifier_bounds(graph, node);
  if (b.low == 0.0F && b.high > kMost)
    ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
  else
    ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_clip, std::max(b.low, -kMost), std::min(b.high, kMost));
}

bool serves_bf16(const ConvolutionShape& s) {
  if (s.is_pointwise() && s.is_padded()) return false;
  if (processor_has_amx()) {
    // Measured on a Granite Rapids: values take a form of their own there (nhwc), which layers of few products for
    // each number that they read and write do not earn, and the other kernels for bfloat16 are slower than those
    // for float.
    constexpr std::int64_t kProducts = 50;
    return s.group == 1 && element_count(s.weights()) >= kProducts * (s.x[1] + s.y[1]);
  }
  // Measured on a Zen 5, batch 1 and 4: the transform takes 0.34 to 0.41 of the time of a direct convolution in
  // float from 256 channels and 28 x 28 positions on, and 0.46 to 0.63 below; bfloat16 takes 0.44 to 0.49
  // everywhere.
  constexpr std::int64_t kManyChannels = 256, kManyPositions = 28 * 28;
  if (winograd_serves(s) && std::min(s.x[1], s.y[1]) >= kManyChannels && s.y[2] * s.y[3] >= kManyPositions)
    return false;
  return s.group == 1 || s.is_depthwise();
}

bool convolution_takes_bf16(const Lowering& l, const Node& node) {
  const auto s = convolution_shape(l, node);
  return s && serves_bf16(*s);
}

bool lower_convolution(Lowering& l, const Group& group) {
  const Node& node = ConvolutionLowering::convolution_of(l, group);
  const auto shape = convolution_shape(l, node);
  if (shape && ConvolutionLowering(l, group, *shape).run()) return true;
  if (group.gate == kAbsent) return false;
  // No kernel for weights in that form: factors of the pixels then.
  Group product, rest = group;
  product.kind = Group::Kind::chain;
  product.nodes = {group.nodes.front()};
  rest.gate = kAbsent;
  rest.nodes.erase(rest.nodes.begin());
  return lower_chain(l, product) && lower_convolution(l, rest);
}

}  // namespace limn
