#include "reference_images.h"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <sstream>
#include <stdexcept>

#include "limn/base/file.h"

namespace limn {
namespace {

Image read_rgb(const std::filesystem::path& path) {
  const std::string text = read_text_file(path);
  std::istringstream header(text.substr(0, text.find('\n')));
  int width = 0, height = 0;
  header >> width >> height;
  Image image(width, height);
  const std::string pixels = text.substr(text.find('\n') + 1);
  if (pixels.size() != image.pixels.size()) throw std::runtime_error("wrong size of " + path.string());
  std::copy(pixels.begin(), pixels.end(), image.pixels.begin());
  return image;
}

}  // namespace

std::vector<ReferenceImage> reference_images(const std::filesystem::path& folder) {
  std::vector<ReferenceImage> images;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::filesystem::path picture = entry.path();
    if (picture.extension() != ".rgb") continue;
    const Image expected = read_rgb(picture);
    images.push_back({picture.replace_extension(""), expected});
  }
  if (images.empty()) throw std::runtime_error("no reference images in " + folder.string());
  std::sort(images.begin(), images.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return images;
}

std::filesystem::path reference_folder() { return std::filesystem::path(LIMN_SOURCE_DIR) / "tests/image/data"; }

int largest_difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height) return 255;
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

Image noise(int width, int height, unsigned seed) {
  std::mt19937 random(seed);
  Image image(width, height);
  for (auto& sample : image.pixels) sample = static_cast<std::uint8_t>(random());
  return image;
}

}  // namespace limn
