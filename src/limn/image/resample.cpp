#include "limn/image/resample.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "limn/base/multiversion.h"

namespace limn {
namespace {

// 8 bits of pixel and 22 of weight leave 2 of the 32 for the sign and for weights that add up to a little more
// than one.
constexpr int kWeightBits = 22;
constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

/// No weight is negative, so no sum is.
std::uint8_t rounded_byte(std::int32_t sum) { return static_cast<std::uint8_t>(std::min(sum >> kWeightBits, 255)); }

constexpr std::size_t kRows = 8;  ///< mixed at a time
using Words = std::uint32_t __attribute__((vector_size(4 * kRows)));

/// Mixes the pixels of some rows of RGB at a time, a word for each, of which the highest byte is the red of its
/// neighbour and not used. So all rows must be readable one byte past their last pixel.
LIMN_MULTIVERSION
void mix_columns_rgb(const AxisWeights& axis, const std::array<const std::uint8_t*, kRows>& in,
                     const std::array<std::uint8_t*, kRows>& out) {
  const auto taps = static_cast<std::size_t>(axis.taps);
  const std::int32_t* weights = axis.weights.data();
  for (std::size_t x = 0; x < axis.first.size(); ++x) {
    const std::size_t begin = static_cast<std::size_t>(axis.first[x]) * 3;
    Words red = Words{} + kHalf, green = red, blue = red;
    for (std::size_t t = 0; t < taps; ++t) {
      Words pixels;
      for (std::size_t r = 0; r < kRows; ++r) {
        std::uint32_t pixel;
        std::memcpy(&pixel, in[r] + begin + 3 * t, 4);
        pixels[r] = pixel;
      }
      const auto weight = static_cast<std::uint32_t>(*weights++);
      red += (pixels & 255U) * weight;
      green += (pixels >> 8U & 255U) * weight;
      blue += (pixels >> 16U & 255U) * weight;
    }
    for (Words* sum : {&red, &green, &blue}) {
      *sum >>= kWeightBits;
      *sum = *sum > 255U ? Words{} + 255U : *sum;
    }
    const Words mixed = red | green << 8U | blue << 16U;
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::uint32_t pixel = mixed[r];
      std::memcpy(out[r] + 3 * x, &pixel, 3);
    }
  }
}

void mix_columns_grey(const AxisWeights& axis, const std::uint8_t* in, std::uint8_t* out) {
  for (std::size_t x = 0; x < axis.first.size(); ++x) {
    const std::int32_t* weights = &axis.weights[x * static_cast<std::size_t>(axis.taps)];
    std::int32_t sum = kHalf;
    for (int t = 0; t < axis.taps; ++t) sum += in[axis.first[x] + t] * weights[t];
    out[x] = rounded_byte(sum);
  }
}

/// One output row from `count` rows that lie `stride` bytes apart.
LIMN_MULTIVERSION
void mix_rows(const std::int32_t* weights, int count, const std::uint8_t* in, std::size_t stride, std::size_t bytes,
              std::uint8_t* out) {
  constexpr std::size_t kBlock = 64;
  std::size_t x = 0;
  for (; x + kBlock <= bytes; x += kBlock) {
    std::int32_t sum[kBlock];
    for (std::int32_t& s : sum) s = kHalf;
    for (int t = 0; t < count; ++t) {
      const std::uint8_t* row = in + static_cast<std::size_t>(t) * stride + x;
      for (std::size_t i = 0; i < kBlock; ++i) sum[i] += row[i] * weights[t];
    }
    for (std::size_t i = 0; i < kBlock; ++i) out[x + i] = rounded_byte(sum[i]);
  }
  for (; x < bytes; ++x) {
    std::int32_t sum = kHalf;
    for (int t = 0; t < count; ++t) sum += in[static_cast<std::size_t>(t) * stride + x] * weights[t];
    out[x] = rounded_byte(sum);
  }
}

struct Rows {
  int begin = 0, end = 0;
  int size() const { return end - begin; }
};

Rows rows_used(const AxisWeights& axis) { return {axis.first.front(), axis.first.back() + axis.taps}; }

/// The horizontal pass over some rows of the source.
std::vector<std::uint8_t> mix_all_columns(const PixelView& in, const AxisWeights& axis, Rows rows) {
  const auto row_bytes = axis.first.size() * static_cast<std::size_t>(in.channels);
  std::vector<std::uint8_t> out(row_bytes * static_cast<std::size_t>(rows.size()));
  const auto out_row = [&](int y) { return out.data() + row_bytes * static_cast<std::size_t>(y - rows.begin); };
  if (in.channels == 1) {
    for (int y = rows.begin; y < rows.end; ++y) mix_columns_grey(axis, in.row(y), out_row(y));
    return out;
  }
  // The last row of the picture gets the readable byte behind it that the others have.
  const auto in_bytes = static_cast<std::size_t>(in.width) * 3;
  std::vector<std::uint8_t> last(in.row(in.height - 1), in.row(in.height - 1) + in_bytes);
  last.push_back(0);
  const auto in_row = [&](int y) { return y == in.height - 1 ? last.data() : in.row(y); };
  for (int first = rows.begin; first < rows.end; first += static_cast<int>(kRows)) {
    std::array<const std::uint8_t*, kRows> from{};
    std::array<std::uint8_t*, kRows> to{};
    for (std::size_t r = 0; r < kRows; ++r) {
      const int y = std::min(first + static_cast<int>(r), rows.end - 1);
      from[r] = in_row(y);
      to[r] = out_row(y);
    }
    mix_columns_rgb(axis, from, to);
  }
  return out;
}

/// Columns that keep their width are copied, not mixed: the same result.
std::vector<std::uint8_t> copy_columns(const PixelView& in, std::int64_t left, int width, Rows rows) {
  const auto channels = static_cast<std::size_t>(in.channels);
  const auto row_bytes = static_cast<std::size_t>(width) * channels;
  std::vector<std::uint8_t> out(row_bytes * static_cast<std::size_t>(rows.size()));
  for (int y = rows.begin; y < rows.end; ++y)
    std::memcpy(out.data() + row_bytes * static_cast<std::size_t>(y - rows.begin),
                in.row(y) + static_cast<std::size_t>(left) * channels, row_bytes);
  return out;
}

}  // namespace

AxisWeights axis_weights(int in, std::int64_t out, std::int64_t begin, int outputs) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double support = std::max(scale, 1.0);
  const auto center = [&](int i) { return (static_cast<double>(begin + i) + 0.5) * scale; };
  const auto first = [&](int i) { return std::max(static_cast<int>(center(i) - support + 0.5), 0); };
  const auto count = [&](int i) { return std::min(static_cast<int>(center(i) + support + 0.5), in) - first(i); };
  AxisWeights axis;
  for (int i = 0; i < outputs; ++i) axis.taps = std::max(axis.taps, count(i));
  const auto taps = static_cast<std::size_t>(axis.taps);
  axis.weights.resize(static_cast<std::size_t>(outputs) * taps);
  std::vector<double> real(taps);
  for (int i = 0; i < outputs; ++i) {
    double sum = 0;
    for (int t = 0; t < count(i); ++t) {
      real[static_cast<std::size_t>(t)] =
          std::max(0.0, 1 - std::abs((t + first(i) - center(i) + 0.5) * (1 / support)));
      sum += real[static_cast<std::size_t>(t)];
    }
    axis.first.push_back(std::min(first(i), in - axis.taps));
    std::int32_t* weights = &axis.weights[static_cast<std::size_t>(i) * taps];
    weights += first(i) - axis.first.back();
    for (int t = 0; t < count(i); ++t)
      weights[t] = static_cast<std::int32_t>(0.5 + real[static_cast<std::size_t>(t)] / sum * (1 << kWeightBits));
  }
  return axis;
}

std::vector<std::uint8_t> resample(const PixelView& in, const ResizeWindow& window) {
  const bool same_height = window.full_height == in.height;
  const auto top = static_cast<int>(same_height ? window.top : 0);
  AxisWeights down;
  Rows rows{top, top + window.height};
  if (!same_height) {
    down = axis_weights(in.height, window.full_height, window.top, window.height);
    rows = rows_used(down);
  }

  std::vector<std::uint8_t> wide =
      window.full_width == in.width
          ? copy_columns(in, window.left, window.width, rows)
          : mix_all_columns(in, axis_weights(in.width, window.full_width, window.left, window.width), rows);
  if (same_height) return wide;

  const auto row_bytes = static_cast<std::size_t>(window.width) * static_cast<std::size_t>(in.channels);
  std::vector<std::uint8_t> out(row_bytes * static_cast<std::size_t>(window.height));
  for (std::size_t y = 0; y < static_cast<std::size_t>(window.height); ++y)
    mix_rows(&down.weights[y * static_cast<std::size_t>(down.taps)], down.taps,
             wide.data() + row_bytes * static_cast<std::size_t>(down.first[y] - rows.begin), row_bytes, row_bytes,
             out.data() + row_bytes * y);
  return out;
}

Image resize(const Image& image, int width, int height) {
  constexpr std::int64_t kMostPixels = 256'000'000;
  if (image.empty()) throw Error(ErrorCode::bad_input, "an empty image cannot be resized");
  if (width > 0 && height > 0 && width > kMostPixels / height)
    throw Error(ErrorCode::limit, fmt::format("an image of {}x{} pixels is too large", width, height));
  Image out(width, height);
  out.pixels = resample({image.pixels.data(), image.width, image.height, 3}, {width, height, 0, 0, width, height});
  return out;
}

}  // namespace limn
