#include "limn/datasets/segmentation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limn/error.h"

namespace limn {
namespace {

using Count = std::int64_t;
using Polygon = std::vector<double>;  // x0, y0, x1, y1, ...

Error unfit(const std::string& message, const std::string& where) {
  return Error(ErrorCode::bad_input, message, where,
               "a segmentation is a list of polygons [x0, y0, x1, y1, ...] or {\"size\", \"counts\"}, as in COCO's "
               "instances");
}

void check_polygon(const Polygon& polygon, const Mask& mask, const std::string& where) {
  if (polygon.size() % 2 != 0)
    throw unfit(fmt::format("a polygon has an odd number of coordinates, {}", polygon.size()), where);
  if (polygon.size() < 6)
    throw unfit(fmt::format("a polygon has {} corners, and needs three", polygon.size() / 2), where);
  constexpr double kFar = 1e9;
  for (const double v : polygon)
    if (std::abs(v) > kFar) throw unfit(fmt::format("a polygon has a coordinate {}", v), where);
  Box box{polygon[0], polygon[1], polygon[0], polygon[1]};
  for (std::size_t i = 0; i < polygon.size(); i += 2) {
    box.x0 = std::min(box.x0, polygon[i]);
    box.x1 = std::max(box.x1, polygon[i]);
    box.y0 = std::min(box.y0, polygon[i + 1]);
    box.y1 = std::max(box.y1, polygon[i + 1]);
  }
  if (box.x1 >= 0 && box.y1 >= 0 && box.x0 <= mask.width && box.y0 <= mask.height) return;
  throw unfit(fmt::format("a polygon within {}, {}, {}, {} lies outside the image of {}x{} pixels", box.x0, box.y0,
                          box.x1, box.y1, mask.width, mask.height),
              where);
}

/// Where the sides of a polygon cross a horizontal line, rising.
std::vector<double> crossings(const Polygon& polygon, double y) {
  std::vector<double> found;
  for (std::size_t i = 0; i < polygon.size(); i += 2) {
    const std::size_t next = (i + 2) % polygon.size();
    const double x0 = polygon[i], y0 = polygon[i + 1], x1 = polygon[next], y1 = polygon[next + 1];
    if ((y0 <= y) != (y1 <= y)) found.push_back(x0 + (y - y0) / (y1 - y0) * (x1 - x0));
  }
  std::ranges::sort(found);
  return found;
}

void fill(Mask& mask, const Polygon& polygon, MaskPixel value) {
  constexpr double kCentre = 0.5;
  for (int y = 0; y < mask.height; ++y) {
    const auto edges = crossings(polygon, y + kCentre);
    for (std::size_t i = 0; i + 1 < edges.size(); i += 2) {
      const auto first = [&](double edge) {
        return static_cast<int>(std::clamp(std::ceil(edge - kCentre), 0.0, static_cast<double>(mask.width)));
      };
      for (int x = first(edges[i]); x < first(edges[i + 1]); ++x) mask.at(x, y) = value;
    }
  }
}

/// Each number is written in digits of five bits, the lowest first, with a sign in the last; from the fourth one on
/// as the difference to the one before the last.
std::vector<Count> decompressed(const std::string& text, const std::string& where) {
  constexpr int kDigit = 5, kMost = 40;
  constexpr char kZero = '0';
  std::vector<Count> counts;
  Count number = 0;
  int bits = 0;
  for (const char c : text) {
    const int code = c - kZero;
    if (code < 0 || code >= 64)
      throw unfit(fmt::format("compressed counts hold a byte {:#04x}", static_cast<unsigned char>(c)), where);
    number |= static_cast<Count>(code & 31) << bits;
    bits += kDigit;
    if (bits > kMost) throw unfit("compressed counts hold a number that is too large", where);
    if ((code & 32) != 0) continue;
    if ((code & 16) != 0) number -= Count{1} << bits;
    if (counts.size() > 2) number += counts[counts.size() - 2];
    counts.push_back(number);
    number = bits = 0;
  }
  if (bits != 0) throw unfit("compressed counts end within a number", where);
  return counts;
}

void fill_runs(Mask& mask, const Json& json, MaskPixel value, const std::string& where) {
  const auto size = json.at("size").get<std::vector<int>>();
  if (size != std::vector<int>{mask.height, mask.width})
    throw unfit(fmt::format("runs are of a picture of another size than {}x{}", mask.width, mask.height), where);
  const Json& counts_json = json.at("counts");
  const auto counts = counts_json.is_string() ? decompressed(counts_json.get<std::string>(), where)
                                              : counts_json.get<std::vector<Count>>();
  const Count all = static_cast<Count>(mask.width) * mask.height;
  Count at = 0;
  bool inside = false;
  for (const Count count : counts) {
    if (count < 0 || count > all - at)
      throw unfit(fmt::format("a run of {} pixels begins at pixel {} of {}", count, at, all), where);
    for (const Count end = at + count; at < end; ++at)
      if (inside) mask.at(static_cast<int>(at / mask.height), static_cast<int>(at % mask.height)) = value;
    inside = !inside;
  }
  if (at != all) throw unfit(fmt::format("runs fill {} of {} pixels", at, all), where);
}

}  // namespace

Mask read_segmentation(const Json& json, int width, int height, MaskPixel value, const std::string& where) {
  Mask mask(width, height);
  try {
    if (json.is_object()) {
      fill_runs(mask, json, value, where);
      return mask;
    }
    for (const auto& polygon : json.get<std::vector<Polygon>>()) {
      check_polygon(polygon, mask, where);
      fill(mask, polygon, value);
    }
  } catch (const Json::exception& e) {
    throw unfit(fmt::format("an outline cannot be read: {}", e.what()), where);
  }
  return mask;
}

}  // namespace limn
