// MaxPool, AveragePool and their gradients.
#include <limits>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/loops.h"
#include "limn/ops/pool_maxima.h"
#include "limn/ops/window.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

Window read_window(const Node& node, std::size_t axes) {
  Window w = Window::read(node, axes < 2 ? 0 : axes - 2);
  for (std::size_t i = 0; i < w.rank(); ++i)
    if (w.begin[i] >= w.extent(i) || w.end[i] >= w.extent(i))
      throw Error(ErrorCode::bad_input, "the padding is as large as the window", w.where);
  return w;
}

bool counts_padding(const Node& node) { return node.attrs.integer("count_include_pad", 0) != 0; }

/// A dilated window can have all its taps in the padding: it has no maximum and no mean.
void refuse_empty_windows(const InferContext& c, const Window& w, std::size_t axis, const Dim& in) {
  if (!in.known()) return;
  const WindowAxis a = w.on(axis, in.value);
  for (std::int64_t o = 0; o < a.out; ++o)
    if (const auto [first, last] = a.inside(o); first == last) throw c.wrong("a window lies wholly in the padding");
}

Shape pooled(const InferContext& c, bool may_be_empty) {
  const Shape& x = c.shape(0);
  const Window w = read_window(c.node, x.size());
  Shape y{x[0], x[1]};
  for (std::size_t i = 0; i < w.rank(); ++i) {
    y.push_back(w.output(i, x[2 + i]));
    if (!may_be_empty) refuse_empty_windows(c, w, i, x[2 + i]);
  }
  return y;
}

/// The windows over an input of the sizes `x`.
SpatialAxes spatial_axes(const EvalContext& c, std::span<const std::int64_t> x) {
  const SpatialAxes axes = read_window(c.node, x.size()).on(x);
  if (c.in[0].count() != x[0] * x[1] * output_count(axes) && c.in[0].count() != x[0] * x[1] * input_count(axes))
    throw Error(ErrorCode::bad_input,
                "the sizes " + to_string(c.in[0].dims) + " do not go with an input " + to_string(x),
                place_of(c.node));
  return axes;
}

/// Calls f.template operator()<T>(axes, images) with the type of the data; `x` are the sizes of the pool's input.
template <class F>
void over_images(const EvalContext& c, std::span<const std::int64_t> x, F&& f) {
  const SpatialAxes axes = spatial_axes(c, x);
  dispatch_float(c.in[0].dtype, [&]<class T>() { f.template operator()<T>(axes, x[0] * x[1]); });
}

/// Position of the maximum of window `o`: the first in scan order, or the last NaN.
template <class T>
std::int64_t argmax(const SpatialAxes& a, const T* image, const std::array<std::int64_t, 3>& o) {
  std::int64_t best = -1;
  for_each_tap(a, o, [&](std::int64_t i) {
    if (best < 0 || image[i] > image[best] || image[i] != image[i]) best = i;
  });
  return best;
}

std::vector<Inferred> infer_max_pool(const InferContext& c) {
  if (c.dtype(0) == DType::boolean) throw c.wrong("takes numbers, not truth values");
  const Shape y = pooled(c, false);
  return {{{c.dtype(0), y}, {}}, {{DType::i64, y}, {}}};
}

/// Where element i of an image lies when its last axis is the slowest (storage_order 1).
std::int64_t column_major(const SpatialAxes& a, std::int64_t i) {
  const std::int64_t w = i % a[2].in, h = i / a[2].in % a[1].in, d = i / a[2].in / a[1].in;
  return d + a[0].in * (h + a[1].in * w);
}

void max_pool_reference(const EvalContext& c) {
  const bool wants_indices = c.out.size() > 1 && c.out[1].present();
  const bool columns = c.node.attrs.integer("storage_order", 0) != 0;
  const SpatialAxes a = spatial_axes(c, c.in[0].dims);
  const std::int64_t images = c.in[0].dims[0] * c.in[0].dims[1];
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    const auto indices = wants_indices ? c.out[1].as<std::int64_t>() : std::span<std::int64_t>();
    for (std::int64_t n = 0; n < images; ++n)
      for_each_window(a, [&](std::int64_t flat, const auto& o) {
        const std::int64_t from = n * input_count(a), to = n * output_count(a) + flat;
        const std::int64_t best = argmax(a, x.data() + from, o);
        y[to] = x[from + best];
        if (wants_indices) indices[to] = from + (columns ? column_major(a, best) : best);
      });
  });
}

std::vector<Value> max_pool_vjp(const VjpContext& c) {
  return {c.graph().add("limn::MaxPoolGrad", {c.dout[0], c.in[0]}, c.node.attrs)};
}

std::vector<Inferred> infer_max_pool_grad(const InferContext& c) {
  read_window(c.node, c.shape(1).size());
  return {{c.type(1), {}}};
}

void max_pool_grad_reference(const EvalContext& c) {
  over_images(c, c.in[1].dims, [&]<class T>(const SpatialAxes& a, std::int64_t images) {
    const auto dy = c.in[0].as<T>(), x = c.in[1].as<T>();
    const auto dx = c.out[0].as<T>();
    std::ranges::fill(dx, T{});
    for (std::int64_t n = 0; n < images; ++n)
      for_each_window(a, [&](std::int64_t flat, const auto& o) {
        const std::int64_t from = n * input_count(a);
        dx[from + argmax(a, x.data() + from, o)] += dy[n * output_count(a) + flat];
      });
  });
}

/// The positions of the maxima in the flattened x.
Value indices_of(GraphBuilder& g, Value x, const Node& node) {
  Attrs attrs = node.attrs;
  attrs.erase("storage_order");
  return g.add_many("MaxPool", {x}, std::move(attrs), 2)[1];
}

std::vector<Value> max_pool_grad_vjp(const VjpContext& c) {
  GraphBuilder& g = c.graph();
  return {
      g.add("Gather", {reshape(c.dout[0], Ints{-1}), indices_of(g, c.in[1], c.node)}, {{"axis", std::int64_t{0}}}),
      {}};
}

std::vector<Value> max_pool_grad_decompose(const DecomposeContext& c) {
  const Window window = read_window(c.node, c.in[1].shape().size());
  return {max_pool_gradient(c.in[0], c.in[1], window, c.node.attrs)};
}

std::vector<Inferred> infer_average_pool(const InferContext& c) {
  if (!is_float(c.dtype(0))) throw c.wrong("takes float tensors, not " + std::string(name_of(c.dtype(0))));
  return {{{c.dtype(0), pooled(c, counts_padding(c.node))}, {}}};
}

/// By how many elements the sum over a window is divided. Padding counts as asked; what a window covers beyond the
/// padding (ceil_mode) never does.
std::int64_t divisor(const SpatialAxes& a, const std::array<std::int64_t, 3>& o, bool padding) {
  std::int64_t n = 1;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto [first, last] = padding ? a[i].taps(o[i], -a[i].begin, a[i].in + a[i].end) : a[i].inside(o[i]);
    n *= last - first;
  }
  return n;
}

void average_pool_reference(const EvalContext& c) {
  const bool padding = counts_padding(c.node);
  over_images(c, c.in[0].dims, [&]<class T>(const SpatialAxes& a, std::int64_t images) {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for (std::int64_t n = 0; n < images; ++n)
      for_each_window(a, [&](std::int64_t flat, const auto& o) {
        T sum{};
        for_each_tap(a, o, [&](std::int64_t i) { sum += x[n * input_count(a) + i]; });
        y[n * output_count(a) + flat] = sum / static_cast<T>(divisor(a, o, padding));
      });
  });
}

std::vector<Value> average_pool_vjp(const VjpContext& c) {
  return {c.graph().add("limn::AveragePoolGrad", {c.dout[0], shape_of(c.in[0])}, c.node.attrs)};
}

std::vector<Inferred> infer_average_pool_grad(const InferContext& c) {
  const Shape& dy = c.shape(0);
  read_window(c.node, dy.size());
  Shape x(dy.size());
  if (const auto sizes = c.content(1)) x = *sizes;
  if (x.size() != dy.size()) throw c.wrong("the sizes of the input must be a list of " + std::to_string(dy.size()));
  for (std::size_t i = 0; i < 2; ++i) x[i] = x[i] == Dim() ? dy[i] : x[i];
  return {{{c.dtype(0), x}, {}}};
}

void average_pool_grad_reference(const EvalContext& c) {
  const bool padding = counts_padding(c.node);
  over_images(c, c.out[0].dims, [&]<class T>(const SpatialAxes& a, std::int64_t images) {
    const auto dy = c.in[0].as<T>();
    const auto dx = c.out[0].as<T>();
    std::ranges::fill(dx, T{});
    for (std::int64_t n = 0; n < images; ++n)
      for_each_window(a, [&](std::int64_t flat, const auto& o) {
        const T share = dy[n * output_count(a) + flat] / static_cast<T>(divisor(a, o, padding));
        for_each_tap(a, o, [&](std::int64_t i) { dx[n * input_count(a) + i] += share; });
      });
  });
}

std::vector<Value> average_pool_grad_vjp(const VjpContext& c) {
  return {c.graph().add("AveragePool", {c.dout[0]}, c.node.attrs), {}};
}

Value ones(GraphBuilder& g, Ints dims) {
  const std::vector<float> values(static_cast<std::size_t>(element_count(dims)), 1.0F);
  return g.constant(Tensor::of<float>(std::move(dims), values));
}

/// A kernel of ones for one channel.
Value ones_kernel(GraphBuilder& g, const Window& w) {
  Ints dims{1, 1};
  dims.insert(dims.end(), w.kernel.begin(), w.kernel.end());
  return ones(g, std::move(dims));
}

/// The divisors of all windows, [1, 1, out...], by a convolution that counts; works for unknown sizes too.
Value divisors(const DecomposeContext& c, const Window& w, Ints pads) {
  GraphBuilder& g = c.graph;
  const auto rank = static_cast<std::int64_t>(w.rank());
  const Value spatial = g.add("Slice", {c.in[1], int64_constant(g, {2}), int64_constant(g, {2 + rank})});
  const Value sizes = g.add("Concat", {int64_constant(g, {1, 1}), spatial}, {{"axis", std::int64_t{0}}});
  Value counted = expand(float_constant(g, 1.0F), sizes);
  if (counts_padding(c.node)) {
    Ints around{0, 0, 0, 0};
    around.insert(around.begin() + 2, pads.begin(), pads.begin() + rank);
    around.insert(around.end(), pads.begin() + rank, pads.end());
    counted = g.add("Pad", {counted, int64_constant(g, around), float_constant(g, 1.0F)});
    pads.assign(pads.size(), 0);
  }
  // Room for the windows that ceil_mode adds; one too many where it drops the last.
  for (std::size_t i = 0; w.ceil_mode && i < w.rank(); ++i) pads[w.rank() + i] += w.stride[i] - 1;
  const Value counts = g.add("Conv", {counted, ones_kernel(g, w)},
                             {{"strides", w.stride}, {"dilations", w.dilation}, {"pads", pads}});
  return w.ceil_mode ? cut_spatial(counts, shape_of(c.in[0])) : counts;
}

std::vector<Value> average_pool_grad_decompose(const DecomposeContext& c) {
  const Window w = read_window(c.node, c.in[0].shape().size());
  const Value shares = c.in[0] / divisors(c, w, known_pads(w, sizes_in(c.in[1])));
  // Every channel becomes an image of its own with one channel.
  Ints split(2 + w.rank(), 0);
  split[0] = -1;
  split[1] = 1;
  const Value dx = spread_windows(reshape(shares, split), ones_kernel(c.graph, w), w, 1, c.in[1]);
  return {reshape(dx, c.in[1])};
}

}  // namespace

const OpDef max_pool_op{"MaxPool", {1, 1, 2}, infer_max_pool, max_pool_reference, max_pool_vjp};
const OpDef max_pool_grad_op{
    "limn::MaxPoolGrad",
    {2, 2},
    infer_max_pool_grad,
    max_pool_grad_reference,
    max_pool_grad_vjp,
    max_pool_grad_decompose,
    "dx of MaxPool from dy and x: the first maximum of each window in scan order takes all"};
const OpDef average_pool_op{"AveragePool", {1, 1}, infer_average_pool, average_pool_reference, average_pool_vjp};
const OpDef average_pool_grad_op{"limn::AveragePoolGrad",
                                 {2, 2},
                                 infer_average_pool_grad,
                                 average_pool_grad_reference,
                                 average_pool_grad_vjp,
                                 average_pool_grad_decompose,
                                 "dx of AveragePool from dy and the sizes of x; attributes of AveragePool"};

}  // namespace limn
