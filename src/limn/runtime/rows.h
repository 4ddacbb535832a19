#pragma once
// Kernels that look at a whole row before they write it: softmax and the normalization of layers and groups, with
// their gradients. A row is what is normalised together; rows follow each other in memory.

#include "limn/runtime/plan.h"

namespace limn {

struct Rows {
  std::int64_t count, length;
};

/// y = softmax(x)
Bind bind_softmax(const Rows& rows, const View& x, const View& y);
/// dx = y (dy - sum(dy y))
Bind bind_softmax_gradient(const Rows& rows, const View& dy, const View& y, const View& dx);

/// What y = (x - mean) / sqrt(variance + epsilon) * scale + bias takes. A row is `channels` planes of `plane`
/// elements, each with one scale and one bias; the channels of `period` rows have numbers of their own.
struct Normalization {
  Rows rows;
  std::int64_t channels, plane, period;
  float epsilon;
};
/// `bias` may be absent.
Bind bind_normalization(const Normalization& n, const View& x, const View& scale, const std::optional<View>& bias,
                        const View& y);
/// The cotangent of x for a scale of one number per element of a row: plane 1, period 1.
Bind bind_normalization_gradient(const Normalization& n, const View& dy, const View& x, const View& scale,
                                 const View& dx);

}  // namespace limn
