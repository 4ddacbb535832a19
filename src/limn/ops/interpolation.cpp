#include "limn/ops/interpolation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "limn/ops/diagnostics.h"

namespace limn {
namespace {

/// The place of `name` among `names`, as the enumeration counts them.
template <class Enum, std::size_t N>
Enum choice(const Node& node, std::string_view attribute, std::string_view otherwise,
            const std::string_view (&names)[N]) {
  const std::string name = node.attrs.text(attribute, std::string(otherwise));
  const auto* it = std::ranges::find(names, name);
  if (it != std::end(names)) return static_cast<Enum>(it - std::begin(names));
  throw Error(ErrorCode::bad_input, "the attribute '" + std::string(attribute) + "' is '" + name + "'",
              place_of(node), "see the list of modes of ONNX's Resize");
}

/// Where output o reads the input, in elements of it.
double position(const Interpolation& how, const AxisScale& a, std::int64_t o) {
  const double x = static_cast<double>(o), in = static_cast<double>(a.in);
  const double centred = (x + 0.5) * in / a.length - 0.5;
  switch (how.coordinates) {
    case Coordinates::half_pixel: return centred;
    case Coordinates::half_pixel_symmetric: return in / 2 * (1 - static_cast<double>(a.out) / a.length) + centred;
    case Coordinates::pytorch_half_pixel: return a.out > 1 ? centred : 0;
    case Coordinates::align_corners: return a.length != 1 ? x * (in - 1) / (a.length - 1) : 0;
    case Coordinates::asymmetric: return x * in / a.length;
    case Coordinates::tf_half_pixel_for_nn: return (x + 0.5) * in / a.length;
    case Coordinates::tf_crop_and_resize:
      return a.out > 1 ? (a.begin + x * (a.end - a.begin) / (a.length - 1)) * (in - 1)
                       : (a.begin + a.end) / 2 * (in - 1);
  }
  return x;
}

std::int64_t nearest_index(Nearest mode, double x) {
  switch (mode) {
    case Nearest::round_prefer_floor: return static_cast<std::int64_t>(std::ceil(x - 0.5));
    case Nearest::round_prefer_ceil: return static_cast<std::int64_t>(std::floor(x + 0.5));
    case Nearest::floor: return static_cast<std::int64_t>(std::floor(x));
    case Nearest::ceil: return static_cast<std::int64_t>(std::ceil(x));
  }
  return 0;
}

/// The interpolation kernel at a distance of d elements. Cubic: Keys (1981), equation 4, with the parameter a.
double kernel(const Interpolation& how, double d) {
  d = std::abs(d);
  if (how.filter == Filter::linear) return std::max(0.0, 1 - d);
  const double a = how.cubic_a;
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

using Weighted = std::vector<std::pair<std::int64_t, double>>;

/// The inputs around x with their weights. Antialiasing widens the kernel to the distance between two outputs;
/// beyond the ends lies the last element again, unless that is excluded.
Weighted neighbours(const Interpolation& how, const AxisScale& a, double x) {
  // In float, as other runtimes: a scale such as 0.8, which no float holds, then still hits the middle exactly.
  if (how.filter == Filter::nearest) return {{nearest_index(how.nearest, static_cast<float>(x)), 1.0}};
  const double narrow = how.antialias ? std::min(1.0, a.length / static_cast<double>(a.in)) : 1.0;
  const double reach = (how.filter == Filter::linear ? 1 : 2) / narrow;
  Weighted found;
  double total = 0;
  for (auto i = static_cast<std::int64_t>(std::floor(x - reach)) + 1; static_cast<double>(i) < x + reach; ++i) {
    const bool inside = i >= 0 && i < a.in;
    const double weight = kernel(how, (static_cast<double>(i) - x) * narrow);
    if (weight == 0 || (how.exclude_outside && !inside)) continue;
    found.emplace_back(i, weight);
    total += weight;
  }
  if (how.exclude_outside || how.antialias)
    for (auto& [i, weight] : found) weight /= total;
  return found;
}

/// Adds a row; elements beyond the ends become the last one.
void add_row(Taps& taps, const Weighted& row, std::int64_t in) {
  Weighted inside;
  for (const auto& [at, weight] : row) {
    const std::int64_t i = std::clamp<std::int64_t>(at, 0, in - 1);
    if (!inside.empty() && inside.back().first == i)
      inside.back().second += weight;
    else
      inside.emplace_back(i, weight);
  }
  for (const auto& [i, weight] : inside) {
    taps.index.push_back(i);
    taps.weight.push_back(static_cast<float>(weight));
  }
  taps.first.push_back(taps.index.size());
}

}  // namespace

Interpolation Interpolation::read(const Node& node) {
  static constexpr std::string_view kFilters[] = {"nearest", "linear", "cubic"};
  static constexpr std::string_view kCoordinates[] = {
      "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
      "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
  static constexpr std::string_view kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  Interpolation how;
  how.filter = choice<Filter>(node, "mode", "nearest", kFilters);
  how.coordinates = choice<Coordinates>(node, "coordinate_transformation_mode", "half_pixel", kCoordinates);
  how.nearest = choice<Nearest>(node, "nearest_mode", "round_prefer_floor", kNearest);
  how.antialias = node.attrs.integer("antialias", 0) != 0;
  how.exclude_outside = node.attrs.integer("exclude_outside", 0) != 0;
  how.cubic_a = node.attrs.real("cubic_coeff_a", -0.75);
  how.extrapolation = static_cast<float>(node.attrs.real("extrapolation_value", 0));
  return how;
}

Taps taps_of(const Interpolation& how, const AxisScale& axis) {
  Taps taps;
  const bool crops = how.coordinates == Coordinates::tf_crop_and_resize;
  for (std::int64_t o = 0; o < axis.out; ++o) {
    const double x = position(how, axis, o);
    const bool outside = crops && (x < 0 || x > static_cast<double>(axis.in - 1));
    add_row(taps, outside ? Weighted{} : neighbours(how, axis, x), axis.in);
  }
  return taps;
}

Tensor matrix_of(const Interpolation& how, const AxisScale& axis) {
  const Taps taps = taps_of(how, axis);
  std::vector<float> m(static_cast<std::size_t>(axis.in * axis.out));
  for (std::size_t o = 0; o < taps.rows(); ++o)
    for (std::size_t k = taps.first[o]; k < taps.first[o + 1]; ++k)
      m[o * static_cast<std::size_t>(axis.in) + static_cast<std::size_t>(taps.index[k])] += taps.weight[k];
  return Tensor::of<float>({axis.out, axis.in}, m);
}

Tensor linear_matrix(std::int64_t in, std::int64_t out) {
  Interpolation how;
  how.filter = Filter::linear;
  return matrix_of(how, {in, out, static_cast<double>(out)});
}

}  // namespace limn
