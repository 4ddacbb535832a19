#include "limn/runtime/strided.h"

#include <algorithm>
#include <cstring>

namespace limn {
namespace {

/// Below this many elements threads cost more than they bring.
constexpr std::int64_t kParallel = 16384;
/// Rows and columns that are transposed together, so that both sides stay in the first cache.
constexpr std::int64_t kTile = 16;

/// Leaves out axes of one element and joins those that are read one after the other.
StridedSource simplified(const StridedSource& s) {
  StridedSource out{s.offset, {}, {}};
  for (std::size_t i = 0; i < s.dims.size(); ++i) {
    if (s.dims[i] == 1) continue;
    if (!out.dims.empty() && out.strides.back() == s.strides[i] * s.dims[i]) {
      out.dims.back() *= s.dims[i];
      out.strides.back() = s.strides[i];
    } else {
      out.dims.push_back(s.dims[i]);
      out.strides.push_back(s.strides[i]);
    }
  }
  if (out.dims.empty()) return {s.offset, {1}, {1}};
  return out;
}

/// The last axis is a row; `across` is the axis whose neighbours are adjacent in the source, where that is another.
template <class T>
struct Copy {
  StridedSource s;
  const T* from;
  T* to;
  std::int64_t row, step;            ///< length of a row, and its stride
  std::size_t outer;                 ///< axes before the row that are walked one by one
  std::int64_t across = 0, gap = 0;  ///< length of the other axis, and what it steps in the result; 0: none
  std::int64_t count = 1;            ///< rows, or planes of row and other axis
  Dims places;                       ///< steps of the outer axes in the result

  Copy(const StridedSource& source, const T* x, T* y) : s(source), from(x + source.offset), to(y) {
    row = s.dims.back();
    step = s.strides.back();
    places.assign(s.dims.size(), 1);
    for (std::size_t i = s.dims.size() - 1; i-- > 0;) places[i] = places[i + 1] * s.dims[i + 1];
    if (step != 1) take_out(std::ranges::find(s.strides, 1) - s.strides.begin());
    outer = s.dims.size() - 1;
    for (std::size_t i = 0; i < outer; ++i) count *= s.dims[i];
  }

  /// The axis that is adjacent in the source is walked together with the row.
  void take_out(std::ptrdiff_t i) {
    if (i + 1 >= static_cast<std::ptrdiff_t>(s.dims.size())) return;
    across = s.dims[static_cast<std::size_t>(i)];
    gap = places[static_cast<std::size_t>(i)];
    s.dims.erase(s.dims.begin() + i);
    s.strides.erase(s.strides.begin() + i);
    places.erase(places.begin() + i);
  }

  void operator()() const {
    const std::int64_t pieces = std::max<std::int64_t>(1, (across + kTile - 1) / kTile);
#pragma omp parallel for schedule(static) if (count * row * std::max <std::int64_t>(across, 1) >= kParallel)
    for (std::int64_t k = 0; k < count * pieces; ++k) {
      std::int64_t in = 0, out = 0, rest = k / pieces;
      for (std::size_t i = outer; i-- > 0; rest /= s.dims[i]) {
        in += rest % s.dims[i] * s.strides[i];
        out += rest % s.dims[i] * places[i];
      }
      across > 0 ? transpose(from + in, to + out, k % pieces * kTile) : copy(from + in, to + out);
    }
  }

  void copy(const T* x, T* y) const {
    if (step == 1) {
      std::memcpy(y, x, static_cast<std::size_t>(row) * sizeof(T));
      return;
    }
    for (std::int64_t i = 0; i < row; ++i) y[i] = x[i * step];
  }

  /// The rows from `first` on, a tile of them.
  void transpose(const T* x, T* y, std::int64_t first) const {
    const std::int64_t last = std::min(across, first + kTile);
    for (std::int64_t i = 0; i < row; i += kTile) {
      const std::int64_t end = std::min(row, i + kTile);
      for (std::int64_t b = first; b < last; ++b)
        for (std::int64_t j = i; j < end; ++j) y[b * gap + j] = x[j * step + b];
    }
  }
};

template <class T>
Bind bind_copy_of(const View& from, const StridedSource& source, const View& to) {
  return [=](const Memory& memory) -> Run {
    return [copy = Copy<T>(source, memory.at<T>(from), memory.at<T>(to))] { copy(); };
  };
}

}  // namespace

Bind bind_strided_copy(const View& from, const StridedSource& source, const View& to) {
  const StridedSource s = simplified(source);
  switch (size_of(to.dtype)) {
    case 1: return bind_copy_of<std::uint8_t>(from, s, to);
    case 2: return bind_copy_of<std::uint16_t>(from, s, to);
    case 4: return bind_copy_of<std::uint32_t>(from, s, to);
    default: return bind_copy_of<std::uint64_t>(from, s, to);
  }
}

Bind bind_joined(const std::vector<View>& from, std::size_t axis, const View& to) {
  const auto bytes_behind = [&](const View& v) {
    std::size_t bytes = size_of(v.dtype);
    for (std::size_t i = axis; i < v.dims.size(); ++i) bytes *= static_cast<std::size_t>(v.dims[i]);
    return bytes;
  };
  const std::size_t row = bytes_behind(to);
  std::int64_t rows = 1;
  for (std::size_t i = 0; i < axis; ++i) rows *= to.dims[i];
  std::vector<std::size_t> bytes;
  for (const View& v : from) bytes.push_back(bytes_behind(v));
  return [=](const Memory& memory) -> Run {
    std::vector<const std::byte*> parts;
    for (const View& v : from) parts.push_back(memory.at<std::byte>(v));
    std::byte* const y = memory.at<std::byte>(to);
    return [=] {
#pragma omp parallel for schedule(static) if (rows > 1 && rows * static_cast <std::int64_t>(row) >= 4 * kParallel)
      for (std::int64_t r = 0; r < rows; ++r) {
        std::byte* at = y + static_cast<std::size_t>(r) * row;
        for (std::size_t i = 0; i < parts.size(); at += bytes[i++])
          std::memcpy(at, parts[i] + static_cast<std::size_t>(r) * bytes[i], bytes[i]);
      }
    };
  };
}

std::vector<float> transposed(std::span<const float> values, std::int64_t rows, std::int64_t columns) {
  std::vector<float> out(values.size());
  const StridedSource source{0, {columns, rows}, {1, columns}};
  Copy<float>(simplified(source), values.data(), out.data())();
  return out;
}

}  // namespace limn
