#include "limn/image/canvas.h"

#include <algorithm>
#include <cmath>

#include "limn/image/drawings.h"

namespace limn {
namespace {

/// The letters know ASCII only: one '?' for every other letter, however many bytes UTF-8 gives it.
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

const Letter& letter_of(char c) { return kLetters[c - ' ']; }

bool is_inked(const Letter& letter, int row, int column) {
  if (row < 0 || row >= kLetterRows || column < 0 || column >= 8 * kLetterBytes) return false;
  return (letter.rows[row][column / 8] >> (7 - column % 8) & 1) != 0;
}

/// How much of a pixel is ink, by samples. `down` and `across` are its corner in the letter's picture, `size` its
/// edge there.
float ink(const Letter& letter, float down, float across, float size) {
  constexpr int kSamples = 6;
  int inked = 0;
  const auto place = [&](float corner, int i) {
    return static_cast<int>(std::floor(corner + (static_cast<float>(i) + 0.5F) * size / kSamples));
  };
  for (int i = 0; i < kSamples; ++i)
    for (int j = 0; j < kSamples; ++j) inked += is_inked(letter, place(down, i), place(across, j)) ? 1 : 0;
  return static_cast<float>(inked) / (kSamples * kSamples);
}

void mix(std::uint8_t* pixel, Rgb color, float part) {
  for (std::size_t c = 0; c < color.size(); ++c) {
    const float before = static_cast<float>(pixel[c]), after = static_cast<float>(color[c]);
    pixel[c] = static_cast<std::uint8_t>(std::lround(before + part * (after - before)));
  }
}

/// With the pen, at the baseline, `pen` pixels from the left edge; what lies outside the image is left out.
void draw_letter(Image& image, const Letter& letter, float pen, int y, const TextStyle& style) {
  const float size = static_cast<float>(kLetterHeight) / static_cast<float>(style.height);
  const auto reach = [&](int pixels) { return static_cast<float>(pixels) / size; };
  const int top = static_cast<int>(std::floor(static_cast<float>(y) - reach(kLetterBaseline)));
  const int bottom = static_cast<int>(std::ceil(static_cast<float>(y) + reach(kLetterRows - kLetterBaseline)));
  const int left = static_cast<int>(std::floor(pen - reach(kLetterLeft)));
  const int right = static_cast<int>(std::ceil(pen + reach(8 * kLetterBytes - kLetterLeft)));
  for (int row = std::max(top, 0); row < std::min(bottom, image.height); ++row)
    for (int column = std::max(left, 0); column < std::min(right, image.width); ++column) {
      const float down = static_cast<float>(row - y) * size + kLetterBaseline;
      const float across = (static_cast<float>(column) - pen) * size + kLetterLeft;
      if (const float part = ink(letter, down, across, size); part > 0)
        mix(image.row(row) + 3 * column, style.color, part);
    }
}

float advance_of(char c, const TextStyle& style) {
  return static_cast<float>(letter_of(c).advance * style.height) / kLetterHeight;
}

/// The pixels of rows [top, bottom) and columns [left, right) that the image has.
void fill(Image& image, int left, int top, int right, int bottom, Rgb color) {
  const int first = std::clamp(left, 0, image.width), last = std::clamp(right, first, image.width);
  for (int y = std::max(top, 0); y < std::min(bottom, image.height); ++y)
    for (int x = first; x < last; ++x) std::copy(color.begin(), color.end(), image.row(y) + 3 * x);
}

/// An outline `thickness` wide in the middle of whose lines the first and the last pixels lie.
void draw_frame(Image& image, int left, int top, int right, int bottom, int thickness, Rgb color) {
  const int out = thickness / 2, in = thickness - out;
  fill(image, left - out, top - out, right + in, top + in, color);
  fill(image, left - out, bottom - out, right + in, bottom + in, color);
  fill(image, left - out, top - out, left + in, bottom + in, color);
  fill(image, right - out, top - out, right + in, bottom + in, color);
}

}  // namespace

void draw_text(Image& image, std::string_view text, int x, int y, const TextStyle& style) {
  float pen = static_cast<float>(x);
  for (const char c : ascii(text)) {
    draw_letter(image, letter_of(c), pen, y, style);
    pen += advance_of(c, style);
  }
}

int text_width(std::string_view text, const TextStyle& style) {
  float width = 0;
  for (const char c : ascii(text)) width += advance_of(c, style);
  return static_cast<int>(std::ceil(width));
}

std::string fitted(std::string_view text, int width, const TextStyle& style) {
  std::string whole = ascii(text);
  if (text_width(whole, style) <= width) return whole;
  while (!whole.empty() && text_width(whole + "...", style) > width) whole.pop_back();
  return whole + "...";
}

void draw_box(Image& image, const Box& box) {
  const int line = std::max(1, std::max(image.width, image.height) / 400);
  // The outline lies inside the half-open box.
  const int left = static_cast<int>(std::floor(box.x0)), top = static_cast<int>(std::floor(box.y0));
  const int right = static_cast<int>(std::ceil(box.x1)) - 1, bottom = static_cast<int>(std::ceil(box.y1)) - 1;
  draw_frame(image, left, top, right, bottom, 3 * line, {0, 0, 0});
  draw_frame(image, left, top, right, bottom, line, {255, 255, 255});
}

Image filled(int width, int height, Rgb color) {
  Image out(width, height);
  fill(out, 0, 0, width, height, color);
  return out;
}

void paste(Image& onto, const Image& picture, int x, int y) {
  for (int row = 0; row < picture.height; ++row)
    std::copy_n(picture.row(row), 3 * picture.width, onto.row(y + row) + 3 * x);
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
