#include <algorithm>
#include <cmath>
#include <limits>

#include "limn/metrics.h"

namespace limn {
namespace {

bool is_inside(double x, double y, const Box& box) {
  return x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1;
}

double distance_to(double x, double y, const Box& box) {
  const double dx = std::max({box.x0 - x, 0.0, x - box.x1}), dy = std::max({box.y0 - y, 0.0, y - box.y1});
  return std::hypot(dx, dy);
}

}  // namespace

bool points_at(int x, int y, std::span<const Box> truths, Bounds bounds, double tolerance) {
  const double to_point = bounds == Bounds::half_open ? 0.5 : 0;
  const double px = x + to_point, py = y + to_point;
  return std::ranges::any_of(truths, [&](const Box& box) {
    if (tolerance > 0 || bounds == Bounds::closed) return distance_to(px, py, box) <= tolerance;
    return is_inside(px, py, box);
  });
}

std::optional<double> energy_inside(const Heatmap& map, std::span<const Box> truths) {
  double inside = 0, all = 0;
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < map.width; ++x) {
      const double heat = std::max(map.at(x, y), 0.0F);
      if (heat == 0) continue;
      all += heat;
      if (std::ranges::any_of(truths, [&](const Box& box) { return is_inside(x + 0.5, y + 0.5, box); }))
        inside += heat;
    }
  if (all <= 0) return std::nullopt;
  return inside / all;
}

ActivatedPixels activated_pixels(const Heatmap& map, double fraction, const Box& box) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const float v : map.values) {
    low = std::min(low, std::max<double>(v, 0));
    high = std::max<double>(high, v);
  }
  ActivatedPixels count;
  if (!(high > low)) return count;
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < map.width; ++x) {
      if ((std::max<double>(map.at(x, y), 0) - low) / (high - low) <= fraction) continue;
      ++count.all;
      count.inside += is_inside(x + 0.5, y + 0.5, box) ? 1 : 0;
    }
  return count;
}

RejectionScores with_rejection(std::span<const PointingCell> cells, double threshold) {
  double agreeing = 0, good = 0, accepted = 0, hits = 0;
  for (const PointingCell& cell : cells) {
    const bool accept = cell.maximum >= threshold;
    good += cell.good ? 1 : 0;
    accepted += accept ? 1 : 0;
    hits += accept && cell.hit ? 1 : 0;
    agreeing += (accept && cell.hit) || (!accept && !cell.good) ? 1 : 0;
  }
  RejectionScores scores;
  if (!cells.empty()) scores.agreement = agreeing / static_cast<double>(cells.size());
  if (good > 0) scores.recall = hits / good;
  if (accepted > 0) scores.precision = hits / accepted;
  return scores;
}

}  // namespace limn
