#include "limn/geometry.h"

#include <algorithm>

namespace limn {

Box Geometry::to_original(const Box& box) const {
  const auto x = [&](double v) { return std::clamp(to_original_x(v), 0.0, static_cast<double>(original_width)); };
  const auto y = [&](double v) { return std::clamp(to_original_y(v), 0.0, static_cast<double>(original_height)); };
  return {x(box.x0), y(box.y0), x(box.x1), y(box.y1)};
}

std::optional<Box> Geometry::to_input(const Box& box) const {
  const auto x = [&](double v) { return std::clamp(to_input_x(v), 0.0, static_cast<double>(input_width)); };
  const auto y = [&](double v) { return std::clamp(to_input_y(v), 0.0, static_cast<double>(input_height)); };
  const Box inside{x(box.x0), y(box.y0), x(box.x1), y(box.y1)};
  if (inside.width() <= 0 || inside.height() <= 0) return std::nullopt;
  return inside;
}

Geometry identity_geometry(int width, int height) {
  Geometry geometry;
  geometry.original_width = geometry.input_width = width;
  geometry.original_height = geometry.input_height = height;
  return geometry;
}

}  // namespace limn
