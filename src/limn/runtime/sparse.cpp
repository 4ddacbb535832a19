#include "limn/runtime/sparse.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "limn/base/multiversion.h"
#include "limn/runtime/links.h"

namespace limn {
namespace {

bool is_product(const Node& node) {
  static constexpr std::string_view kProducts[] = {"Conv", "limn::ConvGrad", "Gemm", "MatMul"};
  return std::ranges::find(kProducts, node.op) != std::end(kProducts);
}

/// Up to one non-zero channel in this many is few.
constexpr std::int64_t kFew = 16;
/// Images up to this number share what is read of a matrix.
constexpr std::int64_t kFewImages = 8;

/// Rows of weights that are added together, so that the sum is read and written once for all of them.
constexpr std::size_t kRows = 8;
constexpr std::int64_t kColumns = 4096;

LIMN_MULTIVERSION void add_rows(float* __restrict y, const float* const* rows, const float* a, std::int64_t n) {
  const float *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3], *r4 = rows[4], *r5 = rows[5],
              *r6 = rows[6], *r7 = rows[7];
  for (std::int64_t i = 0; i < n; ++i)
    y[i] += ((a[0] * r0[i] + a[1] * r1[i]) + (a[2] * r2[i] + a[3] * r3[i])) +
            ((a[4] * r4[i] + a[5] * r5[i]) + (a[6] * r6[i] + a[7] * r7[i]));
}

LIMN_MULTIVERSION void add_row(float* __restrict y, const float* __restrict row, float a, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += a * row[i];
}

/// dx = dy w, bound to memory.
struct SparseRows {
  const float *dy, *w;
  float* dx;
  std::int64_t images, rows, columns;
  std::vector<std::int32_t> found;  ///< rows of w that some image reads
  Run dense;

  void operator()() {
    if (!find()) return dense();
    const std::int64_t pieces = (columns + kColumns - 1) / kColumns;
#pragma omp parallel for schedule(static) if (columns * static_cast <std::int64_t>(found.size()) > kColumns * 8)
    for (std::int64_t p = 0; p < pieces; ++p) add_piece(p * kColumns, std::min(columns, (p + 1) * kColumns));
  }

  /// A few images are bound by reading the weights: leaving out rows is always right, and rectifiers leave half of
  /// them. More are so only where they read few rows.
  bool find() {
    const std::int64_t most = images <= kFewImages ? rows : std::max<std::int64_t>(1, rows / kFew);
    found.clear();
    for (std::int64_t r = 0; r < rows; ++r) {
      if (!is_read(r)) continue;
      if (static_cast<std::int64_t>(found.size()) == most) return false;
      found.push_back(static_cast<std::int32_t>(r));
    }
    return true;
  }
  bool is_read(std::int64_t row) const {
    for (std::int64_t n = 0; n < images; ++n)
      if (dy[n * rows + row] != 0.0F) return true;
    return false;
  }

  /// Some columns of all images, so that the weights come from memory once.
  void add_piece(std::int64_t first, std::int64_t last) const {
    for (std::int64_t n = 0; n < images; ++n) std::fill(dx + n * columns + first, dx + n * columns + last, 0.0F);
    std::size_t i = 0;
    for (; i + kRows <= found.size(); i += kRows) {
      const float* pointers[kRows];
      for (std::size_t k = 0; k < kRows; ++k) pointers[k] = w + found[i + k] * columns + first;
      for (std::int64_t n = 0; n < images; ++n) {
        float factors[kRows];
        for (std::size_t k = 0; k < kRows; ++k) factors[k] = dy[n * rows + found[i + k]];
        add_rows(dx + n * columns + first, pointers, factors, last - first);
      }
    }
    for (; i < found.size(); ++i)
      for (std::int64_t n = 0; n < images; ++n)
        add_row(dx + n * columns + first, w + found[i] * columns + first, dy[n * rows + found[i]], last - first);
  }
};

/// Which lanes of a plane hold anything.
LIMN_MULTIVERSION std::uint32_t lanes_used(const float* x, std::int64_t n, std::int64_t lanes) {
  std::uint32_t used[16] = {};
  for (std::int64_t i = 0; i < n; i += lanes)
    for (std::int64_t l = 0; l < lanes; ++l) used[l] |= x[i + l] != 0.0F ? 1U : 0U;
  std::uint32_t mask = 0;
  for (std::int64_t l = 0; l < lanes; ++l) mask |= used[l] << l;
  return mask;
}

/// to[p][l] += w[l] * from[p][0] over `positions`, for one block of channels.
LIMN_MULTIVERSION void outer_16(float* to, const float* from, const float* w, std::int64_t positions) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t l = 0; l < 16; ++l) to[p * 16 + l] += w[l] * from[p * 16];
}
LIMN_MULTIVERSION void outer_8(float* to, const float* from, const float* w, std::int64_t positions) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t l = 0; l < 8; ++l) to[p * 8 + l] += w[l] * from[p * 8];
}

/// A pointwise gradient bound to memory, one image after the other.
struct SparsePointwise {
  const float *dy, *w;
  float* dx;
  std::int64_t images, channels, outputs;  ///< dy has `channels`, dx has `outputs`
  std::int64_t rows, columns, dy_rows, dy_columns, top, left;
  std::int64_t dy_stride, dx_stride;
  std::vector<std::vector<std::int32_t>> found;  ///< per image, the channels of dy in use
  Run dense;

  /// Whether one position of the image uses more than `most` channels: then the others need not be read.
  bool is_dense_at(std::int64_t position, std::int64_t n, std::size_t most) const {
    const std::int64_t block = channel_block(), plane = dy_rows * dy_columns * block;
    std::size_t used = 0;
    for (std::int64_t c = 0; c < channels && used <= most; c += block)
      used += static_cast<std::size_t>(
          std::popcount(lanes_used(dy + n * dy_stride + c / block * plane + position * block, block, block)));
    return used > most;
  }

  /// False when some image uses many channels.
  bool find() {
    const std::int64_t block = channel_block(), plane = dy_rows * dy_columns * block;
    const auto most = static_cast<std::size_t>(channels / kFew);
    for (std::int64_t n = 0; n < images; ++n) {
      constexpr std::int64_t kSamples = 8;
      for (std::int64_t i = 0; i < kSamples; ++i)
        if (is_dense_at((2 * i + 1) * dy_rows * dy_columns / (2 * kSamples), n, most)) return false;
      auto& list = found[static_cast<std::size_t>(n)];
      list.clear();
      for (std::int64_t c = 0; c < channels; c += block) {
        std::uint32_t mask = lanes_used(dy + n * dy_stride + c / block * plane, plane, block);
        for (; mask != 0; mask &= mask - 1) {
          if (list.size() == most) return false;
          list.push_back(static_cast<std::int32_t>(c + std::countr_zero(mask)));
        }
      }
    }
    return true;
  }

  void operator()() {
    if (!find()) return dense();
    const std::int64_t block = channel_block(), blocks = round_up(outputs, block) / block;
#pragma omp parallel for collapse(2) schedule(static)
    for (std::int64_t n = 0; n < images; ++n)
      for (std::int64_t b = 0; b < blocks; ++b) fill(n, b);
  }

  /// One block of channels of one image.
  void fill(std::int64_t n, std::int64_t b) const {
    const std::int64_t block = channel_block(), plane = rows * columns * block,
                       dy_plane = dy_rows * dy_columns * block;
    float* to = dx + n * dx_stride + b * plane;
    std::fill_n(to, plane, 0.0F);
    for (const std::int32_t c : found[static_cast<std::size_t>(n)]) {
      float weights[16] = {};
      std::copy_n(w + c * outputs + b * block, std::min(block, outputs - b * block), weights);
      const float* from = dy + n * dy_stride + c / block * dy_plane + c % block;
      for (std::int64_t r = 0; r < rows; ++r) {
        const float* row = from + ((r + top) * dy_columns + left) * block;
        (block == 16 ? outer_16 : outer_8)(to + r * columns * block, row, weights, columns);
      }
    }
  }
};

}  // namespace

std::vector<char> values_maybe_sparse(const Graph& graph) {
  std::vector<char> sparse(graph.value_count());
  for (const ValueId id : graph.inputs()) sparse[index(id)] = 1;
  for (const Node& node : graph.nodes()) {
    if (is_product(node)) continue;
    const auto last = is_mask(node) ? node.in.begin() + 1 : node.in.end();
    if (!std::any_of(node.in.begin(), last, [&](ValueId i) { return i != kAbsent && sparse[index(i)] != 0; }))
      continue;
    for (const ValueId o : node.out)
      if (o != kAbsent) sparse[index(o)] = 1;
  }
  return sparse;
}

Bind bind_sparse_rows(const View& dy, const View& w, const View& dx, Bind dense) {
  return [=](const Memory& memory) -> Run {
    auto r = std::make_shared<SparseRows>(SparseRows{
        memory.at(dy), memory.at(w), memory.at(dx), dy.dims[0], dy.dims[1], dx.dims[1], {}, dense(memory)});
    r->found.reserve(static_cast<std::size_t>(r->rows));
    return [r] { (*r)(); };
  };
}

Bind bind_sparse_pointwise(const View& dy, const View& w, const View& dx, std::int64_t top, std::int64_t left,
                           Bind dense) {
  return [=](const Memory& memory) -> Run {
    auto s = std::make_shared<SparsePointwise>();
    s->dy = memory.at(dy);
    s->w = memory.at(w);
    s->dx = memory.at(dx);
    s->images = dy.images();
    s->channels = dy.channels();
    s->outputs = dx.channels();
    s->rows = dx.dims[2];
    s->columns = dx.dims[3];
    s->dy_rows = dy.dims[2];
    s->dy_columns = dy.dims[3];
    s->top = top;
    s->left = left;
    s->dy_stride = dy.image_stride;
    s->dx_stride = dx.image_stride;
    s->found.resize(static_cast<std::size_t>(s->images));
    for (auto& list : s->found) list.reserve(static_cast<std::size_t>(s->channels / kFew));
    s->dense = dense(memory);
    return [s] { (*s)(); };
  };
}

Bind bind_window(const View& from, const View& to, std::int64_t top, std::int64_t left) {
  return [=](const Memory& memory) -> Run {
    const float* x = memory.at(from);
    float* y = memory.at(to);
    const bool blocked = to.layout == Layout::blocked;
    const std::int64_t lanes = blocked ? channel_block() : to.channels();
    const std::int64_t planes = blocked ? round_up(to.channels(), lanes) / lanes : 1;
    const std::int64_t rows = from.dims[2], columns = from.dims[3], to_rows = to.dims[2], to_columns = to.dims[3];
    const std::int64_t images = to.images(), x_stride = from.image_stride, y_stride = to.image_stride;
    // The columns [first, last) of `to` exist in `from`.
    const std::int64_t first = std::clamp<std::int64_t>(-left, 0, to_columns);
    const std::int64_t last = std::clamp<std::int64_t>(columns - left, first, to_columns);
    return [=] {
#pragma omp parallel for collapse(2) schedule(static)
      for (std::int64_t n = 0; n < images; ++n)
        for (std::int64_t p = 0; p < planes; ++p)
          for (std::int64_t r = 0; r < to_rows; ++r) {
            float* out = y + n * y_stride + (p * to_rows + r) * to_columns * lanes;
            const bool exists = r + top >= 0 && r + top < rows;
            const std::int64_t begin = exists ? first : to_columns, end = exists ? last : to_columns;
            std::fill(out, out + begin * lanes, 0.0F);
            const float* in = x + n * x_stride + (p * rows + r + top) * columns * lanes;
            if (exists) std::copy(in + (begin + left) * lanes, in + (end + left) * lanes, out + begin * lanes);
            std::fill(out + end * lanes, out + to_columns * lanes, 0.0F);
          }
    };
  };
}

}  // namespace limn
