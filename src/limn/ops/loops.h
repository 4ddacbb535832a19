#pragma once
// Loops that reference kernels share: walking several tensors side by side by strides.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "limn/tensor.h"

namespace limn {

/// Strides in elements of a row-major tensor.
inline Dims strides_of(std::span<const std::int64_t> dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

/// Strides with which a tensor of the sizes `dims` is walked over the larger sizes `over`: 0 where it repeats.
inline Dims broadcast_strides(std::span<const std::int64_t> dims, std::span<const std::int64_t> over) {
  const Dims own = strides_of(dims);
  Dims strides(over.size(), 0);
  const std::size_t lead = over.size() - dims.size();
  for (std::size_t i = 0; i < dims.size(); ++i) strides[lead + i] = dims[i] == 1 ? 0 : own[i];
  return strides;
}

/// Calls f(offsets) for every index of `dims` in row-major order, with the offset of that index by each of the K
/// strides.
template <std::size_t K, class F>
void walk(std::span<const std::int64_t> dims, const std::array<Dims, K>& strides, F&& f) {
  std::array<std::int64_t, K> base{};
  if (std::ranges::find(dims, 0) != dims.end()) return;
  if (dims.empty()) return f(base);
  const std::size_t last = dims.size() - 1;
  Dims at(dims.size(), 0);
  for (;;) {
    auto offsets = base;
    for (std::int64_t i = 0; i < dims[last]; ++i) {
      f(offsets);
      for (std::size_t k = 0; k < K; ++k) offsets[k] += strides[k][last];
    }
    std::size_t d = last;
    for (; d > 0; --d) {
      for (std::size_t k = 0; k < K; ++k) base[k] += strides[k][d - 1];
      if (++at[d - 1] < dims[d - 1]) break;
      for (std::size_t k = 0; k < K; ++k) base[k] -= strides[k][d - 1] * dims[d - 1];
      at[d - 1] = 0;
    }
    if (d == 0) return;
  }
}

/// As dispatch() for the float types alone; throws Error{unsupported} for others.
template <class F>
void dispatch_float(DType dtype, F&& f) {
  if (dtype == DType::f32) return f.template operator()<float>();
  if (dtype == DType::f64) return f.template operator()<double>();
  throw Error(ErrorCode::unsupported, "the operator takes float tensors, not " + std::string(name_of(dtype)));
}

/// As dispatch() for everything but truth values.
template <class F>
void dispatch_number(DType dtype, F&& f) {
  if (dtype == DType::boolean) throw Error(ErrorCode::unsupported, "the operator takes numbers, not truth values");
  dispatch(dtype, [&]<class T>() {
    if constexpr (!std::is_same_v<T, bool>) f.template operator()<T>();
  });
}

}  // namespace limn
