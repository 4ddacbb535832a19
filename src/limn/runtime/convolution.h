#pragma once
// Convolutions by oneDNN: which layouts a convolution can use, and its primitives.

#include <optional>
#include <span>
#include <vector>

#include "limn/ops/window.h"
#include "limn/runtime/lowering.h"

namespace limn {

/// A two-dimensional Conv or ConvGrad in oneDNN's terms.
struct ConvolutionShape {
  std::int64_t group = 1;
  Dims x, y;  ///< [N, C, H, W] of input and output of the convolution
  WindowAxis height, width;

  /// Sizes of the weights as oneDNN sees them: [oc, ic, kh, kw], or [group, oc/group, ic/group, kh, kw].
  Dims weights() const;
  dnnl::memory::dims strides() const { return {height.stride, width.stride}; }
  dnnl::memory::dims dilations() const { return {height.dilation - 1, width.dilation - 1}; }
  dnnl::memory::dims before() const { return {height.begin, width.begin}; }
  /// Padding after the last row that a window reads; rows of the input that no window reads count as negative.
  dnnl::memory::dims after() const;
  /// Kernel of one, stride of one, no groups; there may be padding.
  bool is_pointwise() const;
  /// As many groups as channels, before and after.
  bool is_depthwise() const { return group > 1 && group == x[1] && group == y[1]; }
  /// The input gradient as a convolution of its own, of dy with reversed_weights(); nothing where a stride or the
  /// padding allows none.
  std::optional<ConvolutionShape> gradient() const;
  /// Whether waiting for other threads would take longer than what they could do meanwhile: such a convolution is
  /// made for one thread, and run by it.
  bool is_tiny(std::int64_t images) const;
  bool is_padded() const { return height.begin + height.end + width.begin + width.end > 0; }
};

/// Of a Conv or ConvGrad; nothing unless there are two spatial axes and the weights are a float32 constant.
std::optional<ConvolutionShape> convolution_shape(const Lowering& l, const Node& node);

/// Weights [outputs, inputs, taps] as [inputs, outputs, taps], the taps from the last to the first. Of a depthwise
/// convolution there is one input.
std::vector<float> reversed_weights(std::span<const float> weights, std::int64_t outputs, std::int64_t inputs);

/// The convolution of values that lie so; nothing if there is only a slow one. `bias` may be an empty description.
std::optional<dnnl::convolution_forward::primitive_desc> direct_convolution(
    const ConvolutionShape& shape, const dnnl::memory::desc& x, const dnnl::memory::desc& weights,
    const dnnl::memory::desc& bias, const dnnl::memory::desc& y, const dnnl::primitive_attr& attributes);

/// Lowers the gradient of `forward`, which begins the group, with all that follows in it as a convolution, where
/// that pays and can be.
bool lower_gradient_as_convolution(Lowering& l, const Group& group, const ConvolutionShape& forward);

/// The same of a depthwise one by limn's kernel, where that does all of it.
bool lower_depthwise_gradient(Lowering& l, const Group& group, const ConvolutionShape& forward);

/// Which gradients of convolutions take up what follows them, and which convolutions.
class GradientFusion {
 public:
  explicit GradientFusion(const Lowering& l);
  /// Whether the ConvGrad can: it has no better way that cannot, as for sparse cotangents and by Winograd's
  /// transform.
  bool extends(const Node& node) const;
  /// Whether the ConvGrad takes up factors of its elements too.
  bool multiplies(const Node& node) const;
  /// Whether the Conv computes the slopes of its activation.
  bool makes_slopes(const Node& node) const;
  /// Whether the node reads a mask, and nothing else of a rectifier.
  bool masks(const Node& node) const;

 private:
  const Lowering* l_;
  std::vector<char> sparse_;  ///< by value
};

/// Whether oneDNN's kernels for bfloat16 serve the convolution and its gradient, and faster than those for float.
bool serves_bf16(const ConvolutionShape& s);
/// The same for a Conv, and for a ConvGrad whose cotangent may be `sparse`: zero but for a channel or two.
bool convolution_takes_bf16(const Lowering& l, const Node& node);
bool gradient_takes_bf16(const Lowering& l, const Node& node, bool sparse);

/// Group::activation as the last thing a primitive does.
void append_activation(dnnl::post_ops& ops, const Graph& graph, const Node& node);

}  // namespace limn
