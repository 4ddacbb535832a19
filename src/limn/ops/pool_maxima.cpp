#include "limn/ops/pool_maxima.h"

#include <functional>
#include <limits>
#include <numeric>

#include "limn/ops/build.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

Value concat(std::vector<Value> lists) {
  return lists.front().in->add("Concat", lists, {{"axis", std::int64_t{0}}});
}

/// [N, C, spatial...] as [N * C, 1, spatial...]: every map an image of one channel.
Value as_maps(Value x) {
  GraphBuilder& g = *x.in;
  const Shape shape = x.shape(), spatial(shape.begin() + 2, shape.end());
  const auto rank = static_cast<std::int64_t>(shape.size());
  const Value sizes = is_known(spatial)
                          ? int64_constant(g, known_dims(spatial))
                          : emit("Slice", {shape_of(x), int64_constant(g, {2}), int64_constant(g, {rank})});
  return reshape(x, concat({int64_constant(g, {-1, 1}), sizes}));
}

Ints counting(std::int64_t count) {
  Ints numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

/// Kernels that take tap i out of a window, or put it back: [taps, 1, kernel...], a single 1 in each.
Value kernels_of_taps(GraphBuilder& g, const Window& window, std::int64_t taps) {
  const Value row = int64_constant(g, counting(taps));
  Ints sizes{taps, 1};
  sizes.insert(sizes.end(), window.kernel.begin(), window.kernel.end());
  return reshape(to_float(equal(reshape(row, Ints{-1, 1}), row)), sizes);
}

/// Maps with so much room around them that every window lies inside; the room never holds a maximum.
Value with_room(Value maps, const Window& window, const Ints& pads) {
  GraphBuilder& g = *maps.in;
  const std::size_t rank = window.rank();
  Ints around(2 * (2 + rank), 0);
  for (std::size_t i = 0; i < rank; ++i) {
    around[2 + i] = pads[i];
    // Room for the windows that ceil_mode adds; one too many where it drops the last.
    around[4 + rank + i] = pads[rank + i] + (window.ceil_mode ? window.stride[i] - 1 : 0);
  }
  return g.add("Pad", {maps, int64_constant(g, around), float_constant(g, std::numeric_limits<float>::lowest())});
}

}  // namespace

Value max_pool_gradient_by_taps(Value dy, Value x, const Window& window) {
  GraphBuilder& g = *x.in;
  const std::int64_t taps =
      std::accumulate(window.kernel.begin(), window.kernel.end(), std::int64_t{1}, std::multiplies<>());
  const Value kernels = kernels_of_taps(g, window, taps), maps = as_maps(x), dy_maps = as_maps(dy);
  Value values = g.add("Conv", {with_room(maps, window, known_pads(window, x.shape())), kernels},
                       {{"strides", window.stride}, {"dilations", window.dilation}});
  if (window.ceil_mode) values = cut_spatial(values, shape_of(dy_maps));
  const Value first = emit("ArgMax", {values}, {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{1}}});
  Ints column(2 + window.rank(), 1);
  column[1] = -1;
  const Value shares = dy_maps * to_float(equal(first, reshape(int64_constant(g, counting(taps)), column)));
  return reshape(spread_windows(shares, kernels, window, 1, shape_of(maps)), shape_of(x));
}

}  // namespace limn
