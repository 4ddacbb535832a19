#pragma once
// Networks and pictures whose explanations can be told without computing.

#include <filesystem>
#include <string>
#include <vector>

#include "limn/geometry.h"
#include "limn/image.h"
#include "support/onnx_writer.h"

namespace limn::test {

/// A network for images [N, 3, height, width] whose class 0, "bright", is the mean brightness and whose class 1,
/// "dark", its negative: the Grad-CAM of class 0 at "features" is the brightness of each pixel, that of class 1
/// zero. Further classes are bright and dark by turns.
OnnxWriter brightness_network(int width, int height, int classes = 2);

/// A picture of this colour with a white rectangle, whose edges are on whole pixels.
Image white_rectangle(int width, int height, const Box& rectangle, std::uint8_t ground = 0);

/// A PNG file whose EXIF orientation says that it has to be turned a quarter clockwise to become `upright`.
void write_turned_png(const std::filesystem::path&, const Image& upright);

/// A folder with a brightness network (12 x 8 pixels, with its card, classes named bright and dark).
struct Studio {
  static constexpr int kWidth = 12, kHeight = 8;
  explicit Studio(const std::filesystem::path& folder);
  std::string model;
  /// Adds a picture with a white rectangle; returns its path.
  std::string picture(const std::string& name, const Box& = {2, 1, 7, 5}) const;
  std::filesystem::path folder;
};

}  // namespace limn::test
