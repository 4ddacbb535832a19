#pragma once
// Sliding windows: the arithmetic of kernels, strides, dilations, padding and rounding that convolutions and
// pooling share. Data are [N, C, spatial...] with one to three spatial axes.

#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// The window on one axis whose sizes are known: `out` windows over `in` elements, `begin` and `end` elements of
/// padding.
struct WindowAxis {
  std::int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, begin = 0, end = 0;

  /// Where tap k of window o lies in the input; outside [0, in) it lies in the padding.
  std::int64_t at(std::int64_t o, std::int64_t k) const { return o * stride + k * dilation - begin; }
  /// The taps [first, last) of window o that lie in [from, to).
  std::pair<std::int64_t, std::int64_t> taps(std::int64_t o, std::int64_t from, std::int64_t to) const;
  std::pair<std::int64_t, std::int64_t> inside(std::int64_t o) const { return taps(o, 0, in); }
  /// The windows [first, last) whose tap k lies inside the input.
  std::pair<std::int64_t, std::int64_t> windows(std::int64_t k) const;
};

/// Depth, height, width; missing leading axes have one element and a kernel of one.
using SpatialAxes = std::array<WindowAxis, 3>;

enum class AutoPad { none, same_upper, same_lower };

/// The attributes kernel_shape, strides, dilations, pads, auto_pad and ceil_mode, one entry per spatial axis.
struct Window {
  std::vector<std::int64_t> kernel, stride, dilation, begin, end;
  AutoPad auto_pad = AutoPad::none;
  bool ceil_mode = false;
  std::string where;  ///< the node, for errors

  /// `kernel` overrides kernel_shape, for convolutions, whose weights tell it. Throws Error{bad_input} for lists of
  /// the wrong length and impossible numbers, Error{unsupported} for other than one to three spatial axes.
  static Window read(const Node& node, std::size_t rank, std::span<const std::int64_t> kernel = {});

  std::size_t rank() const { return kernel.size(); }
  /// Elements from the first tap to the last.
  std::int64_t extent(std::size_t axis) const { return (kernel[axis] - 1) * dilation[axis] + 1; }
  /// Number of windows on an axis of that size. Rounded up with ceil_mode, but a window that would start in the
  /// padding at the end is dropped. A symbol is kept where the size does not change. Throws Error{bad_input} when
  /// not even one window fits.
  Dim output(std::size_t axis, const Dim& in) const;
  WindowAxis on(std::size_t axis, std::int64_t in) const;
  /// On [N, C, spatial...] of these sizes.
  SpatialAxes on(std::span<const std::int64_t> dims) const;
  /// The attribute `pads` (all begins, then all ends) on [N, C, spatial...]. Nothing while SAME_* padding depends
  /// on sizes that are not known; `shape` may be absent altogether.
  std::optional<std::vector<std::int64_t>> pads(const std::optional<Shape>& shape) const;
};

/// Calls f(flat position over the spatial input) for every tap of window `o` inside the input, in scan order.
template <class F>
void for_each_tap(const SpatialAxes& a, const std::array<std::int64_t, 3>& o, F&& f) {
  const auto [d0, d1] = a[0].inside(o[0]);
  const auto [h0, h1] = a[1].inside(o[1]);
  const auto [w0, w1] = a[2].inside(o[2]);
  for (std::int64_t d = d0; d < d1; ++d)
    for (std::int64_t h = h0; h < h1; ++h) {
      const std::int64_t row = (a[0].at(o[0], d) * a[1].in + a[1].at(o[1], h)) * a[2].in;
      for (std::int64_t w = w0; w < w1; ++w) f(row + a[2].at(o[2], w));
    }
}

/// Calls f(flat position over the windows, window) for every window in scan order.
template <class F>
void for_each_window(const SpatialAxes& a, F&& f) {
  std::int64_t flat = 0;
  for (std::int64_t d = 0; d < a[0].out; ++d)
    for (std::int64_t h = 0; h < a[1].out; ++h)
      for (std::int64_t w = 0; w < a[2].out; ++w) f(flat++, std::array<std::int64_t, 3>{d, h, w});
}

inline std::int64_t input_count(const SpatialAxes& a) { return a[0].in * a[1].in * a[2].in; }
inline std::int64_t output_count(const SpatialAxes& a) { return a[0].out * a[1].out * a[2].out; }

/// For decompositions: ConvTranspose of dy by w with the strides, dilations and padding of `window`, brought to the
/// spatial sizes in `x_shape` ([N, C, spatial...] as int64): the input gradient of the convolution or sum over
/// windows that took sizes `x_shape` to those of dy.
Value spread_windows(Value dy, Value w, const Window& window, std::int64_t group, Value x_shape);
/// x cut at the end of each spatial axis to the sizes in `shape`, a vector [N, C, spatial...].
Value cut_spatial(Value x, Value shape);
/// The elements of the int64 vector `shape`, as far as they are known.
std::optional<Shape> sizes_in(Value shape);
/// window.pads for a decomposition; throws Error{unsupported} when they depend on unknown sizes.
std::vector<std::int64_t> known_pads(const Window& window, const std::optional<Shape>& shape);

}  // namespace limn
