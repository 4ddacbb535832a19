#pragma once
// What the methods that average a gradient over many points need to know: where the points lie, and how they count.
// Integrated gradients (Sundararajan, Taly and Yan 2017, arXiv 1703.01365) walks from a baseline to the image,
// SmoothGrad (Smilkov et al. 2017, arXiv 1706.03825) looks around the image.

#include <cstdint>
#include <string_view>
#include <vector>

#include "limn/export.h"

namespace limn {

/// How an integral over [0, 1] becomes a sum over n points.
enum class Quadrature {
  gauss_legendre,  ///< exact for polynomials of a degree below 2n
  left,            ///< m / n, for m from 0
  right,           ///< (m + 1) / n
  middle,          ///< (m + 1/2) / n
  trapezoid        ///< m / (n - 1), both ends counting half; n is 2 at least
};
/// "gauss-legendre", "left", "right", "middle" or "trapezoid"; Error{bad_input} otherwise.
LIMN_API Quadrature parse_quadrature(std::string_view text);
LIMN_API std::string_view name_of(Quadrature);

struct QuadraturePoint {
  double at;      ///< in [0, 1]
  double weight;  ///< positive; those of all points sum to 1
};
/// In rising order. Throws Error{bad_input} for fewer points than the rule needs.
LIMN_API std::vector<QuadraturePoint> quadrature_points(Quadrature, std::int64_t count);

/// The path of integrated gradients, straight from a baseline x0 to the image x.
struct IntegrationPath {
  enum class Baseline {
    zero,  ///< in the network's units: the mean colour of the training images, where the preprocessing subtracts it
    mean,  ///< of each channel of the image
    colour  ///< `colour`
  };
  std::int64_t steps = 50;  ///< points of the path, each a forward and a backward pass
  Quadrature quadrature = Quadrature::gauss_legendre;
  Baseline baseline = Baseline::zero;
  std::vector<float> colour = {};  ///< one value per channel, in the network's units (after preprocessing)
  friend bool operator==(const IntegrationPath&, const IntegrationPath&) = default;
};

/// The noise of SmoothGrad: samples x + e, each element of e normal with the standard deviation
/// `sigma` * (max x - min x), the extremes being those of the whole preprocessed image.
struct GradientNoise {
  std::int64_t samples = 50;
  double sigma = 0.15;
  std::uint64_t seed = 0;
  friend bool operator==(const GradientNoise&, const GradientNoise&) = default;
};
/// e of one sample for a standard deviation of 1. It depends on the seed, the number of the sample and the place of
/// an element, and on nothing else: every image meets the same noise, in any batch.
LIMN_API std::vector<float> standard_noise(std::uint64_t seed, std::int64_t sample, std::size_t elements);

}  // namespace limn
