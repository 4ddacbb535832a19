#include "limn/runtime/stem.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "limn/runtime/lanes.h"

namespace limn {
namespace {

constexpr std::int64_t kMostChannels = 4, kMostTaps = 1024;
/// Rows are padded to whole vectors of the widest registers.
constexpr std::int64_t kVector = 16;

/// What a row of the picture, columns of one phase, is the sum of: rows of dy, each with its weights
/// [channels, taps, channels of the picture]. Tap j reads dy j columns to the left.
struct StemSum {
  std::int64_t rows, channels, taps, channel_stride;
  const float* const* dy;
  const float* const* weights;
};

#if defined(__x86_64__)
namespace avx512 {
constexpr int kLanes = 16;
#define LIMN_TARGET __attribute__((target("avx512f,fma")))
#define LIMN_IN_REGISTER(x) __asm__("" : "+v"(x))
#include "limn/runtime/stem_kernels.inc"
#undef LIMN_TARGET
#undef LIMN_IN_REGISTER
}  // namespace avx512
namespace avx2 {
constexpr int kLanes = 8;
#define LIMN_TARGET __attribute__((target("avx2,fma")))
#define LIMN_IN_REGISTER(x) __asm__("" : "+x"(x))
#include "limn/runtime/stem_kernels.inc"
#undef LIMN_TARGET
#undef LIMN_IN_REGISTER
}  // namespace avx2
#endif
namespace baseline {
constexpr int kLanes = 4;
#define LIMN_TARGET
#define LIMN_IN_REGISTER(x) static_cast<void>(x)
#include "limn/runtime/stem_kernels.inc"
#undef LIMN_TARGET
#undef LIMN_IN_REGISTER
}  // namespace baseline

using SumTile = void (*)(const StemSum&, std::int64_t, float*, std::int64_t);
using Transpose = void (*)(const float*, float*, std::int64_t);

/// The kernels of one instruction set: sums over so many columns at a time, widest first, by channels of the
/// picture.
struct StemKernels {
  struct Sums {
    std::int64_t columns;
    std::array<SumTile, kMostChannels> tiles;
  };
  std::vector<Sums> sums;
  Transpose transpose;  ///< of as many pixels as channel_block()
};

const StemKernels& kernels() {
  static const StemKernels chosen = [] {
    const auto transpose = [](Transpose wide, Transpose narrow) { return channel_block() == 16 ? wide : narrow; };
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
      using namespace avx512;
      return StemKernels{
          {{7 * kLanes, {sum_tile<1, 7, 1>, sum_tile<2, 7, 1>, sum_tile<3, 7, 1>, sum_tile<4, 7, 1>}},
           {4 * kLanes, {sum_tile<1, 4, 2>, sum_tile<2, 4, 1>, sum_tile<3, 4, 1>, sum_tile<4, 4, 1>}},
           {2 * kLanes, {sum_tile<1, 2, 4>, sum_tile<2, 2, 2>, sum_tile<3, 2, 2>, sum_tile<4, 2, 1>}},
           {1 * kLanes, {sum_tile<1, 1, 4>, sum_tile<2, 1, 4>, sum_tile<3, 1, 4>, sum_tile<4, 1, 2>}}},
          transpose(avx512::transpose<16>, avx512::transpose<8>)};
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      using namespace avx2;
      return StemKernels{
          {{4 * kLanes, {sum_tile<1, 4, 2>, sum_tile<2, 4, 1>, sum_tile<3, 4, 1>, sum_tile<4, 4, 1>}},
           {2 * kLanes, {sum_tile<1, 2, 4>, sum_tile<2, 2, 2>, sum_tile<3, 2, 1>, sum_tile<4, 2, 1>}}},
          transpose(avx2::transpose<16>, avx2::transpose<8>)};
    }
#endif
    using namespace baseline;
    return StemKernels{{{4 * kLanes, {sum_tile<1, 4, 2>, sum_tile<2, 4, 1>, sum_tile<3, 4, 1>, sum_tile<4, 4, 1>}}},
                       transpose(baseline::transpose<16>, baseline::transpose<8>)};
  }();
  return chosen;
}

/// The columns (or rows) of the padded picture at `phase` modulo the stride: at stride * p + phase for p in
/// [first, first + count), which lie in the picture. Tap stride * j + phase leads there from p - j.
struct Phase {
  std::int64_t phase, first, count, taps;
};
Phase phase_of(const WindowAxis& axis, std::int64_t size, std::int64_t phase) {
  const auto up = [&](std::int64_t n) { return n <= 0 ? 0 : (n + axis.stride - 1) / axis.stride; };
  const std::int64_t first = up(axis.begin - phase);
  return {phase, first, up(size + axis.begin - phase) - first, up(axis.kernel - phase)};
}

/// The sizes of all that the step computes with.
struct StemPlan {
  explicit StemPlan(const ConvolutionShape& shape) : s(shape) {
    std::int64_t last = round_up(s.y[3], kVector);
    for (std::int64_t b = 0; b < s.width.stride; ++b) {
      phases.push_back(phase_of(s.width, s.x[3], b));
      const Phase& p = phases.back();
      left = std::max(left, round_up(p.taps - 1, kVector));
      last = std::max(last, p.first + round_up(p.count, kVector));
      columns = std::max(columns, round_up(p.count, kVector));
    }
    width = left + round_up(last, kVector);
    slots = phase_of(s.height, s.x[2], 0).taps;
  }

  ConvolutionShape s;
  std::vector<Phase> phases;         ///< of the columns
  std::int64_t left = 0, width = 0;  ///< zeros before a row of dy; the row with what is before and after it
  std::int64_t columns = 0;          ///< most of a phase, in whole vectors
  std::int64_t slots = 0;            ///< rows of dy that a row of the picture depends on

  /// Floats that one thread needs: rows of dy, channel by channel, and a row of the picture, phase by phase.
  std::int64_t dy_floats() const { return slots * s.y[1] * width; }
  std::int64_t row_floats() const { return s.x[1] * columns * s.width.stride; }
  std::int64_t scratch_floats() const { return dy_floats() + row_floats(); }
};

/// The step, bound to memory.
struct StemGradient {
  StemPlan p;
  std::vector<std::int64_t> starts;  ///< of the weights of a kernel row and a phase of columns, see arranged()
  std::int64_t threads;              ///< that there is scratch memory for
  const float *dy, *weights;
  float *scratch, *dx;
  std::int64_t dy_stride;

  void operator()() const {
    const std::int64_t rows = p.s.x[0] * p.s.x[2];
    const auto team = static_cast<int>(std::min<std::int64_t>(threads, omp_get_max_threads()));
#pragma omp parallel num_threads(team)
    {
      const std::int64_t t = omp_get_thread_num(), of = omp_get_num_threads(), end = (t + 1) * rows / of;
      for (std::int64_t row = t * rows / of; row < end;) {
        const std::int64_t n = row / p.s.x[2], stop = std::min(end, (n + 1) * p.s.x[2]);
        fill(n, row - n * p.s.x[2], stop - n * p.s.x[2], scratch + t * p.scratch_floats());
        row = stop;
      }
    }
  }

  /// The rows [first, last) of the picture.
  void fill(std::int64_t n, std::int64_t first, std::int64_t last, float* memory) const {
    std::int64_t ready = 0;  // rows of dy before this one are in their slots, or not needed any more
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t at = row + p.s.height.begin, newest = std::min(at / p.s.height.stride, p.s.y[2] - 1);
      for (ready = std::max(ready, at / p.s.height.stride - p.slots + 1); ready <= newest; ++ready)
        spread_channels(n, ready, memory);
      fill_row(n, row, memory);
    }
  }

  /// Puts a row of dy into its slot, channel by channel, with zeros on both sides.
  void spread_channels(std::int64_t n, std::int64_t row, float* memory) const {
    const std::int64_t block = channel_block(), columns = p.s.y[3], whole = columns / block * block;
    float* slot = memory + row % p.slots * p.s.y[1] * p.width;
    for (std::int64_t c = 0; c < p.s.y[1]; c += block) {
      const float* from = dy + n * dy_stride + (c * p.s.y[2] + row * block) * columns;
      float* to = slot + c * p.width;
      const std::int64_t lanes = std::min(block, p.s.y[1] - c);
      for (std::int64_t l = 0; l < lanes; ++l) {
        std::fill_n(to + l * p.width, p.left, 0.0F);
        std::fill_n(to + l * p.width + p.left + columns, p.width - p.left - columns, 0.0F);
      }
      const std::int64_t begin = lanes == block ? whole : 0;
      for (std::int64_t x = 0; x < begin; x += block)
        kernels().transpose(from + x * block, to + p.left + x, p.width);
      for (std::int64_t x = begin; x < columns; ++x)
        for (std::int64_t l = 0; l < lanes; ++l) to[l * p.width + p.left + x] = from[x * block + l];
    }
  }

  void fill_row(std::int64_t n, std::int64_t row, float* memory) const {
    const WindowAxis& height = p.s.height;
    const std::int64_t at = row + height.begin, phase = at % height.stride, position = at / height.stride;
    const std::int64_t channels = p.s.x[1];
    float* sums = memory + p.dy_floats();
    for (const Phase& b : p.phases) {
      std::array<const float*, kMostTaps> from, with;
      StemSum sum{0, p.s.y[1], b.taps, p.width, from.data(), with.data()};
      for (std::int64_t k = phase; k < height.kernel; k += height.stride) {
        const std::int64_t y = position - k / height.stride;
        if (y < 0 || y >= p.s.y[2]) continue;
        from[static_cast<std::size_t>(sum.rows)] = memory + y % p.slots * p.s.y[1] * p.width + p.left + b.first;
        with[static_cast<std::size_t>(sum.rows++)] =
            weights + starts[static_cast<std::size_t>(k * p.s.width.stride + b.phase)];
      }
      std::int64_t x = 0;
      for (const auto& [columns, tiles] : kernels().sums)
        for (; x + columns <= round_up(b.count, kVector); x += columns)
          tiles[static_cast<std::size_t>(channels - 1)](sum, x, sums + b.phase * p.columns,
                                                        p.s.width.stride * p.columns);
    }
    for (std::int64_t c = 0; c < channels; ++c)
      join_phases(sums + c * p.s.width.stride * p.columns, dx + ((n * channels + c) * p.s.x[2] + row) * p.s.x[3]);
  }

  /// The columns of the picture in order. Phase (x + begin) modulo the stride holds column x.
  void join_phases(const float* sums, float* to) const {
    const std::int64_t stride = p.s.width.stride, columns = p.s.x[3];
    const auto phase = [&](std::int64_t x) { return sums + (x + p.s.width.begin) % stride * p.columns; };
    if (stride == 1) {
      std::copy_n(sums, columns, to);
    } else if (stride == 2) {
      const float *even = phase(0), *odd = phase(1);
      for (std::int64_t i = 0; i < columns / 2; ++i) {
        to[2 * i] = even[i];
        to[2 * i + 1] = odd[i];
      }
      if (columns % 2 != 0) to[columns - 1] = even[columns / 2];
    } else {
      for (std::int64_t b = 0; b < std::min(stride, columns); ++b)
        for (std::int64_t x = b, i = 0; x < columns; x += stride, ++i) to[x] = phase(b)[i];
    }
  }
};

std::int64_t taps_of(const ConvolutionShape& s) { return s.x[1] * s.height.kernel * s.width.kernel; }

/// [kernel row][phase of columns][channel of dy][tap][channel of the picture], and where each phase begins.
std::pair<std::vector<float>, std::vector<std::int64_t>> arranged(const Tensor& w, const StemPlan& p) {
  const auto from = w.as<float>();
  const std::int64_t columns = p.s.width.kernel, rows = p.s.height.kernel, channels = p.s.x[1];
  std::vector<float> out;
  std::vector<std::int64_t> starts;
  out.reserve(from.size());
  for (std::int64_t k = 0; k < rows; ++k)
    for (std::int64_t b = 0; b < p.s.width.stride; ++b) {
      starts.push_back(static_cast<std::int64_t>(out.size()));
      for (std::int64_t o = 0; o < p.s.y[1]; ++o)
        for (std::int64_t x = b; x < columns; x += p.s.width.stride)
          for (std::int64_t c = 0; c < channels; ++c)
            out.push_back(from[static_cast<std::size_t>(((o * channels + c) * rows + k) * columns + x)]);
    }
  return {std::move(out), std::move(starts)};
}

}  // namespace

bool is_stem(const ConvolutionShape& s) {
  return s.group == 1 && s.x[1] <= kMostChannels && s.height.dilation == 1 && s.width.dilation == 1 &&
         taps_of(s) <= kMostTaps;
}

void emit_stem_gradient(Lowering& lowering, const std::string& label, const ConvolutionShape& s, const View& dy,
                        ValueId weights, const View& dx) {
  lowering.check_numbers(weights);
  const StemPlan plan(s);
  auto [values, starts] = arranged(*lowering.constant(weights), plan);
  const auto count = static_cast<std::int64_t>(values.size());
  const View w = lowering.own_constant(std::move(values), {count});
  const std::int64_t threads = omp_get_max_threads();
  const View scratch = lowering.scratch(static_cast<std::size_t>(threads * plan.scratch_floats()) * sizeof(float));
  const Bind bind = [=, starts = std::move(starts)](const Memory& memory) -> Run {
    StemGradient g{plan,          starts,         threads, memory.at(dy), memory.at(w), memory.at(scratch),
                   memory.at(dx), dy.image_stride};
    return [g = std::move(g)] { g(); };
  };
  lowering.emit(
      label, "limn:stem", {dy, w}, {dx, scratch}, bind,
      2 * static_cast<double>(element_count(s.weights())) * static_cast<double>(s.y[0] * s.y[2] * s.y[3]));
}

}  // namespace limn
