// COCO: one JSON file with all instances of a split.

#include <fmt/format.h>

#include <map>

#include "limn/base/file.h"
#include "limn/datasets/files.h"
#include "limn/datasets/listed.h"
#include "limn/datasets/segmentation.h"
#include "limn/datasets/text.h"
#include "limn/error.h"
#include "limn/image/json.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMend = "--root is to hold annotations/instances_val2017.json and the folder val2017";

class Coco : public ListedDataset {
 public:
  Coco(const fs::path& root, const std::string& split) {
    const fs::path file = root / fmt::format("annotations/instances_{}.json", split);
    require_file(file, kMend);
    require_folder(root / split, kMend);
    const std::string where = file.string();
    const Json json = parse_json_object(read_text_file(file), where);
    try {
      read_categories(json.at("categories"));
      read_images(json.at("images"), root / split);
      read_objects(json.at("annotations"), where);
    } catch (const Json::exception& e) {
      throw Error(ErrorCode::bad_input, fmt::format("the file is not as COCO's are: {}", e.what()), where,
                  "it needs categories, images and annotations as in instances_val2017.json");
    }
  }

  Sample sample(std::size_t i) const override { return samples_.at(i); }

  /// A crowd hides which of its pixels show one of them: they are ignored.
  std::optional<Mask> mask(std::size_t i, std::size_t class_index) const override {
    const Sample& sample = samples_.at(i);
    std::optional<Mask> mask;
    for (const Outline& outline : outlines_.at(i)) {
      if (outline.class_index != class_index) continue;
      if (outline.segmentation.empty()) return std::nullopt;
      if (sample.width <= 0 || sample.height <= 0)
        throw Error(ErrorCode::bad_input, "the annotation does not say how large the image is", sample.id,
                    "masks need its width and height");
      if (!mask) mask = Mask(sample.width, sample.height);
      mask->cover(read_segmentation(Json::parse(outline.segmentation), sample.width, sample.height,
                                    outline.crowd ? MaskPixel::ignored : MaskPixel::object, sample.id));
    }
    return mask;
  }

 private:
  /// What an object looks like, as the file says it: read when it is asked for.
  struct Outline {
    std::size_t class_index = 0;
    bool crowd = false;
    std::string segmentation;  ///< JSON; empty where there is none
  };

  void read_categories(const Json& categories) {
    for (const Json& category : categories) {
      class_of_.emplace(category.at("id").get<std::int64_t>(), classes_.size());
      classes_.push_back(category.at("name").get<std::string>());
    }
  }

  void read_images(const Json& images, const fs::path& folder) {
    for (const Json& image : images) {
      const auto name = image.at("file_name").get<std::string>();
      place_of_.emplace(image.at("id").get<std::int64_t>(), samples_.size());
      entries_.push_back({printable(name), folder / name});
      Sample sample;
      sample.id = entries_.back().id;
      sample.width = image.value("width", 0);
      sample.height = image.value("height", 0);
      samples_.push_back(std::move(sample));
    }
    outlines_.resize(samples_.size());
  }

  /// Crowds, drawn around many objects at once, count as difficult.
  void read_objects(const Json& objects, const std::string& where) {
    for (const Json& object : objects) {
      const auto place = place_of_.find(object.at("image_id").get<std::int64_t>());
      const auto category = class_of_.find(object.at("category_id").get<std::int64_t>());
      if (place == place_of_.end() || category == class_of_.end())
        throw Error(ErrorCode::bad_input, "an object refers to an image or category that is not listed", where);
      const auto b = object.at("bbox").get<std::vector<double>>();
      if (b.size() != 4) throw Error(ErrorCode::bad_input, "a bbox must be x, y, width, height", where);
      if (b[2] <= 0 || b[3] <= 0) continue;  // objects outlined by less than a pixel
      Sample& sample = samples_[place->second];
      const bool crowd = object.value("iscrowd", 0) != 0;
      add_class(sample, category->second);
      sample.boxes.push_back({{b[0], b[1], b[0] + b[2], b[1] + b[3]}, category->second, crowd});
      const bool outlined = object.contains("segmentation") && !object["segmentation"].empty();
      outlines_[place->second].push_back(
          {category->second, crowd, outlined ? object["segmentation"].dump() : std::string()});
    }
  }

  std::map<std::int64_t, std::size_t> class_of_, place_of_;
  std::vector<Sample> samples_;
  std::vector<std::vector<Outline>> outlines_;  ///< of each sample
};

}  // namespace

std::unique_ptr<const Dataset> open_coco(const fs::path& root, const DatasetOptions& options) {
  return std::make_unique<Coco>(root, options.split);
}

}  // namespace limn
