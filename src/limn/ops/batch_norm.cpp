// BatchNormalization with fixed statistics, and InstanceNormalization.
#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

/// Attributes are single precision; 1e-5 is meant as the float.
float epsilon_of(const Node& node) { return static_cast<float>(node.attrs.real("epsilon", 1e-5F)); }

/// Checks that inputs 1, 2, ... have one element per channel of [N, C, ...].
std::vector<Inferred> infer_per_channel(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (x.size() < 2) throw c.wrong("the input " + to_string(x) + " has no channels");
  for (std::size_t i = 1; i < c.count(); ++i) {
    const Shape& p = c.shape(i);
    if (p.size() != 1 || (p[0].known() && x[1].known() && p[0] != x[1]))
      throw c.wrong("a parameter " + to_string(p) + " does not go with an input " + to_string(x));
  }
  return {{c.type(0), {}}};
}

std::vector<Inferred> infer_batch(const InferContext& c) {
  if (c.node.attrs.integer("training_mode", 0) != 0)
    throw Error(ErrorCode::unsupported, "the batch normalisation is in training mode", place_of(c.node),
                "export the model for inference (model.eval() in PyTorch)");
  return infer_per_channel(c);
}

/// Calls f(channel, first element, elements) for every channel of every image.
template <class F>
void for_each_plane(std::span<const std::int64_t> dims, F&& f) {
  const auto channels = static_cast<std::size_t>(dims[1]);
  const auto plane = static_cast<std::size_t>(element_count(dims.subspan(2)));
  for (std::size_t i = 0; i < static_cast<std::size_t>(dims[0]) * channels; ++i) f(i % channels, i * plane, plane);
}

void batch_reference(const EvalContext& c) {
  const auto run = [&]<class T>() {
    const auto x = c.in[0].as<T>(), scale = c.in[1].as<T>(), shift = c.in[2].as<T>(), mean = c.in[3].as<T>(),
               variance = c.in[4].as<T>();
    const auto y = c.out[0].as<T>();
    for_each_plane(c.in[0].dims, [&](std::size_t channel, std::size_t first, std::size_t count) {
      const T factor = scale[channel] / std::sqrt(variance[channel] + epsilon_of(c.node));
      for (std::size_t i = first; i < first + count; ++i) y[i] = (x[i] - mean[channel]) * factor + shift[channel];
    });
  };
  c.in[0].dtype == DType::f64 ? run.template operator()<double>() : run.template operator()<float>();
}

/// [C] so that it multiplies [N, C, ...] channel by channel.
Value per_channel(Value v, Value x) {
  Ints sizes(x.shape().size() - 1, 1);
  sizes[0] = -1;
  return reshape(v, sizes);
}

std::vector<Value> batch_vjp(const VjpContext& c) {
  refuse_parameter_gradients(c, 1);
  return {c.dout[0] * per_channel(c.in[1] / sqrt(c.in[4] + epsilon_of(c.node)), c.in[0])};
}

void instance_reference(const EvalContext& c) {
  const auto run = [&]<class T>() {
    const auto x = c.in[0].as<T>(), scale = c.in[1].as<T>(), shift = c.in[2].as<T>();
    const auto y = c.out[0].as<T>();
    for_each_plane(c.in[0].dims, [&](std::size_t channel, std::size_t first, std::size_t count) {
      T mean{}, square{};
      for (T v : x.subspan(first, count)) mean += v / static_cast<T>(count);
      for (T v : x.subspan(first, count)) square += (v - mean) * (v - mean) / static_cast<T>(count);
      const T factor = scale[channel] / std::sqrt(square + epsilon_of(c.node));
      for (std::size_t i = first; i < first + count; ++i) y[i] = (x[i] - mean) * factor + shift[channel];
    });
  };
  c.in[0].dtype == DType::f64 ? run.template operator()<double>() : run.template operator()<float>();
}

/// With u = (x - mean) / deviation: dx = scale / deviation * (dy - mean(dy) - u mean(dy u)).
std::vector<Value> instance_vjp(const VjpContext& c) {
  refuse_parameter_gradients(c, 1);
  const Value x = c.in[0], dy = c.dout[0];
  Ints spatial;
  for (std::size_t i = 2; i < x.shape().size(); ++i) spatial.push_back(static_cast<std::int64_t>(i));
  const Value centred = x - reduce_mean(x, spatial);
  const Value deviation = sqrt(reduce_mean(centred * centred, spatial) + epsilon_of(c.node));
  const Value u = centred / deviation;
  const Value change = dy - reduce_mean(dy, spatial) - u * reduce_mean(dy * u, spatial);
  return {per_channel(c.in[1], x) / deviation * change};
}

}  // namespace

const OpDef batch_normalization_op{"BatchNormalization", {5, 5}, infer_batch, batch_reference, batch_vjp};
const OpDef instance_normalization_op{
    "InstanceNormalization", {3, 3}, infer_per_channel, instance_reference, instance_vjp};

}  // namespace limn
