// Conv and its input gradient.
#include <algorithm>
#include <limits>

#include "limn/ops/build.h"
#include "limn/ops/convolution.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

Ints kernel_of(std::span<const std::int64_t> weights) { return {weights.begin() + 2, weights.end()}; }

std::int64_t group_of(const Node& node) { return node.attrs.integer("group", 1); }

/// Sizes of the weights [out_channels, in_channels / group, kernel...] of a Conv or ConvGrad, checked against the
/// node.
Dims weight_dims(const InferContext& c, std::size_t rank) {
  const Shape& w = c.shape(1);
  if (w.size() != rank)
    throw c.wrong("the weights " + to_string(w) + " must have " + std::to_string(rank) + " axes");
  if (!is_known(w)) throw c.wrong("the sizes of the weights " + to_string(w) + " must be known");
  Dims dims = known_dims(w);
  if (c.node.attrs.has("kernel_shape") && c.node.attrs.integers("kernel_shape") != kernel_of(dims))
    throw c.wrong("kernel_shape does not agree with the weights " + to_string(w));
  const std::int64_t group = group_of(c.node);
  if (group < 1 || dims[0] % group != 0)
    throw c.wrong(std::to_string(dims[0]) + " output channels cannot be split into " + std::to_string(group) +
                  " groups");
  if (std::ranges::count(dims, 0) > 0) throw c.wrong("the weights " + to_string(w) + " are empty");
  return dims;
}

void check_channels(const InferContext& c, const Dim& found, std::int64_t wanted) {
  if (found.known() && found.value != wanted)
    throw c.wrong("the input has " + std::to_string(found.value) + " channels, but the weights are for " +
                  std::to_string(wanted));
}

std::vector<Inferred> infer_conv(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (x.size() < 3) throw c.wrong("the input " + to_string(x) + " has no spatial axis");
  if (!is_float(c.dtype(0))) throw c.wrong("takes float tensors, not " + std::string(name_of(c.dtype(0))));
  const Dims w = weight_dims(c, x.size());
  check_channels(c, x[1], w[1] * group_of(c.node));
  if (c.has(2) && c.shape(2) != Shape{Dim(w[0])})
    throw c.wrong("the bias " + to_string(c.shape(2)) + " must have " + std::to_string(w[0]) + " elements");
  const Window window = Window::read(c.node, x.size() - 2, kernel_of(w));
  Shape y{x[0], Dim(w[0])};
  for (std::size_t i = 0; i < window.rank(); ++i) y.push_back(window.output(i, x[2 + i]));
  return {{{c.dtype(0), y}, {}}};
}

std::vector<Inferred> infer_conv_grad(const InferContext& c) {
  const Shape& dy = c.shape(0);
  if (dy.size() < 3) throw c.wrong("the cotangent " + to_string(dy) + " has no spatial axis");
  const Dims w = weight_dims(c, dy.size());
  check_channels(c, dy[1], w[0]);
  Window::read(c.node, dy.size() - 2, kernel_of(w));
  Shape x(dy.size());
  if (const auto sizes = c.content(2)) x = *sizes;
  if (x.size() != dy.size()) throw c.wrong("the sizes of the input must be a list of " + std::to_string(dy.size()));
  x[0] = x[0] == Dim() ? dy[0] : x[0];
  check_channels(c, x[1], w[1] * group_of(c.node));
  x[1] = Dim(w[1] * group_of(c.node));
  return {{{c.dtype(0), x}, {}}};
}

/// `x` are the sizes of the convolution's input.
Convolution geometry(const Node& node, std::span<const std::int64_t> x, std::span<const std::int64_t> w) {
  const std::int64_t group = group_of(node);
  return {x[0], group, w[1], w[0] / group, Window::read(node, x.size() - 2, kernel_of(w)).on(x)};
}

void conv_reference(const EvalContext& c) {
  const Convolution conv = geometry(c.node, c.in[0].dims, c.in[1].dims);
  const auto run = [&]<class T>() {
    const bool bias = c.in.size() > 2 && c.in[2].present();
    convolve<T>(conv, c.in[0].as<T>(), c.in[1].as<T>(), bias ? c.in[2].as<T>() : std::span<const T>(),
                c.out[0].as<T>());
  };
  c.in[0].dtype == DType::f64 ? run.template operator()<double>() : run.template operator()<float>();
}

void conv_grad_reference(const EvalContext& c) {
  const Convolution conv = geometry(c.node, c.out[0].dims, c.in[1].dims);
  Dims expected{conv.batch, conv.group * conv.out_channels, conv.axes[0].out, conv.axes[1].out, conv.axes[2].out};
  if (element_count(expected) != c.in[0].count())
    throw Error(ErrorCode::bad_input,
                "the cotangent " + to_string(c.in[0].dims) + " is not that of an input " + to_string(c.out[0].dims),
                place_of(c.node));
  const auto run = [&]<class T>() {
    convolve_back<T>(conv, c.in[0].as<T>(), c.in[1].as<T>(), {}, c.out[0].as<T>());
  };
  c.in[0].dtype == DType::f64 ? run.template operator()<double>() : run.template operator()<float>();
}

std::vector<Value> conv_vjp(const VjpContext& c) {
  refuse_parameter_gradients(c, 1);
  return {c.graph().add("limn::ConvGrad", {c.dout[0], c.in[1], shape_of(c.in[0])}, c.node.attrs)};
}

std::vector<Value> conv_grad_vjp(const VjpContext& c) {
  refuse_parameter_gradients(c, 1);
  return {c.graph().add("Conv", {c.dout[0], c.in[1]}, c.node.attrs)};
}

/// Weights [g * out, in, k...] as those of the transposed convolution, [g * in, out, k...] with every kernel
/// reversed.
Value turned_weights(Value w, std::int64_t group) {
  const Dims d = known_dims(w.shape());
  const Ints kernel = kernel_of(d);
  Ints grouped{group, d[0] / group, d[1]}, turned{group * d[1], d[0] / group}, order{0, 2, 1}, axes;
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    grouped.push_back(kernel[i]);
    turned.push_back(kernel[i]);
    order.push_back(static_cast<std::int64_t>(3 + i));
    axes.push_back(static_cast<std::int64_t>(2 + i));
  }
  w = reshape(transpose(reshape(w, grouped), order), turned);
  if (std::ranges::all_of(kernel, [](std::int64_t k) { return k == 1; })) return w;
  GraphBuilder& g = *w.in;
  const auto all = [&](std::int64_t v) { return int64_constant(g, Ints(axes.size(), v)); };
  return g.add("Slice",
               {w, all(-1), all(std::numeric_limits<std::int64_t>::min()), int64_constant(g, axes), all(-1)});
}

/// With stride 1 the input gradient is itself a convolution, with reversed kernels; these are its pads, unless one
/// would be negative.
std::optional<Ints> pads_of_turned(const Window& window, const Ints& pads) {
  Ints turned;
  for (std::size_t i = 0; i < pads.size(); ++i) {
    const std::size_t axis = i % window.rank();
    turned.push_back(window.extent(axis) - 1 - pads[i]);
    if (window.stride[axis] != 1 || turned.back() < 0) return std::nullopt;
  }
  return turned;
}

std::vector<Value> conv_grad_decompose(const DecomposeContext& c) {
  const auto [dy, w, x_shape] = std::array{c.in[0], c.in[1], c.in[2]};
  const Dims weights = known_dims(w.shape());
  const Window window = Window::read(c.node, weights.size() - 2, kernel_of(weights));
  const std::int64_t group = group_of(c.node);
  const auto pads = pads_of_turned(window, known_pads(window, sizes_in(x_shape)));
  if (!pads) return {spread_windows(dy, w, window, group, x_shape)};
  return {c.graph.add("Conv", {dy, turned_weights(w, group)},
                      {{"dilations", window.dilation}, {"pads", *pads}, {"group", group}})};
}

}  // namespace

const OpDef conv_op{"Conv", {2, 3}, infer_conv, conv_reference, conv_vjp};
const OpDef conv_grad_op{"limn::ConvGrad",
                         {3, 3},
                         infer_conv_grad,
                         conv_grad_reference,
                         conv_grad_vjp,
                         conv_grad_decompose,
                         "dx of Conv from dy, the weights and the sizes of x; attributes of Conv"};

}  // namespace limn
