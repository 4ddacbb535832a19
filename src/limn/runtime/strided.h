#pragma once
// Copies in another order: what Transpose, Slice, Expand and Concat do to plain tensors.

#include "limn/runtime/plan.h"

namespace limn {

/// Where the elements of a tensor are read from, in its own order: element [i, j, ...] from
/// `offset` + i * strides[0] + j * strides[1] + ..., counted in elements. Strides may be 0 or negative.
struct StridedSource {
  std::int64_t offset = 0;
  Dims dims, strides;
};

/// to = elements of `from`, both plain and of the same type.
Bind bind_strided_copy(const View& from, const StridedSource& source, const View& to);

/// to = the tensors `from` side by side along an axis, all plain and of one type.
Bind bind_joined(const std::vector<View>& from, std::size_t axis, const View& to);

/// `values` [rows, columns] as [columns, rows].
std::vector<float> transposed(std::span<const float> values, std::int64_t rows, std::int64_t columns);

}  // namespace limn
