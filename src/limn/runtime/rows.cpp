#include "limn/runtime/rows.h"

#include <algorithm>
#include <cmath>

#include "limn/base/multiversion.h"
#include "limn/runtime/vector_math.h"

namespace limn {
namespace {

/// Below this many elements threads cost more than they bring.
constexpr std::int64_t kParallel = 16384;

/// The largest element; NaN is passed over.
[[gnu::always_inline]] inline float largest(const float* x, std::int64_t n) {
  constexpr std::int64_t kWidth = 16;
  float top[kWidth];
  for (std::int64_t l = 0; l < kWidth; ++l) top[l] = x[0];
  std::int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth)
    for (std::int64_t l = 0; l < kWidth; ++l) top[l] = x[i + l] > top[l] ? x[i + l] : top[l];
  for (; i < n; ++i) top[0] = x[i] > top[0] ? x[i] : top[0];
  return *std::max_element(top, top + kWidth);
}

LIMN_MULTIVERSION void softmax_row(const float* x, float* y, std::int64_t n) {
  const float top = largest(x, n);
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) {
    const float e = vector_exp(x[i] - top);
    y[i] = e;
    sum += e;
  }
  const float inverse = 1.0F / sum;
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) y[i] *= inverse;
}

LIMN_MULTIVERSION void softmax_gradient_row(const float* dy, const float* y, float* dx, std::int64_t n) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += dy[i] * y[i];
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - sum);
}

struct Statistics {
  float mean, inverse;  ///< inverse of the standard deviation
};

[[gnu::always_inline]] inline Statistics statistics_of(const float* x, std::int64_t n, float epsilon) {
  float sum = 0.0F, squares = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += x[i];
  const float mean = sum / static_cast<float>(n);
#pragma omp simd reduction(+ : squares)
  for (std::int64_t i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  return {mean, 1.0F / std::sqrt(squares / static_cast<float>(n) + epsilon)};
}

/// A row with one scale, and maybe one bias, per element.
LIMN_MULTIVERSION void normalize_row(const float* x, const float* scale, const float* bias, float* y,
                                     std::int64_t n, float epsilon) {
  const Statistics s = statistics_of(x, n, epsilon);
  if (bias == nullptr) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) y[i] = (x[i] - s.mean) * s.inverse * scale[i];
  } else {
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) y[i] = (x[i] - s.mean) * s.inverse * scale[i] + bias[i];
  }
}

/// A row of planes with one scale and bias each.
LIMN_MULTIVERSION void normalize_planes(const float* x, const float* scale, const float* bias, float* y,
                                        std::int64_t planes, std::int64_t plane, float epsilon) {
  const Statistics s = statistics_of(x, planes * plane, epsilon);
  for (std::int64_t c = 0; c < planes; ++c) {
    const float factor = s.inverse * scale[c], shift = (bias == nullptr ? 0.0F : bias[c]) - s.mean * factor;
    const float* from = x + c * plane;
    float* to = y + c * plane;
#pragma omp simd
    for (std::int64_t i = 0; i < plane; ++i) to[i] = from[i] * factor + shift;
  }
}

/// With u = (x - mean) / deviation and d = dy scale: dx = (d - mean(d) - u mean(d u)) / deviation.
LIMN_MULTIVERSION void normalize_gradient_row(const float* dy, const float* x, const float* scale, float* dx,
                                              std::int64_t n, float epsilon) {
  const Statistics s = statistics_of(x, n, epsilon);
  float sum = 0.0F, along = 0.0F;
#pragma omp simd reduction(+ : sum, along)
  for (std::int64_t i = 0; i < n; ++i) {
    const float d = dy[i] * scale[i];
    sum += d;
    along += d * (x[i] - s.mean);
  }
  const float share = sum / static_cast<float>(n);
  const float pull = along / static_cast<float>(n) * s.inverse * s.inverse;
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) dx[i] = s.inverse * (dy[i] * scale[i] - share - (x[i] - s.mean) * pull);
}

/// Runs f(row) for every row, by several threads where it pays.
template <class F>
void each_row(const Rows& rows, F&& f) {
#pragma omp parallel for schedule(static) if (rows.count * rows.length >= kParallel)
  for (std::int64_t r = 0; r < rows.count; ++r) f(r);
}

}  // namespace

Bind bind_softmax(const Rows& rows, const View& x, const View& y) {
  return [=](const Memory& memory) -> Run {
    const float* from = memory.at(x);
    float* to = memory.at(y);
    return [=] {
      each_row(rows,
               [=](std::int64_t r) { softmax_row(from + r * rows.length, to + r * rows.length, rows.length); });
    };
  };
}

Bind bind_softmax_gradient(const Rows& rows, const View& dy, const View& y, const View& dx) {
  return [=](const Memory& memory) -> Run {
    const float *d = memory.at(dy), *result = memory.at(y);
    float* to = memory.at(dx);
    return [=] {
      each_row(rows, [=](std::int64_t r) {
        const std::int64_t at = r * rows.length;
        softmax_gradient_row(d + at, result + at, to + at, rows.length);
      });
    };
  };
}

Bind bind_normalization(const Normalization& n, const View& x, const View& scale, const std::optional<View>& bias,
                        const View& y) {
  return [=](const Memory& memory) -> Run {
    const float *from = memory.at(x), *factors = memory.at(scale), *shifts = bias ? memory.at(*bias) : nullptr;
    float* to = memory.at(y);
    return [=] {
      each_row(n.rows, [=](std::int64_t r) {
        const std::int64_t at = r * n.rows.length, first = r % n.period * n.channels;
        const float* shift = shifts == nullptr ? nullptr : shifts + first;
        if (n.plane == 1)
          normalize_row(from + at, factors + first, shift, to + at, n.rows.length, n.epsilon);
        else
          normalize_planes(from + at, factors + first, shift, to + at, n.channels, n.plane, n.epsilon);
      });
    };
  };
}

Bind bind_normalization_gradient(const Normalization& n, const View& dy, const View& x, const View& scale,
                                 const View& dx) {
  return [=](const Memory& memory) -> Run {
    const float *d = memory.at(dy), *from = memory.at(x), *factors = memory.at(scale);
    float* to = memory.at(dx);
    return [=] {
      each_row(n.rows, [=](std::int64_t r) {
        const std::int64_t at = r * n.rows.length;
        normalize_gradient_row(d + at, from + at, factors, to + at, n.rows.length, n.epsilon);
      });
    };
  };
}

}  // namespace limn
