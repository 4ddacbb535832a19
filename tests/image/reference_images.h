#pragma once
// The pictures of make_images.py with the pixels that a reader must find in them.

#include <filesystem>
#include <string>
#include <vector>

#include "limn/image.h"

namespace limn {

/// NAME and the pixels of NAME.rgb.
struct ReferenceImage {
  std::filesystem::path path;
  Image expected;
};

/// All of a folder, in the order of their names; throws when there are none.
std::vector<ReferenceImage> reference_images(const std::filesystem::path& folder);

/// The folder that comes with the tests.
std::filesystem::path reference_folder();

/// The largest difference between two samples; 255 when the sizes differ.
int largest_difference(const Image&, const Image&);

/// Pseudo-random pixels, the same for the same sizes and seed.
Image noise(int width, int height, unsigned seed);

}  // namespace limn
