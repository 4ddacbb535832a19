#pragma once
// Heatmaps as pictures: tinted photos in the original image's geometry, and contact sheets.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/geometry.h"
#include "limn/heatmap.h"
#include "limn/image.h"

namespace limn {

/// Colour scales for values in [0, 1]. inferno rises evenly in lightness, so that equal steps of heat look
/// equal; jet is the rainbow of many papers.
enum class Colormap { inferno, viridis, jet };
/// "inferno", "viridis", "jet"; Error{bad_input} otherwise.
LIMN_API Colormap parse_colormap(std::string_view text);
LIMN_API std::string_view name_of(Colormap);

using Rgb = std::array<std::uint8_t, 3>;
/// The colour of a value; values outside [0, 1] are clamped.
LIMN_API Rgb color_of(Colormap, float value);

struct OverlayOptions {
  Colormap colormap = Colormap::inferno;
  float opacity = 0.55F;     ///< of the tint where the heat is 1; cold regions get a little less
  bool color_bar = true;     ///< a bar with its scale to the right of the photo (the picture gets wider)
  std::optional<Box> box{};  ///< drawn on the photo, in original pixels
};

/// The photo tinted by a heatmap with values in [0, 1] that covers the network's input (of any resolution).
/// The heat is mapped back to the original geometry; what the network did not see is left grey and dimmed.
/// Throws Error{bad_input} when `geometry` is not that of `photo` or a value is not finite.
LIMN_API Image overlay(const Image& photo, const Heatmap&, const Geometry& geometry, const OverlayOptions& = {});

/// The heatmap alone, at its own size, in colours.
LIMN_API Image colored(const Heatmap&, Colormap = Colormap::inferno);

/// A signed or three-channel attribution [channels, height, width] as a picture: 0 is mid-grey, the largest
/// magnitude black or white. One channel gives a grey picture, three an RGB one.
LIMN_API Image attribution_picture(std::span<const float> attribution, int channels, int height, int width);

struct SheetTile {
  Image picture;                     ///< empty: the place stays white
  std::vector<std::string> caption;  ///< a few lines below the picture; too long ones end in "..."
};
struct SheetOptions {
  int columns = 0;       ///< 0: all tiles in one row up to five, then as square as fits
  int tile_width = 320;  ///< pictures are shrunk or grown to this width at most, and to tile_height
  int tile_height = 320;
};
/// The tiles side by side on white, under a title line. Throws Error{bad_input} when there is no tile.
LIMN_API Image contact_sheet(std::string_view title, const std::vector<SheetTile>&, const SheetOptions& = {});

}  // namespace limn
