// PASCAL VOC 2007 and 2012: JPEGImages, Annotations, ImageSets/Main.

#include <fmt/format.h>

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

class Voc : public ListedDataset {
 public:
  Voc(const fs::path& root, const std::string& split) {
    classes_ = {"aeroplane", "bicycle",     "bird",  "boat",        "bottle", "bus",      "car",
                "cat",       "chair",       "cow",   "diningtable", "dog",    "horse",    "motorbike",
                "person",    "pottedplant", "sheep", "sofa",        "train",  "tvmonitor"};
    index_ = ClassIndex(classes_);
    const fs::path base = find_base(root);
    annotations_ = base / "Annotations";
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

  fs::path annotations_;
  ClassIndex index_;
};

}  // namespace

std::unique_ptr<const Dataset> open_voc(const fs::path& root, const DatasetOptions& options) {
  return std::make_unique<Voc>(root, options.split);
}

}  // namespace limn
