#include <algorithm>
#include <cmath>

#include "limn/image/canvas.h"
#include "limn/overlay.h"

namespace limn {
namespace {

constexpr Rgb kWhite{255, 255, 255};
constexpr int kGap = 12;
constexpr int kLineHeight = 22;
constexpr TextStyle kTitleStyle{15, {20, 20, 20}};
constexpr TextStyle kFirstLineStyle{11, {20, 20, 20}};
constexpr TextStyle kLineStyle{10, {90, 90, 90}};
constexpr int kTitleHeight = 40;

/// The picture at the largest size that keeps its aspect within the tile.
Image shrunk_or_grown(const Image& picture, const SheetOptions& options) {
  const double scale = std::min(static_cast<double>(options.tile_width) / picture.width,
                                static_cast<double>(options.tile_height) / picture.height);
  const auto scaled = [&](int size, int most) {
    return std::clamp(static_cast<int>(std::lround(size * scale)), 1, most);
  };
  return resize(picture, scaled(picture.width, options.tile_width), scaled(picture.height, options.tile_height));
}

int columns_for(std::size_t tiles, int wanted) {
  const auto count = static_cast<int>(tiles);
  if (wanted > 0) return std::min(wanted, count);
  constexpr int kOneRow = 5;
  return count <= kOneRow ? count : static_cast<int>(std::ceil(std::sqrt(count)));
}

void draw_tile(Image& sheet, const SheetTile& tile, int x, int y, const SheetOptions& options) {
  if (tile.picture.empty()) return;
  const Image picture = shrunk_or_grown(tile.picture, options);
  // At the bottom of its cell, so that the captions of a row line up under their pictures.
  paste(sheet, picture, x + (options.tile_width - picture.width) / 2, y + options.tile_height - picture.height);
  int baseline = y + options.tile_height + kLineHeight - 4;
  for (std::size_t i = 0; i < tile.caption.size(); ++i, baseline += kLineHeight) {
    const TextStyle& style = i == 0 ? kFirstLineStyle : kLineStyle;
    draw_text(sheet, fitted(tile.caption[i], options.tile_width, style), x, baseline, style);
  }
}

void check_tiles(const std::vector<SheetTile>& tiles, const SheetOptions& options) {
  if (tiles.empty()) throw Error(ErrorCode::bad_input, "a contact sheet needs at least one picture");
  if (options.tile_width < 1 || options.tile_height < 1)
    throw Error(ErrorCode::bad_input, "the tiles of a contact sheet have no size");
}

}  // namespace

Image contact_sheet(std::string_view title, const std::vector<SheetTile>& tiles, const SheetOptions& options) {
  check_tiles(tiles, options);
  const int columns = columns_for(tiles.size(), options.columns);
  const int rows = (static_cast<int>(tiles.size()) + columns - 1) / columns;
  std::size_t lines = 0;
  for (const SheetTile& tile : tiles) lines = std::max(lines, tile.caption.size());
  const int cell_width = options.tile_width + kGap;
  const int cell_height = options.tile_height + static_cast<int>(lines) * kLineHeight + kGap;
  const int header = title.empty() ? kGap : kTitleHeight;

  Image sheet = filled(columns * cell_width + kGap, header + rows * cell_height, kWhite);
  if (!title.empty())
    draw_text(sheet, fitted(title, sheet.width - 2 * kGap, kTitleStyle), kGap, kTitleHeight - 14, kTitleStyle);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const int column = static_cast<int>(i) % columns, row = static_cast<int>(i) / columns;
    draw_tile(sheet, tiles[i], kGap + column * cell_width, header + row * cell_height, options);
  }
  return sheet;
}

}  // namespace limn
