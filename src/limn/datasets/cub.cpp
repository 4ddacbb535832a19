// CUB-200-2011: text files of lines that begin with a number.

#include <fmt/format.h>

#include <array>
#include <map>

#include "limn/base/file.h"
#include "limn/datasets/files.h"
#include "limn/datasets/listed.h"
#include "limn/datasets/text.h"
#include "limn/error.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMend =
    "--root is to be CUB_200_2011, with images.txt, classes.txt, image_class_labels.txt, bounding_boxes.txt, "
    "train_test_split.txt and images/";

/// The lines of a file by their first number.
class NumberedLines {
 public:
  NumberedLines(const fs::path& file, std::size_t fields) : where_(file.string()) {
    require_file(file, kMend);
    text_ = read_text_file(file);
    for (const auto line : text_lines(text_)) {
      auto items = words(line);
      if (items.size() < fields + 1)
        throw Error(ErrorCode::bad_input, fmt::format("the line '{}' has fewer than {} fields", line, fields + 1),
                    where_);
      const int number = parse_count(items[0], "an image's number", where_);
      items.erase(items.begin());
      lines_.emplace(number, std::move(items));
    }
  }
  NumberedLines(const NumberedLines&) = delete;
  NumberedLines& operator=(const NumberedLines&) = delete;

  const std::map<int, std::vector<std::string_view>>& all() const { return lines_; }
  const std::vector<std::string_view>& at(int number) const {
    const auto found = lines_.find(number);
    if (found == lines_.end())
      throw Error(ErrorCode::bad_input, fmt::format("there is no line that begins with {}", number), where_);
    return found->second;
  }
  const std::string& where() const { return where_; }

 private:
  std::string where_, text_;
  std::map<int, std::vector<std::string_view>> lines_;
};

class Cub : public ListedDataset {
 public:
  Cub(const fs::path& root, const std::string& split) {
    const fs::path base = is_there(root / "CUB_200_2011") ? root / "CUB_200_2011" : root;
    // An archive of its own, unpacked beside the other or into it.
    masks_ = first_there(std::array{base / "segmentations", root / "segmentations"});
    const NumberedLines images(base / "images.txt", 1), names(base / "classes.txt", 1),
        labels(base / "image_class_labels.txt", 1), boxes(base / "bounding_boxes.txt", 4),
        splits(base / "train_test_split.txt", 1);
    for (const auto& [number, words] : names.all()) classes_.emplace_back(words[0]);
    const std::string_view wanted = split == "train" ? "1" : "0";
    for (const auto& [number, words] : images.all()) {
      if (split != "all" && splits.at(number)[0] != wanted) continue;
      entries_.push_back({printable(words[0]), base / "images" / words[0]});
      outlines_.emplace_back(words[0]);
      samples_.push_back(
          sample_of(entries_.back().id, labels.at(number)[0], boxes.at(number), labels.where(), boxes.where()));
    }
  }

  Sample sample(std::size_t i) const override { return samples_.at(i); }

  /// Greys of how many of the annotators had a pixel on the bird: half of them make it an object.
  std::optional<Mask> mask(std::size_t i, std::size_t class_index) const override {
    const fs::path file = masks_ / fs::path(outlines_.at(i)).replace_extension(".png");
    if (samples_.at(i).classes[0] != class_index || !is_there(file)) return std::nullopt;
    const Image painted = read_image(file);
    constexpr std::uint8_t kHalf = 127;
    Mask mask(painted.width, painted.height);
    for (std::size_t p = 0; p < mask.pixels.size(); ++p) {
      const std::uint8_t* rgb = &painted.pixels[3 * p];
      if (rgb[0] != rgb[1] || rgb[1] != rgb[2])
        throw Error(ErrorCode::bad_input, fmt::format("the colour {}, {}, {} is no grey", rgb[0], rgb[1], rgb[2]),
                    file.string(), "segmentations/ is to hold the PNG files as they were published");
      if (rgb[0] > kHalf) mask.pixels[p] = MaskPixel::object;
    }
    return mask;
  }

 private:
  Sample sample_of(std::string id, std::string_view label, const std::vector<std::string_view>& box,
                   const std::string& labels, const std::string& boxes) const {
    const int class_number = parse_count(label, "a class", labels);
    if (class_number < 1 || static_cast<std::size_t>(class_number) > classes_.size())
      throw Error(ErrorCode::bad_input, fmt::format("the class {} is not in classes.txt", class_number), labels);
    const auto number = [&](std::size_t i) { return parse_number(box[i], "a coordinate", boxes); };
    Sample sample;
    sample.id = std::move(id);
    const auto class_index = static_cast<std::size_t>(class_number - 1);
    sample.classes.push_back(class_index);
    sample.boxes.push_back(
        {{number(0), number(1), number(0) + number(2), number(1) + number(3)}, class_index, false});
    check_box(sample.boxes[0].box, boxes);
    return sample;
  }

  fs::path masks_;
  std::vector<std::string> outlines_;  ///< their paths below it, but for the ending
  std::vector<Sample> samples_;
};

}  // namespace

std::unique_ptr<const Dataset> open_cub(const fs::path& root, const DatasetOptions& options) {
  check_split(options.split, {"test", "train", "all"});
  return std::make_unique<Cub>(root, options.split);
}

}  // namespace limn
