// GlobalAveragePool and GlobalMaxPool.
#include <algorithm>
#include <numeric>

#include "limn/ops/build.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

std::vector<Inferred> infer(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (x.size() < 3) throw c.wrong("the input " + to_string(x) + " has no spatial axis");
  if (std::find(x.begin() + 2, x.end(), Dim(0)) != x.end())
    throw c.wrong("the input " + to_string(x) + " is empty");
  Shape y(x.size(), Dim(1));
  y[0] = x[0];
  y[1] = x[1];
  return {{{c.dtype(0), y}, {}}};
}

/// y = reduce(pixels) for every channel of every image.
template <class F>
void per_channel(const EvalContext& c, F&& reduce) {
  const auto run = [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    const std::size_t plane = y.empty() ? 0 : x.size() / y.size();
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = reduce(x.subspan(i * plane, plane));
  };
  c.in[0].dtype == DType::f64 ? run.template operator()<double>() : run.template operator()<float>();
}

void average_reference(const EvalContext& c) {
  per_channel(c, []<class T>(std::span<const T> pixels) {
    return std::accumulate(pixels.begin(), pixels.end(), T{}) / static_cast<T>(pixels.size());
  });
}

void max_reference(const EvalContext& c) {
  per_channel(c, []<class T>(std::span<const T> pixels) {
    T best = pixels[0];
    for (T v : pixels)
      if (v > best || v != v) best = v;
    return best;
  });
}

/// Number of pixels of x as a float.
Value pixel_count(Value x) {
  GraphBuilder& g = *x.in;
  const Shape shape = x.shape();
  std::int64_t known = 1;
  Value count;
  for (std::size_t i = 2; i < shape.size(); ++i) {
    if (shape[i].known()) {
      known *= shape[i].value;
      continue;
    }
    const Value axis = g.constant(Tensor::scalar(static_cast<std::int64_t>(i)));
    const Value size = to_float(g.add("Gather", {shape_of(x), axis}, {{"axis", std::int64_t{0}}}));
    count = count ? count * size : size;
  }
  return count ? count * static_cast<float>(known) : float_constant(g, static_cast<float>(known));
}

// Divided by the count rather than multiplied by its inverse, which a float constant would round.
std::vector<Value> average_vjp(const VjpContext& c) {
  return {expand(c.dout[0] / pixel_count(c.in[0]), shape_of(c.in[0]))};
}

// The first maximum takes all.
std::vector<Value> max_vjp(const VjpContext& c) {
  GraphBuilder& g = c.graph();
  const Value pixels = reshape(c.in[0], Ints{0, 0, -1});
  const Value best = g.add("ArgMax", {pixels}, {{"axis", std::int64_t{2}}, {"keepdims", std::int64_t{1}}});
  const Value zeros = expand(float_constant(g, 0.0F), shape_of(pixels));
  const Value dx =
      g.add("ScatterElements", {zeros, best, reshape(c.dout[0], Ints{0, 0, 1})}, {{"axis", std::int64_t{2}}});
  return {reshape(dx, shape_of(c.in[0]))};
}

}  // namespace

const OpDef global_average_pool_op{"GlobalAveragePool", {1, 1}, infer, average_reference, average_vjp};
const OpDef global_max_pool_op{"GlobalMaxPool", {1, 1}, infer, max_reference, max_vjp};

}  // namespace limn
