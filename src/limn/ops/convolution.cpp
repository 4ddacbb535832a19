#include "limn/ops/convolution.h"

#include <algorithm>

namespace limn {
namespace {

/// Columns worked on at once: enough to fill vector loops, few enough for the cache.
constexpr std::int64_t kColumns = 256;

/// A row-major matrix inside a larger one; `across` steps to the next column, `down` to the next row.
template <class T>
struct Matrix {
  T* data;
  std::int64_t down, across = 1;
  T* row(std::int64_t i) const { return data + i * down; }
  T& at(std::int64_t i, std::int64_t j) const { return data[i * down + j * across]; }
};

/// c[m, p] += a[m, k] b[k, p]; b and c have adjacent columns. Two rows by four products a pass, so that the inner
/// loop reads and writes c once for four multiplications.
template <class T>
void add_product(std::int64_t m, std::int64_t k, std::int64_t p, Matrix<const T> a, Matrix<const T> b,
                 Matrix<T> c) {
  std::int64_t j = 0;
  for (; j + 4 <= k; j += 4) {
    const T *b0 = b.row(j), *b1 = b.row(j + 1), *b2 = b.row(j + 2), *b3 = b.row(j + 3);
    std::int64_t i = 0;
    for (; i + 2 <= m; i += 2) {
      const T a00 = a.at(i, j), a01 = a.at(i, j + 1), a02 = a.at(i, j + 2), a03 = a.at(i, j + 3);
      const T a10 = a.at(i + 1, j), a11 = a.at(i + 1, j + 1), a12 = a.at(i + 1, j + 2), a13 = a.at(i + 1, j + 3);
      T* __restrict c0 = c.row(i);
      T* __restrict c1 = c.row(i + 1);
      for (std::int64_t q = 0; q < p; ++q) {
        c0[q] += a00 * b0[q] + a01 * b1[q] + a02 * b2[q] + a03 * b3[q];
        c1[q] += a10 * b0[q] + a11 * b1[q] + a12 * b2[q] + a13 * b3[q];
      }
    }
    for (; i < m; ++i) {
      const T a0 = a.at(i, j), a1 = a.at(i, j + 1), a2 = a.at(i, j + 2), a3 = a.at(i, j + 3);
      T* __restrict c0 = c.row(i);
      for (std::int64_t q = 0; q < p; ++q) c0[q] += a0 * b0[q] + a1 * b1[q] + a2 * b2[q] + a3 * b3[q];
    }
  }
  for (; j < k; ++j)
    for (std::int64_t i = 0; i < m; ++i) {
      const T a0 = a.at(i, j);
      T* __restrict c0 = c.row(i);
      const T* b0 = b.row(j);
      for (std::int64_t q = 0; q < p; ++q) c0[q] += a0 * b0[q];
    }
}

/// Visits every (channel, kernel position, output row) of the rows [first, last) of one image: f(index of the row
/// of the column matrix, first column of the output row, kw, address of the input row or nullptr in the padding).
template <class T, class F>
void for_each_column_row(const Convolution& c, T* image, std::int64_t first, std::int64_t last, F&& f) {
  const auto& [d, h, w] = c.axes;
  const std::int64_t plane = input_count(c.axes);
  std::int64_t k = 0;
  for (std::int64_t channel = 0; channel < c.in_channels; ++channel)
    for (std::int64_t kd = 0; kd < d.kernel; ++kd)
      for (std::int64_t kh = 0; kh < h.kernel; ++kh)
        for (std::int64_t kw = 0; kw < w.kernel; ++kw, ++k)
          for (std::int64_t row = first; row < last; ++row) {
            const std::int64_t id = d.at(row / h.out, kd), ih = h.at(row % h.out, kh);
            const bool inside = id >= 0 && id < d.in && ih >= 0 && ih < h.in;
            f(k, (row - first) * w.out, kw, inside ? image + channel * plane + (id * h.in + ih) * w.in : nullptr);
          }
}

/// The inputs under every tap, one column per window of the output rows [first, last).
template <class T>
void gather_columns(const Convolution& c, const T* image, std::int64_t first, std::int64_t last,
                    Matrix<T> columns) {
  const WindowAxis& w = c.axes[2];
  for_each_column_row(
      c, image, first, last, [&](std::int64_t k, std::int64_t column, std::int64_t kw, const T* row) {
        T* to = columns.row(k) + column;
        const auto [begin, end] = row ? w.windows(kw) : std::pair<std::int64_t, std::int64_t>{w.out, w.out};
        std::fill(to, to + begin, T{});
        const std::int64_t offset = w.at(0, kw);
        for (std::int64_t o = begin; o < end; ++o) to[o] = row[o * w.stride + offset];
        std::fill(to + end, to + w.out, T{});
      });
}

/// The transpose of gather_columns: adds every column to the inputs under its taps.
template <class T>
void scatter_columns(const Convolution& c, Matrix<const T> columns, std::int64_t first, std::int64_t last,
                     T* image) {
  const WindowAxis& w = c.axes[2];
  for_each_column_row(c, image, first, last, [&](std::int64_t k, std::int64_t column, std::int64_t kw, T* row) {
    if (row == nullptr) return;
    const T* from = columns.row(k) + column;
    const auto [begin, end] = w.windows(kw);
    const std::int64_t offset = w.at(0, kw);
    for (std::int64_t o = begin; o < end; ++o) row[o * w.stride + offset] += from[o];
  });
}

std::int64_t taps_of(const Convolution& c) {
  return c.in_channels * c.axes[0].kernel * c.axes[1].kernel * c.axes[2].kernel;
}

/// Calls f(first, last) for runs of output rows of about kColumns windows.
template <class F>
void for_each_run(const Convolution& c, F&& f) {
  const std::int64_t rows = c.axes[0].out * c.axes[1].out;
  const std::int64_t run = std::max<std::int64_t>(1, kColumns / std::max<std::int64_t>(1, c.axes[2].out));
  for (std::int64_t first = 0; first < rows; first += run) f(first, std::min(rows, first + run));
}

/// The most columns that for_each_run asks for.
std::int64_t run_columns(const Convolution& c) { return std::max(kColumns, c.axes[2].out); }

template <class T>
void fill_channels(std::span<T> data, std::span<const T> bias, std::int64_t plane) {
  for (std::size_t i = 0; i < data.size(); ++i)
    data[i] = bias.empty() ? T{} : bias[i / static_cast<std::size_t>(plane) % bias.size()];
}

}  // namespace

template <class T>
void convolve(const Convolution& c, std::span<const T> x, std::span<const T> w, std::span<const T> bias,
              std::span<T> y) {
  const std::int64_t taps = taps_of(c), in = input_count(c.axes), out = output_count(c.axes);
  std::vector<T> storage(static_cast<std::size_t>(taps * run_columns(c)));
  const Matrix<T> columns{storage.data(), run_columns(c)};
  fill_channels(y, bias, out);
  for (std::int64_t i = 0; i < c.batch * c.group; ++i) {
    const T* image = x.data() + i * c.in_channels * in;
    T* result = y.data() + i * c.out_channels * out;
    const T* weights = w.data() + i % c.group * c.out_channels * taps;
    for_each_run(c, [&](std::int64_t first, std::int64_t last) {
      gather_columns(c, image, first, last, columns);
      add_product<T>(c.out_channels, taps, (last - first) * c.axes[2].out, {weights, taps},
                     {storage.data(), columns.down}, {result + first * c.axes[2].out, out});
    });
  }
}

template <class T>
void convolve_back(const Convolution& c, std::span<const T> dy, std::span<const T> w, std::span<const T> bias,
                   std::span<T> dx) {
  const std::int64_t taps = taps_of(c), in = input_count(c.axes), out = output_count(c.axes);
  std::vector<T> storage(static_cast<std::size_t>(taps * run_columns(c)));
  fill_channels(dx, bias, in);
  for (std::int64_t i = 0; i < c.batch * c.group; ++i) {
    T* image = dx.data() + i * c.in_channels * in;
    const T* cotangent = dy.data() + i * c.out_channels * out;
    const T* weights = w.data() + i % c.group * c.out_channels * taps;
    for_each_run(c, [&](std::int64_t first, std::int64_t last) {
      std::ranges::fill(storage, T{});
      add_product<T>(taps, c.out_channels, (last - first) * c.axes[2].out, {weights, 1, taps},
                     {cotangent + first * c.axes[2].out, out}, {storage.data(), run_columns(c)});
      scatter_columns<T>(c, {storage.data(), run_columns(c)}, first, last, image);
    });
  }
}

template void convolve<float>(const Convolution&, std::span<const float>, std::span<const float>,
                              std::span<const float>, std::span<float>);
template void convolve<double>(const Convolution&, std::span<const double>, std::span<const double>,
                               std::span<const double>, std::span<double>);
template void convolve_back<float>(const Convolution&, std::span<const float>, std::span<const float>,
                                   std::span<const float>, std::span<float>);
template void convolve_back<double>(const Convolution&, std::span<const double>, std::span<const double>,
                                    std::span<const double>, std::span<double>);

}  // namespace limn
