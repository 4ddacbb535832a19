#pragma once
// Products with cotangents that are nearly all zero: the cotangent of the class scores names one class or a few.

#include <cstdint>

#include <vector>

#include "limn/graph.h"
#include "limn/runtime/plan.h"

namespace limn {

/// By value: whether it may be a cotangent of class scores before its first product, zero but for a class or two.
std::vector<char> values_maybe_sparse(const Graph& graph);

/// dx [N, K] = dy [N, C] w with w [C, K] plain: by the rows of w whose dy is not zero when they are few, otherwise
/// by `dense`.
Bind bind_sparse_rows(const View& dy, const View& w, const View& dx, Bind dense);
/// The same for a convolution of kernel 1: dx [N, K, H, W] from dy [N, C, H', W'], both blocked; w [C, K, 1, 1]
/// plain; dx begins in row `top` and column `left` of dy, which is larger by the padding.
Bind bind_sparse_pointwise(const View& dy, const View& w, const View& dx, std::int64_t top, std::int64_t left,
                           Bind dense);
/// to[r][c] = from[r + top][c + left], zero where `from` has no such row or column; both blocked or both nhwc.
Bind bind_window(const View& from, const View& to, std::int64_t top, std::int64_t left);

}  // namespace limn
