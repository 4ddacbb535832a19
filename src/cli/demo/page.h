#pragma once
// The demo's web page: one file that needs nothing else.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "demo/scenes.h"
#include "demo/score.h"
#include "limn/image.h"

namespace limn::cli {

/// One heatmap of the page.
struct PageMap {
  std::string method;
  std::size_t asked = 0;  ///< which of the scene's garments
  Image picture;          ///< the overlay, sized like the scene
  Finding finding;
};

struct PageScene {
  Scene scene;
  Image picture;
  std::string prediction;  ///< one line
  bool right = false;      ///< its two most probable classes are its two garments
  std::vector<PageMap> maps;
};

/// A row of the table.
struct PageRow {
  std::string name;
  Tally tally;
  bool control = false;  ///< not an explanation, but what chance or habit achieves
};

std::string page(std::span<const PageScene>, std::span<const PageRow>);

/// The table as plain text.
std::string table_text(std::span<const PageRow>);

}  // namespace limn::cli
