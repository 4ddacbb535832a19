#pragma once

#include "limn/ops/window.h"

namespace limn {

/// For decompositions: the input gradient of a MaxPool of x [N, C, spatial...] from the cotangent dy of its output,
/// with operators that every opset and run time has: neither positions of maxima nor scattering. A convolution lays
/// the taps of every window side by side, the first largest of them takes the cotangent, and the transposed
/// convolution puts the taps back.
Value max_pool_gradient_by_taps(Value dy, Value x, const Window& window);

}  // namespace limn
