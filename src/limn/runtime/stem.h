#pragma once
// The input gradient of the first convolution, whose input has few channels: oneDNN pads them to a block and is
// several times slower. A row of the picture is summed from the rows of the cotangent that reach it, many columns
// at a time. With a stride, every so-manieth column has the same taps: each of these phases is a convolution of
// stride one.

#include "limn/runtime/convolution.h"

namespace limn {

/// Whether the kernel here serves: at most four input channels, no groups, no dilation.
bool is_stem(const ConvolutionShape& shape);

/// Adds the step that computes dx [N, C, H, W] (plain) from dy (blocked) and the weights of `id`.
void emit_stem_gradient(Lowering& lowering, const std::string& label, const ConvolutionShape& shape, const View& dy,
                        ValueId weights, const View& dx);

}  // namespace limn
