#pragma once
// Convolutions of 3x3 by Winograd's transform (Lavin and Gray 2016, arXiv 1509.09308): about half the time of the
// direct ones, for a rounding error a few times theirs.

#include <optional>
#include <span>

#include "limn/runtime/convolution.h"

namespace limn {

/// The largest error of a transformed convolution, in parts of its largest result.
inline constexpr double kWinogradError = 2e-6;

/// Whether the transform can compute `s`: 3x3, stride 1, whole blocks of channels.
bool winograd_serves(const ConvolutionShape& s);

struct WinogradConvolution {
  dnnl::convolution_forward::primitive_desc pd;
  View weights;
};

/// A convolution of blocked images by the transform, where one is known to be faster and these weights keep it
/// within kWinogradError, for pixels x of the signs that they can have. `bias` may be an empty description.
std::optional<WinogradConvolution> winograd_convolution(Lowering& l, const ConvolutionShape& s, std::int64_t images,
                                                        ValueId x, ValueId weights, const dnnl::memory::desc& bias,
                                                        const dnnl::primitive_attr& attr);
/// The same for the input gradient of `s`: the convolution of the cotangent dy with the weights reversed along both
/// axes and input and output channels exchanged.
std::optional<WinogradConvolution> winograd_gradient(Lowering& l, const ConvolutionShape& s, std::int64_t images,
                                                     ValueId dy, ValueId weights);

/// Whether the transform `implementation` of oneDNN is faster than a direct convolution: a rule from measurements,
/// see docs/explanation/precision.md.
bool winograd_pays(const ConvolutionShape& s, std::int64_t images, int threads, std::string_view implementation);

/// The largest error to expect of the transform with these weights ([oc, ic, 3, 3], row-major; `reordered` in the
/// form of the primitive), in parts of the largest result: from the mean square of the errors of a thousand
/// results, drawn at random, of random pixels, as after a rectifier or of both signs, against sums in double. The
/// largest of the thousand would say less: it varies by half from draw to draw. Runs the kernel once, on a small
/// image where it serves one.
double winograd_error(const ConvolutionShape& s, std::int64_t images, std::span<const float> weights,
                      const dnnl::convolution_forward::primitive_desc& pd, const void* reordered, bool both_signs);

}  // namespace limn
