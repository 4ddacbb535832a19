// Local response normalisation over channels (Krizhevsky et al. 2012, section 3.3) and its gradient:
// y_c = x_c s_c^-beta with s_c = bias + alpha/size * sum of x_i^2 over i in [c - (size-1)/2, c + size/2].
#include <algorithm>
#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

/// Attributes are single precision.
struct Lrn {
  std::int64_t size;
  float alpha, beta, bias;
  std::int64_t below() const { return (size - 1) / 2; }
  std::int64_t above() const { return size / 2; }
};

Lrn read(const Node& node) {
  const auto real = [&](std::string_view name, float otherwise) {
    return static_cast<float>(node.attrs.real(name, otherwise));
  };
  const Lrn l{node.attrs.integer("size", 0), real("alpha", 1e-4F), real("beta", 0.75F), real("bias", 1.0F)};
  if (l.size < 1 || l.size > (1 << 24))
    throw Error(ErrorCode::bad_input, "the attribute 'size' is " + std::to_string(l.size), place_of(node));
  return l;
}

std::vector<Inferred> infer(const InferContext& c) {
  read(c.node);
  if (c.shape(0).size() < 2) throw c.wrong("the input " + to_string(c.shape(0)) + " has no channels");
  return {{c.type(0), {}}};
}

/// One image [C, pixels].
template <class T>
struct Image {
  T* data;
  std::int64_t channels, pixels;
  T& at(std::int64_t channel, std::int64_t pixel) const { return data[channel * pixels + pixel]; }
};

/// s of one channel, for all pixels.
template <class T>
std::vector<T> scales(const Lrn& l, Image<const T> x, std::int64_t channel) {
  std::vector<T> s(static_cast<std::size_t>(x.pixels));
  const std::int64_t last = std::min(x.channels - 1, channel + l.above());
  for (std::int64_t i = std::max<std::int64_t>(0, channel - l.below()); i <= last; ++i)
    for (std::int64_t p = 0; p < x.pixels; ++p) s[static_cast<std::size_t>(p)] += x.at(i, p) * x.at(i, p);
  for (T& v : s) v = l.bias + l.alpha / static_cast<T>(l.size) * v;
  return s;
}

/// Calls f.template operator()<T>(channels, pixels, offset of the image) for every image.
template <class F>
void for_each_image(const TensorView& x, F&& f) {
  const std::int64_t pixels = element_count(x.dims.subspan(2)), image = x.dims[1] * pixels;
  for (std::int64_t n = 0; n < x.dims[0]; ++n)
    x.dtype == DType::f64 ? f.template operator()<double>(x.dims[1], pixels, n * image)
                          : f.template operator()<float>(x.dims[1], pixels, n * image);
}

void reference(const EvalContext& c) {
  const Lrn l = read(c.node);
  for_each_image(c.in[0], [&]<class T>(std::int64_t channels, std::int64_t pixels, std::int64_t offset) {
    const Image<const T> x{c.in[0].as<T>().data() + offset, channels, pixels};
    const Image<T> y{c.out[0].as<T>().data() + offset, channels, pixels};
    for (std::int64_t i = 0; i < channels; ++i) {
      const std::vector<T> s = scales(l, x, i);
      for (std::int64_t p = 0; p < pixels; ++p)
        y.at(i, p) = x.at(i, p) * std::pow(s[static_cast<std::size_t>(p)], -static_cast<T>(l.beta));
    }
  });
}

std::vector<Value> vjp(const VjpContext& c) {
  return {c.graph().add("limn::LRNGrad", {c.dout[0], c.in[0]}, c.node.attrs)};
}

std::vector<Inferred> infer_grad(const InferContext& c) {
  read(c.node);
  if (c.shape(1).size() < 2 || c.shape(0).size() != c.shape(1).size())
    throw c.wrong("a cotangent " + to_string(c.shape(0)) + " does not go with an input " + to_string(c.shape(1)));
  return {{c.type(1), {}}};
}

/// dx_j = dy_j s_j^-beta - 2 alpha beta / size * x_j * sum over i with j in the window of i of dy_i x_i
/// s_i^(-beta-1).
void grad_reference(const EvalContext& c) {
  const Lrn l = read(c.node);
  for_each_image(c.in[1], [&]<class T>(std::int64_t channels, std::int64_t pixels, std::int64_t offset) {
    const Image<const T> dy{c.in[0].as<T>().data() + offset, channels, pixels};
    const Image<const T> x{c.in[1].as<T>().data() + offset, channels, pixels};
    const Image<T> dx{c.out[0].as<T>().data() + offset, channels, pixels};
    const T beta = l.beta, factor = 2 * l.alpha * beta / static_cast<T>(l.size);
    std::fill_n(dx.data, channels * pixels, T{});
    for (std::int64_t i = 0; i < channels; ++i) {
      const std::vector<T> s = scales(l, x, i);
      const std::int64_t last = std::min(channels - 1, i + l.above());
      for (std::int64_t p = 0; p < pixels; ++p) {
        const T power = std::pow(s[static_cast<std::size_t>(p)], -beta) * dy.at(i, p);
        const T pull = factor * power / s[static_cast<std::size_t>(p)] * x.at(i, p);
        dx.at(i, p) += power;
        for (std::int64_t j = std::max<std::int64_t>(0, i - l.below()); j <= last; ++j)
          dx.at(j, p) -= pull * x.at(j, p);
      }
    }
  });
}

/// alpha * (sum over the window of channels [c - below, c + above]) / size: a mean over an axis of its own, by [N,
/// 1, C, pixels].
Value window_mean(Value v, const Lrn& l, std::int64_t below, std::int64_t above) {
  GraphBuilder& g = *v.in;
  const Value columns = reshape(v, Ints{0, 1, v.shape()[1].value, -1});
  const Value mean = g.add("AveragePool", {columns},
                           {{"kernel_shape", Ints{l.size, 1}},
                            {"pads", Ints{below, 0, above, 0}},
                            {"count_include_pad", std::int64_t{1}}});
  return reshape(mean, shape_of(v)) * l.alpha;
}

std::vector<Value> grad_decompose(const DecomposeContext& c) {
  const Lrn l = read(c.node);
  const Value dy = c.in[0], x = c.in[1];
  if (!x.shape()[1].known())
    throw Error(ErrorCode::unsupported, "the number of channels is not known", place_of(c.node));
  const Value s = window_mean(x * x, l, l.below(), l.above()) + l.bias;
  const Value power = dy * c.graph.add("Pow", {s, float_constant(c.graph, -l.beta)});
  const Value pull = window_mean(power * x / s, l, l.above(), l.below());
  return {power - x * pull * float_constant(c.graph, 2 * l.beta)};
}

}  // namespace

const OpDef lrn_op{"LRN", {1, 1}, infer, reference, vjp};
const OpDef lrn_grad_op{"limn::LRNGrad",
                        {2, 2},
                        infer_grad,
                        grad_reference,
                        nullptr,
                        grad_decompose,
                        "dx of LRN from dy and x; it has no derivative of its own"};

}  // namespace limn
