// LayerNormalization over the last axes and its gradient (Ba et al. 2016, arXiv 1607.06450); GroupNormalization (Wu
// and He 2018, arXiv 1803.08494).
#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

/// Attributes are single precision; 1e-5 is meant as the float.
float epsilon_of(const Node& node) { return static_cast<float>(node.attrs.real("epsilon", 1e-5F)); }

std::size_t first_axis(const Node& node, std::size_t rank) {
  return from_front(node.attrs.integer("axis", -1), rank);
}

/// Checks that scale and bias, inputs `first` and on, broadcast to the input x.
void check_parameters(const InferContext& c, const Shape& x, std::size_t first) {
  for (std::size_t i = first; i < c.count(); ++i)
    if (c.has(i) && (c.shape(i).size() > x.size() || broadcast(c, c.shape(i), x) != x))
      throw c.wrong("a parameter " + to_string(c.shape(i)) + " does not go with an input " + to_string(x));
}

std::vector<Inferred> infer_layer(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (!is_float(c.dtype(0))) throw c.wrong("takes float tensors, not " + std::string(name_of(c.dtype(0))));
  Shape statistics = x;
  for (std::size_t i = axis_of(c, c.node.attrs.integer("axis", -1), x.size()); i < x.size(); ++i)
    statistics[i] = Dim(1);
  check_parameters(c, x, 1);
  return {{c.type(0), {}}, {{c.dtype(0), statistics}, {}}, {{c.dtype(0), statistics}, {}}};
}

/// Mean, and one over the standard deviation, of the elements.
template <class T>
std::pair<T, T> statistics_of(std::span<const T> x, T epsilon) {
  const auto n = static_cast<T>(x.size());
  T mean{}, square{};
  for (T v : x) mean += v / n;
  for (T v : x) square += (v - mean) * (v - mean) / n;
  return {mean, 1 / std::sqrt(square + epsilon)};
}

/// Elements of the parameter `p` at every element of a tensor of the sizes `dims`; `otherwise` when left out.
template <class T>
std::vector<T> spread(const TensorView& p, std::span<const std::int64_t> dims, T otherwise) {
  std::vector<T> out(static_cast<std::size_t>(element_count(dims)), otherwise);
  if (!p.present()) return out;
  const auto v = p.as<T>();
  std::size_t n = 0;
  walk<1>(dims, {broadcast_strides(p.dims, dims)},
          [&](const auto& o) { out[n++] = v[static_cast<std::size_t>(o[0])]; });
  return out;
}

void layer_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    const auto dims = c.in[0].dims;
    const std::vector<T> scale = spread<T>(c.in[1], dims, T{1});
    const std::vector<T> bias = spread<T>(c.in.size() > 2 ? c.in[2] : TensorView{}, dims, T{});
    const auto row = static_cast<std::size_t>(element_count(dims.subspan(first_axis(c.node, dims.size()))));
    for (std::size_t first = 0, r = 0; first < x.size(); first += row, ++r) {
      const auto [mean, inverse] = statistics_of(x.subspan(first, row), static_cast<T>(epsilon_of(c.node)));
      for (std::size_t i = first; i < first + row; ++i) y[i] = (x[i] - mean) * inverse * scale[i] + bias[i];
      if (c.out.size() > 1 && c.out[1].present()) c.out[1].as<T>()[r] = mean;
      if (c.out.size() > 2 && c.out[2].present()) c.out[2].as<T>()[r] = inverse;
    }
  });
}

Ints normalised_axes(const Node& node, std::size_t rank) {
  Ints axes;
  for (std::size_t i = first_axis(node, rank); i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  return axes;
}

/// What x does through the optional outputs: the mean m of n elements, and r = 1 / sqrt(variance + epsilon), where
/// dr/dx = -r^3 (x - m) / n.
Value through_statistics(const VjpContext& c) {
  const Value x = c.in[0];
  const Ints axes = normalised_axes(c.node, x.shape().size());
  const Value n = reduce_sum(expand(float_constant(c.graph(), 1.0F), shape_of(x)), axes);
  Value dx = zeros_like(x);
  if (c.dout.size() > 1 && c.dout[1]) dx = dx + c.dout[1] / n;
  if (c.dout.size() > 2 && c.dout[2]) {
    const Value centred = x - reduce_mean(x, axes);
    const Value r = emit("Reciprocal", {sqrt(reduce_mean(centred * centred, axes) + epsilon_of(c.node))});
    dx = dx - c.dout[2] * r * r * r * centred / n;
  }
  return dx;
}

std::vector<Value> layer_vjp(const VjpContext& c) {
  refuse_parameter_gradients(c, 1);
  const bool statistics = (c.dout.size() > 1 && c.dout[1]) || (c.dout.size() > 2 && c.dout[2]);
  Value dx;
  if (c.dout[0])
    dx = emit("limn::LayerNormalizationGrad", {c.dout[0], c.in[0], c.in[1]},
              {{"axis", c.node.attrs.integer("axis", -1)}, {"epsilon", static_cast<double>(epsilon_of(c.node))}});
  if (statistics) dx = dx ? dx + through_statistics(c) : through_statistics(c);
  return {dx};
}

std::vector<Inferred> infer_layer_grad(const InferContext& c) {
  const Shape& x = c.shape(1);
  if (!may_be_equal(c.shape(0), x))
    throw c.wrong("a cotangent " + to_string(c.shape(0)) + " does not go with an input " + to_string(x));
  axis_of(c, c.node.attrs.integer("axis", -1), x.size());
  check_parameters(c, x, 2);
  return {{c.type(1), {}}};
}

/// With u = (x - mean) r and d = dy scale: dx = r (d - mean(d) - u mean(d u)).
void layer_grad_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto dy = c.in[0].as<T>(), x = c.in[1].as<T>();
    const auto dx = c.out[0].as<T>();
    const auto dims = c.in[1].dims;
    const std::vector<T> scale = spread<T>(c.in[2], dims, T{1});
    const auto row = static_cast<std::size_t>(element_count(dims.subspan(first_axis(c.node, dims.size()))));
    for (std::size_t first = 0; first < x.size(); first += row) {
      const auto [mean, inverse] = statistics_of(x.subspan(first, row), static_cast<T>(epsilon_of(c.node)));
      T sum{}, along{};
      for (std::size_t i = first; i < first + row; ++i) {
        sum += dy[i] * scale[i];
        along += dy[i] * scale[i] * (x[i] - mean) * inverse;
      }
      const auto n = static_cast<T>(row);
      for (std::size_t i = first; i < first + row; ++i)
        dx[i] = inverse * (dy[i] * scale[i] - sum / n - (x[i] - mean) * inverse * along / n);
    }
  });
}

std::vector<Value> layer_grad_decompose(const DecomposeContext& c) {
  const Value dy = c.in[0], x = c.in[1], d = dy * c.in[2];
  const Ints axes = normalised_axes(c.node, x.shape().size());
  const Value centred = x - reduce_mean(x, axes);
  const Value deviation = sqrt(reduce_mean(centred * centred, axes) + epsilon_of(c.node));
  const Value u = centred / deviation;
  return {(d - reduce_mean(d, axes) - u * reduce_mean(d * u, axes)) / deviation};
}

std::int64_t groups_of(const Node& node) { return node.attrs.integer("num_groups", 0); }

std::vector<Inferred> infer_group(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (!is_float(c.dtype(0))) throw c.wrong("takes float tensors, not " + std::string(name_of(c.dtype(0))));
  if (x.size() < 2) throw c.wrong("the input " + to_string(x) + " has no channels");
  const std::int64_t groups = groups_of(c.node);
  if (groups < 1 || (x[1].known() && x[1].value % groups != 0))
    throw c.wrong("the channels of " + to_string(x) + " cannot be split into " + std::to_string(groups) +
                  " groups");
  for (std::size_t i = 1; i < 3; ++i) {
    const Shape& p = c.shape(i);
    if (p.size() != 1 || (p[0].known() && x[1].known() && p[0] != x[1]))
      throw c.wrong("a parameter " + to_string(p) + " does not go with an input " + to_string(x));
  }
  return {{c.type(0), {}}};
}

void group_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>(), scale = c.in[1].as<T>(), bias = c.in[2].as<T>();
    const auto y = c.out[0].as<T>();
    const auto plane = static_cast<std::size_t>(element_count(c.in[0].dims.subspan(2)));
    const std::size_t channels = scale.size(), row = channels / static_cast<std::size_t>(groups_of(c.node)) * plane;
    for (std::size_t first = 0; first < x.size(); first += row) {
      const auto [mean, inverse] = statistics_of(x.subspan(first, row), static_cast<T>(epsilon_of(c.node)));
      for (std::size_t i = first; i < first + row; ++i) {
        const std::size_t channel = i / plane % channels;
        y[i] = (x[i] - mean) * inverse * scale[channel] + bias[channel];
      }
    }
  });
}

/// A group is a layer of its own: x as [N, groups, the rest].
std::vector<Value> group_vjp(const VjpContext& c) {
  refuse_parameter_gradients(c, 1);
  const Value x = c.in[0];
  Ints lanes(x.shape().size() - 1, 1);
  lanes[0] = -1;
  const Ints rows{0, groups_of(c.node), -1};
  const Value d = reshape(c.dout[0] * reshape(c.in[1], lanes), rows);
  const Value dx = emit("limn::LayerNormalizationGrad", {d, reshape(x, rows), float_constant(c.graph(), 1.0F)},
                        {{"axis", std::int64_t{2}}, {"epsilon", static_cast<double>(epsilon_of(c.node))}});
  return {reshape_like(dx, x)};
}

}  // namespace

const OpDef layer_normalization_op{"LayerNormalization", {2, 3, 3}, infer_layer, layer_reference, layer_vjp};
const OpDef layer_normalization_grad_op{
    "limn::LayerNormalizationGrad",
    {3, 3},
    infer_layer_grad,
    layer_grad_reference,
    nullptr,
    layer_grad_decompose,
    "dx of LayerNormalization from dy, x and its scale; it has no derivative of "
    "its own"};
const OpDef group_normalization_op{"GroupNormalization", {3, 3}, infer_group, group_reference, group_vjp};

}  // namespace limn
