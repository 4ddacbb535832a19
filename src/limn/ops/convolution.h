#pragma once
// The two loops behind Conv, its input gradient and ConvTranspose, in float or double.

#include "limn/ops/window.h"

namespace limn {

/// Channels are counted per group. Data are [N, group * in_channels, in...] and [N, group * out_channels, out...],
/// weights [group * out_channels, in_channels, kernel...].
struct Convolution {
  std::int64_t batch, group, in_channels, out_channels;
  SpatialAxes axes;
};

/// y = conv(x, w) + bias; bias is per output channel and may be empty.
template <class T>
void convolve(const Convolution& c, std::span<const T> x, std::span<const T> w, std::span<const T> bias,
              std::span<T> y);

/// dx = the transpose of convolve applied to dy, plus bias per channel of dx; bias may be empty.
template <class T>
void convolve_back(const Convolution& c, std::span<const T> dy, std::span<const T> w, std::span<const T> bias,
                   std::span<T> dx);

}  // namespace limn
