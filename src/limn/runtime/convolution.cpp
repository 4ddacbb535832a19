#include "limn/runtime/convolution.h"

#include <algorithm>
#include <utility>

namespace limn {

Dims ConvolutionShape::weights() const {
  if (group == 1) return {y[1], x[1], height.kernel, width.kernel};
  return {group, y[1] / group, x[1] / group, height.kernel, width.kernel};
}

dnnl::memory::dims ConvolutionShape::after() const {
  const auto missing = [](const WindowAxis& a) {
    return (a.out - 1) * a.stride + (a.kernel - 1) * a.dilation + 1 - a.in - a.begin;
  };
  return {missing(height), missing(width)};
}

bool ConvolutionShape::is_pointwise() const {
  const auto one = [](const WindowAxis& a) { return a.kernel == 1 && a.stride == 1; };
  return group == 1 && one(height) && one(width);
}

std::optional<ConvolutionShape> ConvolutionShape::gradient() const {
  ConvolutionShape g = *this;
  std::swap(g.x, g.y);
  for (WindowAxis* a : {&g.height, &g.width}) {
    const std::int64_t reach = (a->kernel - 1) * a->dilation;
    std::swap(a->in, a->out);
    a->begin = reach - a->begin;
    a->end = reach - a->end;
    if (a->stride != 1 || a->begin < 0 || a->end < 0) return std::nullopt;
  }
  return g;
}

bool ConvolutionShape::is_tiny(std::int64_t images) const {
  constexpr std::int64_t kProducts = 500'000;  // about 2 microseconds
  return images * y[2] * y[3] * element_count(weights()) <= kProducts;
}

std::optional<ConvolutionShape> convolution_shape(const Lowering& l, const Node& node) {
  const bool backward = node.op == "limn::ConvGrad";
  const Dims &x = l.dims(backward ? node.out[0] : node.in[0]), &y = l.dims(backward ? node.in[0] : node.out[0]);
  const Tensor* w = l.constant(node.in[1]);
  if (x.size() != 4 || w == nullptr || w->dtype() != DType::f32) return std::nullopt;
  const Window window = Window::read(node, 2, std::span(w->dims()).subspan(2));
  return ConvolutionShape{node.attrs.integer("group", 1), x, y, window.on(0, x[2]), window.on(1, x[3])};
}

std::vector<float> reversed_weights(std::span<const float> w, std::int64_t outputs, std::int64_t inputs) {
  const auto taps = static_cast<std::int64_t>(w.size()) / (outputs * inputs);
  std::vector<float> out(w.size());
  for (std::int64_t o = 0; o < outputs; ++o)
    for (std::int64_t i = 0; i < inputs; ++i)
      std::reverse_copy(w.begin() + (o * inputs + i) * taps, w.begin() + (o * inputs + i + 1) * taps,
                        out.begin() + (i * outputs + o) * taps);
  return out;
}

std::optional<dnnl::convolution_forward::primitive_desc> direct_convolution(
    const ConvolutionShape& s, const dnnl::memory::desc& x, const dnnl::memory::desc& weights,
    const dnnl::memory::desc& bias, const dnnl::memory::desc& y, const dnnl::primitive_attr& attributes) {
  using dnnl::convolution_forward;
  dnnl::memory::dims after = s.after();
  for (auto& a : after) a = std::max<std::int64_t>(a, 0);
  try {
    const convolution_forward::desc d(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x,
                                      weights, bias, y, s.strides(), s.dilations(), s.before(), after);
    convolution_forward::primitive_desc pd(d, attributes, dnnl_engine());
    if (!is_slow(pd.impl_info_str())) return pd;
  } catch (const dnnl::error&) {  // no implementation in these layouts
  }
  return std::nullopt;
}

}  // namespace limn
