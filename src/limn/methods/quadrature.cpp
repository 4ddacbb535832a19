#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "limn/averages.h"
#include "limn/error.h"

namespace limn {
namespace {

constexpr std::array<std::string_view, 5> kRules{"gauss-legendre", "left", "right", "middle", "trapezoid"};

/// The Legendre polynomial P_n and its derivative at x in (-1, 1).
std::pair<double, double> legendre(std::int64_t n, double x) {
  double before = 1, p = x;  // P_0, P_1
  for (std::int64_t k = 2; k <= n; ++k) {
    const auto d = static_cast<double>(k);
    before = std::exchange(p, ((2 * d - 1) * x * p - (d - 1) * before) / d);
  }
  return {p, static_cast<double>(n) * (before - x * p) / (1 - x * x)};
}

/// By Newton's method from Tricomi's approximation, which leads each start to its own root.
std::vector<QuadraturePoint> gauss_legendre(std::int64_t n) {
  constexpr int kIterations = 10;
  std::vector<QuadraturePoint> points;
  for (std::int64_t i = n; i-- > 0;) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (static_cast<double>(n) + 0.5));
    for (int k = 0; k < kIterations; ++k) {
      const auto [p, slope] = legendre(n, x);
      x -= p / slope;
    }
    const double slope = legendre(n, x).second;
    points.push_back({(1 + x) / 2, 1 / ((1 - x * x) * slope * slope)});  // half the weight for [-1, 1]
  }
  return points;
}

std::vector<QuadraturePoint> evenly(std::int64_t n, double first, double step) {
  std::vector<QuadraturePoint> points;
  for (std::int64_t m = 0; m < n; ++m) points.push_back({(static_cast<double>(m) + first) * step, step});
  return points;
}

std::vector<QuadraturePoint> trapezoid(std::int64_t n) {
  auto points = evenly(n, 0, 1 / static_cast<double>(n - 1));
  points.front().weight /= 2;
  points.back().weight /= 2;
  return points;
}

}  // namespace

Quadrature parse_quadrature(std::string_view text) {
  const auto found = std::ranges::find(kRules, text);
  if (found != kRules.end()) return static_cast<Quadrature>(found - kRules.begin());
  throw Error(ErrorCode::bad_input, fmt::format("there is no quadrature '{}'", text), "--quadrature",
              fmt::format("{}", fmt::join(kRules, ", ")));
}

std::string_view name_of(Quadrature rule) { return kRules[static_cast<std::size_t>(rule)]; }

std::vector<QuadraturePoint> quadrature_points(Quadrature rule, std::int64_t count) {
  const std::int64_t least = rule == Quadrature::trapezoid ? 2 : 1;
  if (count < least)
    throw Error(ErrorCode::bad_input,
                fmt::format("{} points are too few for an integral ({})", count, name_of(rule)), "--steps",
                fmt::format("take {} at least", least));
  const double step = 1 / static_cast<double>(count);
  switch (rule) {
    case Quadrature::gauss_legendre: return gauss_legendre(count);
    case Quadrature::left: return evenly(count, 0, step);
    case Quadrature::right: return evenly(count, 1, step);
    case Quadrature::middle: return evenly(count, 0.5, step);
    case Quadrature::trapezoid: return trapezoid(count);
  }
  return {};
}

}  // namespace limn
