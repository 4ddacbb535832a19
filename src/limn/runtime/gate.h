#pragma once
// Factors of the inputs of a pointwise convolution, which differ from image to image: squeeze and excitation.

#include "limn/runtime/dnnl.h"

namespace limn {

/// Binds a pointwise convolution of one image to run once for each, with `weights` (in blocks of inputs and
/// outputs) times the factors of the image, `gate` [N, C, 1, 1] (blocked). The images are shared out among `teams`:
/// of one thread each or, if there is one, of all threads. With `alone` one thread runs the primitive. A team has
/// memory of its own for weights, `scaled`, and for the primitive: its arguments of that kind lie one behind the
/// other.
Bind bind_gated(const dnnl::convolution_forward& primitive, const std::vector<DnnlArgument>& arguments,
                const View& weights, const View& gate, const View& scaled, std::int64_t images, std::int64_t teams,
                bool alone);

}  // namespace limn
