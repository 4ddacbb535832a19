#include "limn/image/canvas.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace limn {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kUnitHeight = 21;  // of a capital letter at font scale 1

double scale_of(const TextStyle& style) { return style.height / kUnitHeight; }
int thickness_of(const TextStyle& style) { return style.height >= 16 ? 2 : 1; }
cv::Scalar scalar_of(Rgb c) {
  return {static_cast<double>(c[0]), static_cast<double>(c[1]), static_cast<double>(c[2])};
}

/// OpenCV's strokes know ASCII only: one '?' for every other letter, however many bytes UTF-8 gives it.
std::string ascii(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F)
      out += c;
    else if ((byte & 0xC0U) != 0x80)
      out += byte < 0x20 ? ' ' : '?';
  }
  return out;
}

/// The image's own pixels as OpenCV's matrix, in RGB order; valid as long as the image keeps its size.
cv::Mat canvas_of(Image& image) { return {image.height, image.width, CV_8UC3, image.pixels.data()}; }

/// For reading only.
cv::Mat view_of(const Image& image) {
  return {image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data())};
}

}  // namespace

void draw_text(Image& image, std::string_view text, int x, int y, const TextStyle& style) {
  cv::Mat canvas = canvas_of(image);
  cv::putText(canvas, ascii(text), {x, y}, kFont, scale_of(style), scalar_of(style.color), thickness_of(style),
              cv::LINE_AA);
}

int text_width(std::string_view text, const TextStyle& style) {
  int below = 0;
  return cv::getTextSize(ascii(text), kFont, scale_of(style), thickness_of(style), &below).width;
}

std::string fitted(std::string_view text, int width, const TextStyle& style) {
  std::string whole = ascii(text);
  if (text_width(whole, style) <= width) return whole;
  while (!whole.empty() && text_width(whole + "...", style) > width) whole.pop_back();
  return whole + "...";
}

void draw_box(Image& image, const Box& box) {
  cv::Mat canvas = canvas_of(image);
  const int line = std::max(1, std::max(image.width, image.height) / 400);
  // The outline lies inside the half-open box.
  const cv::Point first(static_cast<int>(std::floor(box.x0)), static_cast<int>(std::floor(box.y0)));
  const cv::Point last(static_cast<int>(std::ceil(box.x1)) - 1, static_cast<int>(std::ceil(box.y1)) - 1);
  cv::rectangle(canvas, first, last, cv::Scalar(0, 0, 0), 3 * line);
  cv::rectangle(canvas, first, last, cv::Scalar(255, 255, 255), line);
}

Image filled(int width, int height, Rgb color) {
  Image out(width, height);
  canvas_of(out).setTo(scalar_of(color));
  return out;
}

void paste(Image& onto, const Image& picture, int x, int y) {
  view_of(picture).copyTo(canvas_of(onto)(cv::Rect(x, y, picture.width, picture.height)));
}

Image beside(const Image& left, const Image& right) {
  Image out(left.width + right.width, left.height);
  paste(out, left, 0, 0);
  paste(out, right, left.width, 0);
  return out;
}

Image color_bar(Colormap map, int height) {
  const TextStyle style{std::clamp(height / 32, 7, 28)};
  const int gap = style.height, bar = style.height * 3 / 2;
  Image out = filled(gap + bar + gap / 2 + text_width("0.5", style) + gap / 2, height, {255, 255, 255});
  // Room for half a letter above and below, as long as the picture has it.
  const int margin = std::min(style.height, height / 4);
  const int length = height - 2 * margin;
  for (int y = 0; y < length; ++y) {
    const Rgb color = color_of(map, length > 1 ? 1 - static_cast<float>(y) / static_cast<float>(length - 1) : 1);
    for (int x = gap; x < gap + bar; ++x) std::copy(color.begin(), color.end(), out.row(margin + y) + 3 * x);
  }
  if (height < 6 * style.height) return out;
  const auto label = [&](std::string_view text, double value) {
    const int middle = margin + static_cast<int>(std::lround((1 - value) * (length - 1)));
    draw_text(out, text, gap + bar + gap / 2, middle + style.height / 2, style);
  };
  label("1", 1);
  label("0.5", 0.5);
  label("0", 0);
  return out;
}

}  // namespace limn
