#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "limn/image/canvas.h"
#include "limn/overlay.h"

namespace limn {
namespace {

using Table = std::array<Rgb, 256>;

Table make_table(int opencv_name) {
  cv::Mat ramp(1, 256, CV_8UC1), colors;
  for (int i = 0; i < 256; ++i) ramp.at<std::uint8_t>(0, i) = static_cast<std::uint8_t>(i);
  cv::applyColorMap(ramp, colors, opencv_name);
  Table table;
  for (int i = 0; i < 256; ++i) {
    const auto bgr = colors.at<cv::Vec3b>(0, i);
    table[i] = {bgr[2], bgr[1], bgr[0]};
  }
  return table;
}

const Table& table_of(Colormap map) {
  static const Table inferno = make_table(cv::COLORMAP_INFERNO);
  static const Table viridis = make_table(cv::COLORMAP_VIRIDIS);
  static const Table jet = make_table(cv::COLORMAP_JET);
  switch (map) {
    case Colormap::viridis: return viridis;
    case Colormap::jet: return jet;
    case Colormap::inferno: break;
  }
  return inferno;
}

}  // namespace

Colormap parse_colormap(std::string_view text) {
  for (const Colormap map : {Colormap::inferno, Colormap::viridis, Colormap::jet})
    if (text == name_of(map)) return map;
  throw Error(ErrorCode::bad_input, fmt::format("'{}' is not a colormap", text), "--colormap",
              "write inferno, viridis or jet");
}

std::string_view name_of(Colormap map) {
  switch (map) {
    case Colormap::inferno: return "inferno";
    case Colormap::viridis: return "viridis";
    case Colormap::jet: return "jet";
  }
  return {};
}

Rgb color_of(Colormap map, float value) {
  const float clamped = value > 0 ? std::min(value, 1.0F) : 0.0F;  // NaN becomes 0
  return table_of(map)[static_cast<std::size_t>(std::lround(clamped * 255))];
}

Image colored(const Heatmap& map, Colormap colormap) {
  check_finite(map.values, "the heatmap");
  Image out(map.width, map.height);
  std::uint8_t* pixel = out.pixels.data();
  for (float v : map.values) {
    const Rgb color = color_of(colormap, v);
    pixel = std::copy(color.begin(), color.end(), pixel);
  }
  return out;
}

}  // namespace limn
