#pragma once

#include "limn/ops/window.h"

namespace limn {

/// For decompositions: the input gradient of a MaxPool of x [N, C, spatial...] from the cotangent dy of its output,
/// with `indices`, the positions of the maxima in the flattened x. Without scattering: every tap of a window gets
/// the cotangent where it is the maximum and 0 elsewhere, and one transposed convolution adds up the taps.
Value spread_from_maxima(Value dy, Value indices, Value x, const Window& window);

}  // namespace limn
