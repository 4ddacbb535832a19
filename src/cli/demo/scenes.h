#pragma once
// The demo's scenes: pictures with the boxes of the garments in them.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "limn/geometry.h"

namespace limn::cli {

struct Garment {
  std::string name;
  Box box;  ///< in pixels of the picture, half-open
};

struct Scene {
  std::string name;  ///< "scene-01"
  std::filesystem::path picture;
  std::vector<Garment> garments;
};

/// A PASCAL VOC annotation whose bounds are half-open and counted from 0. Throws Error{bad_input} naming `where`.
Scene parse_scene(std::string_view xml, const std::filesystem::path& where);
/// Every *.xml of the folder, sorted by name. Throws Error{not_found} when there is none.
std::vector<Scene> read_scenes(const std::filesystem::path& folder);

}  // namespace limn::cli
