#include "limn/runtime/stem.h"

#include <omp.h>

#include <algorithm>

namespace limn {
namespace {

constexpr std::int64_t kMostChannels = 4, kMostTaps = 1024;
/// Taps of a kernel row are padded to whole quads, all taps together to whole vectors.
constexpr std::int64_t kQuad = 4, kVector = 16;
/// Pixels whose products are kept before they are spread.
constexpr std::int64_t kRun = 8;

using Vector = float __attribute__((vector_size(kVector * sizeof(float)), aligned(4), may_alias));
using Quad = float __attribute__((vector_size(kQuad * sizeof(float)), aligned(4), may_alias));

/// The product of neighbouring pixels of dy (blocked) with the weights: `taps` numbers per pixel.
struct Product {
  const float* dy;
  std::int64_t plane, channels, block, pixels, taps;
};

#if defined(__x86_64__)
namespace avx512 {
#define LIMN_TARGET __attribute__((target("avx512f,fma")))
#include "limn/runtime/stem_product.inc"
#undef LIMN_TARGET
}  // namespace avx512
namespace avx2 {
#define LIMN_TARGET __attribute__((target("avx2,fma")))
#include "limn/runtime/stem_product.inc"
#undef LIMN_TARGET
}  // namespace avx2
#endif
namespace baseline {
#define LIMN_TARGET
#include "limn/runtime/stem_product.inc"
#undef LIMN_TARGET
}  // namespace baseline

using MultiplyGroup = void (*)(const Product&, const float*, float*);

/// The products of 1, 2, ... vectors of taps at a time, as many as the registers of this machine hold.
std::span<const MultiplyGroup> products() {
#if defined(__x86_64__)
  static constexpr MultiplyGroup kWide[] = {avx512::multiply_group<8, 1>, avx512::multiply_group<8, 2>,
                                            avx512::multiply_group<8, 3>, avx512::multiply_group<4, 4>,
                                            avx512::multiply_group<4, 5>, avx512::multiply_group<4, 6>};
  static constexpr MultiplyGroup kMiddle[] = {avx2::multiply_group<4, 1>, avx2::multiply_group<2, 2>};
  if (__builtin_cpu_supports("avx512f")) return kWide;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kMiddle;
#endif
  static constexpr MultiplyGroup kPlain[] = {baseline::multiply_group<2, 1>};
  return kPlain;
}

/// Taps that are worked on together.
std::int64_t group_taps() { return static_cast<std::int64_t>(products().size()) * kVector; }

/// The step, bound to memory. `padded` holds the picture with its padding, which takes what falls outside.
struct StemGradient {
  ConvolutionShape s;
  const float *dy, *weights;
  float *padded, *dx;
  std::int64_t dy_stride, block, row_taps, taps;  ///< row_taps: of one kernel row, padded; taps: of all, padded
  std::int64_t padded_rows, padded_columns;

  std::int64_t channels_in() const { return s.x[1]; }

  void operator()() const {
    const std::int64_t threads = omp_get_max_threads(), images = s.x[0];
    const std::int64_t stripes = images >= threads ? 1 : threads, height = (padded_rows + stripes - 1) / stripes;
#pragma omp parallel for collapse(2) schedule(static)
    for (std::int64_t n = 0; n < images; ++n)
      for (std::int64_t i = 0; i < stripes; ++i) fill(n, i * height, std::min(padded_rows, (i + 1) * height));
  }

  /// The rows [first, last) of the padded picture, from every row of dy that reaches them.
  void fill(std::int64_t n, std::int64_t first, std::int64_t last) const {
    if (first >= last) return;
    float* picture = padded + n * channels_in() * padded_rows * padded_columns;
    for (std::int64_t c = 0; c < channels_in(); ++c)
      std::fill(picture + (c * padded_rows + first) * padded_columns,
                picture + (c * padded_rows + last) * padded_columns, 0.0F);
    const std::int64_t from =
        std::max<std::int64_t>(0, (first - s.height.kernel + s.height.stride) / s.height.stride);
    const std::int64_t to = std::min(s.y[2], (last - 1) / s.height.stride + 1);
    for (std::int64_t row = from; row < to; ++row) add_row(n, row, picture, first, last);
    for (std::int64_t c = 0; c < channels_in(); ++c) copy_rows(n, c, picture, first, last);
  }

  void add_row(std::int64_t n, std::int64_t row, float* picture, std::int64_t first, std::int64_t last) const {
    alignas(64) float columns[kRun * kMostTaps];
    const std::int64_t plane = s.y[2] * s.y[3] * block, group = group_taps();
    const float* from = dy + n * dy_stride + row * s.y[3] * block;
    for (std::int64_t p = 0; p < s.y[3]; p += kRun) {
      const Product product{from + p * block, plane, s.y[1], block, std::min(kRun, s.y[3] - p), taps};
      for (std::int64_t t = 0; t < taps; t += group) {
        const std::int64_t width = std::min(group, taps - t);
        products()[static_cast<std::size_t>(width / kVector - 1)](product, weights + t * s.y[1], columns + t);
      }
      for (std::int64_t i = 0; i < product.pixels; ++i)
        spread(columns + i * taps, row * s.height.stride, (p + i) * s.width.stride, picture, first, last);
    }
  }

  /// Adds the products of one pixel to the rows [first, last) under its taps.
  void spread(const float* columns, std::int64_t top, std::int64_t left, float* picture, std::int64_t first,
              std::int64_t last) const {
    const std::int64_t begin = std::max<std::int64_t>(0, first - top), end = std::min(s.height.kernel, last - top);
    for (std::int64_t c = 0; c < channels_in(); ++c)
      for (std::int64_t k = begin; k < end; ++k) {
        const float* in = columns + (c * s.height.kernel + k) * row_taps;
        float* out = picture + (c * padded_rows + top + k) * padded_columns + left;
        for (std::int64_t q = 0; q < row_taps; q += kQuad)
          *reinterpret_cast<Quad*>(out + q) += *reinterpret_cast<const Quad*>(in + q);
      }
  }

  void copy_rows(std::int64_t n, std::int64_t c, const float* picture, std::int64_t first,
                 std::int64_t last) const {
    const std::int64_t reached = std::min(s.x[3], padded_columns - s.width.begin);
    const bool end = last == padded_rows;
    for (std::int64_t r = std::max<std::int64_t>(0, first - s.height.begin); r < s.x[2]; ++r) {
      if (!end && r + s.height.begin >= last) return;
      float* out = dx + ((n * channels_in() + c) * s.x[2] + r) * s.x[3];
      const bool covered = r + s.height.begin < padded_rows;
      const float* in = picture + (c * padded_rows + r + s.height.begin) * padded_columns + s.width.begin;
      if (covered) std::copy_n(in, reached, out);
      std::fill(out + (covered ? reached : 0), out + s.x[3], 0.0F);
    }
  }
};

std::int64_t taps_of(const ConvolutionShape& s) {
  return round_up(s.x[1] * s.height.kernel * round_up(s.width.kernel, kQuad), kVector);
}

/// [group of taps][output channel][tap of the group]
std::vector<float> arranged(const Tensor& w, const ConvolutionShape& s) {
  const std::int64_t taps = taps_of(s), row_taps = round_up(s.width.kernel, kQuad), rows = s.x[1] * s.height.kernel;
  std::vector<float> out(static_cast<std::size_t>(taps * s.y[1]));
  const auto from = w.as<float>();
  for (std::int64_t o = 0; o < s.y[1]; ++o)
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t k = 0; k < s.width.kernel; ++k) {
        const std::int64_t t = r * row_taps + k, start = t / group_taps() * group_taps();
        const std::int64_t width = std::min(group_taps(), taps - start);
        out[static_cast<std::size_t>(start * s.y[1] + o * width + t - start)] =
            from[static_cast<std::size_t>((o * rows + r) * s.width.kernel + k)];
      }
  return out;
}

}  // namespace

bool is_stem(const ConvolutionShape& s) {
  return s.group == 1 && s.x[1] <= kMostChannels && s.height.dilation == 1 && s.width.dilation == 1 &&
         taps_of(s) <= kMostTaps;
}

void emit_stem_gradient(Lowering& lowering, const std::string& label, const ConvolutionShape& s, const View& dy,
                        ValueId weights, const View& dx) {
  const std::int64_t taps = taps_of(s), row_taps = round_up(s.width.kernel, kQuad);
  const std::int64_t rows = (s.y[2] - 1) * s.height.stride + s.height.kernel;
  const std::int64_t columns = (s.y[3] - 1) * s.width.stride + row_taps;
  lowering.check_numbers(weights);
  const View w = lowering.own_constant(arranged(*lowering.constant(weights), s), {taps * s.y[1]});
  const View padded = lowering.temporary(Layout::plain, {s.x[0], s.x[1], rows, columns});
  const Bind bind = [=](const Memory& memory) -> Run {
    const StemGradient g{s,
                         memory.at(dy),
                         memory.at(w),
                         memory.at(padded),
                         memory.at(dx),
                         dy.image_stride,
                         channel_block(),
                         row_taps,
                         taps,
                         rows,
                         columns};
    return [g] { g(); };
  };
  const auto products =
      static_cast<double>(element_count(s.weights())) * static_cast<double>(s.y[0] * s.y[2] * s.y[3]);
  lowering.emit(label, "limn:stem", {dy, w}, {dx, padded}, bind, 2 * products);
}

}  // namespace limn
