#pragma once
// Drawing on images.

#include <string>
#include <string_view>

#include "limn/geometry.h"
#include "limn/image.h"
#include "limn/overlay.h"

namespace limn {

/// How large text is: its capital letters' height in pixels.
struct TextStyle {
  int height = 12;
  Rgb color{30, 30, 30};
};

/// Text with its baseline's left end at (x, y). Letters outside ASCII appear as one '?' each.
void draw_text(Image&, std::string_view text, int x, int y, const TextStyle&);
/// The width in pixels that draw_text would need.
int text_width(std::string_view text, const TextStyle&);
/// The text, cut and ended with "..." so that it is at most `width` pixels wide.
std::string fitted(std::string_view text, int width, const TextStyle&);

/// A box outline that is seen on bright and dark ground: white within black.
void draw_box(Image&, const Box&);

/// A vertical bar of the colours from 1 (top) to 0 with its scale, as high as `height`.
Image color_bar(Colormap, int height);

/// Both pictures, of the same height, beside each other.
Image beside(const Image& left, const Image& right);

/// Copies a picture onto another, its left top corner at (x, y); it must fit.
void paste(Image& onto, const Image&, int x, int y);

Image filled(int width, int height, Rgb color);

}  // namespace limn
