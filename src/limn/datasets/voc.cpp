// PASCAL VOC 2007 and 2012: JPEGImages, Annotations, ImageSets/Main.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "limn/base/file.h"
#include "limn/datasets/files.h"
#include "limn/datasets/listed.h"
#include "limn/datasets/text.h"
#include "limn/error.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMend =
    "--root is to be a folder such as VOCdevkit/VOC2007, with JPEGImages, Annotations and ImageSets/Main";

using Colour = std::array<std::uint8_t, 3>;
constexpr Colour kVoid{224, 224, 192};  // of the outlines, and of what nobody could tell

/// Of the palette of SegmentationClass, in which 0 is background: the bits of the number go to red, green and blue
/// in turn, from the highest bit of each downwards.
Colour colour_of(std::size_t number) {
  Colour colour{};
  for (std::size_t bit = 0; bit < 8; ++bit)
    colour[bit % 3] |= static_cast<std::uint8_t>((number >> bit & 1) << (7 - bit / 3));
  return colour;
}

class Voc : public ListedDataset {
 public:
  Voc(const fs::path& root, const std::string& split) {
    classes_ = {"aeroplane", "bicycle",     "bird",  "boat",        "bottle", "bus",      "car",
                "cat",       "chair",       "cow",   "diningtable", "dog",    "horse",    "motorbike",
                "person",    "pottedplant", "sheep", "sofa",        "train",  "tvmonitor"};
    index_ = ClassIndex(classes_);
    const fs::path base = find_base(root);
    annotations_ = base / "Annotations";
    masks_ = base / "SegmentationClass";
    require_folder(base / "JPEGImages", kMend);
    require_folder(annotations_, kMend);
    const fs::path list = base / "ImageSets/Main" / (split + ".txt");
    require_file(list, kMend);
    for (const std::string text = read_text_file(list); const auto line : text_lines(text)) {
      const std::string name(words(line)[0]);
      entries_.push_back({printable(name), base / "JPEGImages" / (name + ".jpg")});
    }
  }

  Sample sample(std::size_t i) const override {
    const Entry& entry = entries_.at(i);
    constexpr int kFirstPixel = 1;
    return read_voc_annotation(annotations_ / entry.file.filename().replace_extension(".xml"), entry.id, index_,
                               kFirstPixel);
  }

  /// Only some of the images are painted.
  std::optional<Mask> mask(std::size_t i, std::size_t class_index) const override {
    const fs::path file = masks_ / entries_.at(i).file.filename().replace_extension(".png");
    if (!is_there(file)) return std::nullopt;
    const Image painted = read_image(file);
    std::vector<Colour> palette;
    for (std::size_t c = 0; c <= classes_.size(); ++c) palette.push_back(colour_of(c));
    Mask mask(painted.width, painted.height);
    for (std::size_t p = 0; p < mask.pixels.size(); ++p) {
      const Colour colour{painted.pixels[3 * p], painted.pixels[3 * p + 1], painted.pixels[3 * p + 2]};
      if (colour == palette[class_index + 1])
        mask.pixels[p] = MaskPixel::object;
      else if (colour == kVoid)
        mask.pixels[p] = MaskPixel::ignored;
      else if (std::ranges::find(palette, colour) == palette.end())
        throw Error(ErrorCode::bad_input,
                    fmt::format("the colour {}, {}, {} is none of VOC's palette", colour[0], colour[1], colour[2]),
                    file.string(), "SegmentationClass is to hold the PNG files as they were published");
    }
    return mask;
  }

 private:
  static fs::path find_base(const fs::path& root) {
    std::vector<fs::path> found;
    for (const char* below : {".", "VOC2007", "VOC2012", "VOCdevkit/VOC2007", "VOCdevkit/VOC2012"})
      if (is_there(root / below / "JPEGImages")) found.push_back((root / below).lexically_normal());
    if (found.size() > 1)
      throw Error(ErrorCode::bad_input, "there are several years in this folder", root.string(),
                  fmt::format("give one of them, such as --root {}", found[0].string()));
    return found.empty() ? root : found[0];
  }

  fs::path annotations_, masks_;
  ClassIndex index_;
};

}  // namespace

std::unique_ptr<const Dataset> open_voc(const fs::path& root, const DatasetOptions& options) {
  return std::make_unique<Voc>(root, options.split);
}

}  // namespace limn
