#pragma once
// Depthwise convolutions and their gradients, a row of results at a time, and all that is asked of a row while the
// first cache still has it: oneDNN's kernels are as fast, or faster where planes are small, but write nothing
// beside their result and compute gradients with a stride without anything after them.

#include <limits>
#include <optional>
#include <string>

#include "limn/runtime/activation.h"
#include "limn/runtime/convolution.h"
#include "limn/runtime/kernels.h"

namespace limn {

/// An activation that leaves its slopes.
struct ActivationTarget {
  Activation function;
  View slope_to;  ///< lies like the result
};

/// What becomes of a row of results, in this order, and of the rows that it is computed from.
struct RowEnd {
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
  std::optional<View> open = {};    ///< bytes of 0 or 1: 0 makes a result 0
  std::optional<View> slopes = {};  ///< a factor of each result
  std::optional<ActivationTarget> activation = {};
  std::optional<MaskTarget> mask_to = {}, mask_from = {};
};

/// Whether planes are so large that a pass over the results costs more than the slower kernel.
bool pays_by_rows(const ConvolutionShape& shape);

/// Adds the step that computes y = conv(x) + bias, all blocked. Throws Error{bad_input} for weights with NaN.
void emit_depthwise(Lowering& lowering, const std::string& label, const ConvolutionShape& shape, const Node& conv,
                    const View& x, const View& y, const RowEnd& end);
/// The same for the input gradient dx of the convolution `shape`.
void emit_depthwise_gradient(Lowering& lowering, const std::string& label, const ConvolutionShape& shape,
                             const Node& grad, const View& dy, const View& dx, const RowEnd& end);

}  // namespace limn
