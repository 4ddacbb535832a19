#include "limn/ops/pool_maxima.h"

#include <functional>
#include <numeric>

#include "limn/ops/build.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

std::int64_t product(const Ints& list) {
  return std::accumulate(list.begin(), list.end(), std::int64_t{1}, std::multiplies<>());
}

/// Treats each of the N * C maps as an image of one channel.
class Spreading {
 public:
  Spreading(Value x, Value dy, const Window& window)
      : g_(*x.in), window_(window), rank_(window.rank()), x_(x), dy_(dy), maps_(as_maps(x)) {}

  Value spread(Value indices) {
    const Value hit = to_float(equal(within_map(as_maps(indices)), positions()));
    const Value shares = hit * as_maps(dy_);  // [N * C, taps, windows...]
    return reshape(spread_windows(shares, placing(), window_, 1, shape_of(maps_)), shape_of(x_));
  }

 private:
  Value scalar(std::int64_t v) { return g_.constant(Tensor::scalar(v)); }
  Value joined(std::vector<Value> lists) { return g_.add("Concat", std::move(lists), {{"axis", std::int64_t{0}}}); }
  Value numbers(Value count) { return g_.add("Range", {scalar(0), count, scalar(1)}); }
  Value size(Value x, std::size_t axis) {
    const Dim known = x.shape()[axis];
    if (known.known()) return scalar(known.value);
    return emit("Gather", {emit("Shape", {x}), scalar(static_cast<std::int64_t>(axis))});
  }
  /// Sizes of the spatial axes from `first` on.
  Value spatial(Value x, std::size_t first = 0) {
    const Shape shape = x.shape();
    const Shape part(shape.begin() + static_cast<std::ptrdiff_t>(2 + first), shape.end());
    if (is_known(part)) return int64_constant(g_, known_dims(part));
    return emit("Slice", {emit("Shape", {x}), int64_constant(g_, {static_cast<std::int64_t>(2 + first)}),
                          int64_constant(g_, {static_cast<std::int64_t>(2 + rank_)})});
  }
  /// [N, C, spatial...] as [N * C, 1, spatial...].
  Value as_maps(Value x) { return reshape(x, joined({int64_constant(g_, {-1, 1}), spatial(x)})); }

  /// Positions in the flattened x as positions in the flattened map.
  Value within_map(Value indices) {
    const Value begin =
        numbers(size(maps_, 0)) * emit("ReduceProd", {spatial(x_)}, {{"keepdims", std::int64_t{0}}});
    Ints column(2 + rank_, 1);
    column[0] = -1;
    return indices - reshape(begin, column);
  }

  /// Where tap i of window o lies along an axis, spread over axes of taps and windows.
  Value along(std::size_t axis) {
    const Ints pads = known_pads(window_, x_.shape());
    Ints offsets;
    for (std::int64_t i = 0; i < window_.kernel[axis]; ++i)
      offsets.push_back(i * window_.dilation[axis] - pads[axis]);
    const Value starts = numbers(size(dy_, 2 + axis)) * scalar(window_.stride[axis]);
    Ints windows(2 * rank_, 1), taps(2 * rank_, 1);
    windows[rank_ + axis] = -1;
    taps[axis] = -1;
    return reshape(starts, windows) + reshape(int64_constant(g_, offsets), taps);
  }

  /// Of every tap of every window in the flattened map, [1, taps, windows...]. Some taps in the padding look like
  /// elements elsewhere in the map; what they get falls into the padding again.
  Value positions() {
    Value sum = along(rank_ - 1);
    for (std::size_t axis = 0; axis + 1 < rank_; ++axis) {
      const Value step = emit("ReduceProd", {spatial(x_, axis + 1)}, {{"keepdims", std::int64_t{0}}});
      sum = sum + along(axis) * step;
    }
    return reshape(sum, joined({int64_constant(g_, {1, product(window_.kernel)}), spatial(dy_)}));
  }

  /// Kernels that put tap i where it lies in the window: [taps, 1, kernel...], a single 1 in each.
  Value placing() {
    const std::int64_t taps = product(window_.kernel);
    Ints numbers(static_cast<std::size_t>(taps));
    std::iota(numbers.begin(), numbers.end(), 0);
    const Value row = int64_constant(g_, numbers);
    Ints kernels{taps, 1};
    kernels.insert(kernels.end(), window_.kernel.begin(), window_.kernel.end());
    return reshape(to_float(equal(reshape(row, Ints{-1, 1}), row)), kernels);
  }

  GraphBuilder& g_;
  const Window& window_;
  std::size_t rank_;
  Value x_, dy_, maps_;
};

}  // namespace

Value spread_from_maxima(Value dy, Value indices, Value x, const Window& window) {
  return Spreading(x, dy, window).spread(indices);
}

}  // namespace limn
