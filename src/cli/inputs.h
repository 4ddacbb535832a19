#pragma once
// What INPUT... on the command line stands for, and what the files written for it are called.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace limn::cli {

/// One file to work on.
struct Source {
  std::filesystem::path path;
  bool tensor = false;  ///< a .npy file, taken as already preprocessed
  std::string stem;     ///< begins the names of the files written for it; unique among all sources
};

/// Files stay as they are (whether they exist is found out when they are read); a folder becomes the images in it,
/// sorted by name. Throws Error{bad_input} for a folder without images.
std::vector<Source> expand_inputs(std::span<const std::string> inputs);

/// A stem for every path: its file name without extension; where stems collide, prefixed by the parent folder
/// ("cats_01", "dogs_01"); where that is not enough, with the extension, then numbered.
std::vector<std::string> unique_stems(std::span<const std::filesystem::path> paths);

}  // namespace limn::cli
