// Reductions over planes and channels, copies, conversions.

#include "limn/runtime/kernels.h"

#include <algorithm>
#include <cstring>

#include "limn/base/multiversion.h"

namespace limn {
namespace {

void max_lanes(const float* x, std::int64_t n, std::int64_t lanes, float* out) {
  std::copy(x, x + lanes, out);
  for (std::int64_t i = lanes; i < n; ++i) out[i % lanes] = std::max(out[i % lanes], x[i]);
}

LIMN_MULTIVERSION void add_positions(const float* x, std::int64_t positions, std::int64_t lanes, float* to) {
  for (std::int64_t p = 0; p < positions; ++p) {
    float total = 0.0F;
    for (std::int64_t l = 0; l < lanes; ++l) total += x[p * lanes + l];
    to[p] += total;
  }
}

/// Lanes of one plane to other lanes of another, `count` of them.
void copy_lanes(const float* from, float* to, std::int64_t positions, std::int64_t block, std::int64_t count) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t l = 0; l < count; ++l) to[p * block + l] = from[p * block + l];
}

}  // namespace

LIMN_MULTIVERSION void sum_lanes(const float* x, std::int64_t n, std::int64_t lanes, float* out) {
  float total[4][kPatternWidth] = {};
  std::int64_t i = 0;
  for (; i + 4 * kPatternWidth <= n; i += 4 * kPatternWidth)
    for (std::int64_t k = 0; k < 4; ++k)
      for (std::int64_t l = 0; l < kPatternWidth; ++l) total[k][l] += x[i + k * kPatternWidth + l];
  for (; i < n; ++i) total[0][i % kPatternWidth] += x[i];
  for (std::int64_t l = 0; l < lanes; ++l) out[l] = 0.0F;
  for (std::int64_t l = 0; l < kPatternWidth; ++l)
    out[l % lanes] += total[0][l] + total[1][l] + total[2][l] + total[3][l];
}

Bind bind_plane_reduction(const View& from, const View& to, float scale, bool maximum) {
  return [=](const Memory& memory) -> Run {
    const ChainShape s = chain_shape(from);
    const float* x = memory.at(from);
    float* y = memory.at(to);
    const std::int64_t x_stride = from.image_stride, y_stride = to.image_stride;
    return [=] {
#pragma omp parallel for collapse(2) schedule(static) if (s.images * s.planes * s.plane >= kWorthThreads)
      for (std::int64_t image = 0; image < s.images; ++image)
        for (std::int64_t plane = 0; plane < s.planes; ++plane) {
          const float* in = x + image * x_stride + plane * s.plane;
          float* out = y + image * y_stride + plane * s.lanes;
          maximum ? max_lanes(in, s.plane, s.lanes, out) : sum_lanes(in, s.plane, s.lanes, out);
          for (std::int64_t l = 0; l < s.lanes; ++l) out[l] *= scale;
        }
    };
  };
}

Bind bind_channel_sum(const View& from, const View& to, float scale) {
  return [=](const Memory& memory) -> Run {
    const ChainShape s = chain_shape(from);
    const float* x = memory.at(from);
    float* y = memory.at(to);
    const std::int64_t positions = from.plane(), x_stride = from.image_stride;
    constexpr std::int64_t kRun = 256;
    const std::int64_t runs = (positions + kRun - 1) / kRun;
    return [=] {
#pragma omp parallel for collapse(2) schedule(static) if (s.images * s.planes * s.plane >= kWorthThreads)
      for (std::int64_t image = 0; image < s.images; ++image)
        for (std::int64_t run = 0; run < runs; ++run) {
          const std::int64_t first = run * kRun, count = std::min(kRun, positions - first);
          float* out = y + image * positions + first;
          std::fill(out, out + count, 0.0F);
          for (std::int64_t plane = 0; plane < s.planes; ++plane)
            add_positions(x + image * x_stride + plane * s.plane + first * s.lanes, count, s.lanes, out);
          for (std::int64_t i = 0; i < count; ++i) out[i] *= scale;
        }
    };
  };
}

Bind bind_channel_copy(const View& from, std::int64_t first_from, const View& to, std::int64_t first_to,
                       std::int64_t count) {
  return [=](const Memory& memory) -> Run {
    const float* x = memory.at(from);
    float* y = memory.at(to);
    const std::int64_t block = channel_block(), positions = from.plane(), plane = positions * block;
    const std::int64_t images = from.images(), x_stride = from.image_stride, y_stride = to.image_stride;
    const bool last = first_to + count == to.channels();
    // Pieces that lie in one block of both views.
    struct Piece {
      std::int64_t from, to, lanes, clear;
    };
    std::vector<Piece> pieces;
    for (std::int64_t c = 0; c < count;) {
      const std::int64_t a = first_from + c, b = first_to + c;
      const std::int64_t lanes = std::min({block - a % block, block - b % block, count - c});
      c += lanes;
      const std::int64_t end = b % block + lanes;
      pieces.push_back({a / block * plane + a % block, b / block * plane + b % block, lanes,
                        last && c == count ? block - end : 0});
    }
    return [=, pieces = std::move(pieces)] {
      const auto n = static_cast<std::int64_t>(pieces.size());
#pragma omp parallel for collapse(2) schedule(static) if (images * n * plane >= kWorthThreads)
      for (std::int64_t image = 0; image < images; ++image)
        for (std::int64_t i = 0; i < n; ++i) {
          const Piece& p = pieces[static_cast<std::size_t>(i)];
          const float* in = x + image * x_stride + p.from;
          float* out = y + image * y_stride + p.to;
          if (p.lanes == block) {
            std::memcpy(out, in, static_cast<std::size_t>(plane) * sizeof(float));
            continue;
          }
          copy_lanes(in, out, positions, block, p.lanes);
          if (p.clear > 0)
            for (std::int64_t q = 0; q < positions; ++q) std::fill_n(out + q * block + p.lanes, p.clear, 0.0F);
        }
    };
  };
}

Bind bind_copy(const View& from, const View& to) {
  return [=](const Memory& memory) -> Run {
    const std::byte* x = memory.at<std::byte>(from);
    std::byte* y = memory.at<std::byte>(to);
    return [=, bytes = from.extent()] { std::memcpy(y, x, bytes); };
  };
}

Bind bind_to_float(const View& from, const View& to) {
  return [=](const Memory& memory) -> Run {
    const std::byte* x = memory.at<std::byte>(from);
    float* y = memory.at(to);
    const auto n = static_cast<std::size_t>(element_count(from.dims));
    return [=, dtype = from.dtype] {
      dispatch(dtype, [&]<class T>() {
        std::transform(reinterpret_cast<const T*>(x), reinterpret_cast<const T*>(x) + n, y,
                       [](T v) { return static_cast<float>(v); });
      });
    };
  };
}

bool has_nan(std::span<const float> values) {
  constexpr std::uint32_t kInfinity = 0x7f800000U, kMagnitude = 0x7fffffffU;
  std::uint32_t found = 0;
  const auto n = static_cast<std::int64_t>(values.size());
#pragma omp parallel for schedule(static) reduction(| : found) if (n >= 16 * kWorthThreads)
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &values[static_cast<std::size_t>(i)], sizeof(bits));
    found |= (bits & kMagnitude) > kInfinity ? 1U : 0U;
  }
  return found != 0;
}

}  // namespace limn
