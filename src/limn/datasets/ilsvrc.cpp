// ILSVRC-2012 CLS-LOC as it is unpacked: ILSVRC/{Data,Annotations,ImageSets}/CLS-LOC and the LOC_* files beside it.

#include <fmt/format.h>

#include <array>
#include <unordered_map>

#include "limn/base/file.h"
#include "limn/datasets/files.h"
#include "limn/datasets/listed.h"
#include "limn/datasets/text.h"
#include "limn/error.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMend =
    "--root is to be the folder that holds ILSVRC/Data/CLS-LOC (or ILSVRC itself), as the archive unpacks";

class Ilsvrc : public ListedDataset {
 public:
  Ilsvrc(const fs::path& root, const DatasetOptions& options) : split_(options.split) {
    const fs::path base = is_there(root / "ILSVRC") ? root / "ILSVRC" : root;
    images_ = base / "Data/CLS-LOC" / split_;
    annotations_ = base / "Annotations/CLS-LOC" / split_;
    require_folder(images_, kMend);
    beside_ = std::array{root, base, base.parent_path()};
    read_classes(options.imagenet_classes);
    list(base);
    if (!is_there(annotations_)) read_solution();
  }

  Sample sample(std::size_t i) const override {
    const Entry& entry = entries_.at(i);
    if (const auto found = solution_.find(entry.id); found != solution_.end()) return found->second;
    fs::path xml = annotations_ / entry.file.lexically_relative(images_);
    xml.replace_extension(".xml");
    if (split_ == "train" && !is_there(xml)) return class_of_folder(entry);
    return read_voc_annotation(xml, entry.id, index_, 0);
  }

 private:
  fs::path beside(std::string_view name) const {
    const std::array places{beside_[0] / name, beside_[1] / name, beside_[2] / name};
    return first_there(places);
  }

  void read_classes(const std::vector<std::string>& known) {
    const fs::path mapping = beside("LOC_synset_mapping.txt");
    if (is_there(mapping))
      for (const std::string text = read_text_file(mapping); const auto line : text_lines(text))
        classes_.emplace_back(words(line)[0]);
    else
      classes_ = known;
    if (classes_.empty())
      throw Error(ErrorCode::not_found, "the list of classes is missing", mapping.string(), std::string(kMend));
    index_ = ClassIndex(classes_);
  }

  /// By the list in ImageSets where there is one, else whatever pictures there are.
  void list(const fs::path& base) {
    const fs::path list = base / "ImageSets/CLS-LOC" / (split_ == "train" ? "train_cls.txt" : split_ + ".txt");
    if (is_there(list)) {
      for (const std::string text = read_text_file(list); const auto line : text_lines(text)) {
        const std::string name(words(line)[0]);
        entries_.push_back({printable(name), images_ / (name + ".JPEG")});
      }
      return;
    }
    std::vector<fs::path> folders{images_};
    if (split_ == "train") folders = folders_directly_in(images_);
    for (const auto& folder : folders)
      for (const auto& file : images_directly_in(folder))
        entries_.push_back({printable(file.lexically_relative(images_).replace_extension().string()), file});
  }

  Sample class_of_folder(const Entry& entry) const {
    Sample sample;
    sample.id = entry.id;
    sample.classes.push_back(index_.at(entry.file.parent_path().filename().string(), entry.file.string()));
    return sample;
  }

  /// LOC_val_solution.csv stands in for a folder of annotations that is missing.
  void read_solution() {
    if (split_ == "train") return;
    const fs::path file = beside(fmt::format("LOC_{}_solution.csv", split_));
    if (!is_there(file))
      throw Error(ErrorCode::not_found, "the annotations are missing", annotations_.string(),
                  fmt::format("unpack them, or put {} beside ILSVRC", file.filename().string()));
    const auto rows = parse_csv(read_text_file(file));
    if (rows.empty() || rows[0] != std::vector<std::string>{"ImageId", "PredictionString"})
      throw Error(ErrorCode::bad_input, "the first line must be ImageId,PredictionString", file.string());
    for (std::size_t r = 1; r < rows.size(); ++r) {
      const std::string where = fmt::format("{}, row {}", file.string(), r + 1);
      if (rows[r].size() < 2) throw Error(ErrorCode::bad_input, "the row has fewer than two fields", where);
      solution_.emplace(rows[r][0], solution_of(rows[r], where));
    }
  }

  Sample solution_of(const std::vector<std::string>& row, const std::string& where) const {
    constexpr std::size_t kGroup = 5;  // wnid xmin ymin xmax ymax
    const auto items = words(row[1]);
    if (items.empty() || items.size() % kGroup != 0)
      throw Error(ErrorCode::bad_input, "objects must be groups of a WordNet id and four numbers", where);
    Sample sample;
    sample.id = row[0];
    for (std::size_t at = 0; at < items.size(); at += kGroup) {
      const auto number = [&](std::size_t i) { return parse_number(items[at + i], "a coordinate", where); };
      TrueBox truth{{number(1), number(2), number(3), number(4)}, index_.at(items[at], where)};
      check_box(truth.box, where);
      add_class(sample, truth.class_index);
      sample.boxes.push_back(truth);
    }
    return sample;
  }

  std::string split_;
  fs::path images_, annotations_;
  std::array<fs::path, 3> beside_;
  ClassIndex index_;
  std::unordered_map<std::string, Sample> solution_;
};

}  // namespace

std::unique_ptr<const Dataset> open_ilsvrc(const fs::path& root, const DatasetOptions& options) {
  check_split(options.split, {"val", "train"});
  return std::make_unique<Ilsvrc>(root, options);
}

}  // namespace limn
