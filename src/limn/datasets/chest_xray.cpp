// ChestX-ray14: BBox_List_2017.csv, Data_Entry_2017.csv, the lists of its splits, pictures in one or many folders.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "limn/base/chest_findings.h"
#include "limn/base/file.h"
#include "limn/datasets/files.h"
#include "limn/datasets/listed.h"
#include "limn/datasets/text.h"
#include "limn/error.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMend =
    "--root is to hold BBox_List_2017.csv and the pictures, in images/ or images_001/images/ and so on";
constexpr int kSide = 1024;  // of the pictures that boxes were drawn on

std::vector<std::vector<std::string>> read_table(const fs::path& file, std::string_view first, std::size_t fields) {
  require_file(file, kMend);
  auto rows = parse_csv(read_text_file(file));
  if (rows.empty() || rows[0][0] != first)
    throw Error(ErrorCode::bad_input, fmt::format("the first line must begin with '{}'", first), file.string());
  rows.erase(rows.begin());
  for (std::size_t r = 0; r < rows.size(); ++r)
    if (rows[r].size() < fields)
      throw Error(ErrorCode::bad_input, fmt::format("the row has fewer than {} fields", fields),
                  fmt::format("{}, row {}", file.string(), r + 2));
  return rows;
}

class ChestXray : public ListedDataset {
 public:
  ChestXray(const fs::path& root, const std::string& split) {
    classes_.assign(kChestFindings.begin(), kChestFindings.end());
    index_ = ClassIndex(classes_);
    find_pictures(root);
    read_boxes(root / "BBox_List_2017.csv");
    if (split == "boxes") {
      for (const auto& [name, sample] : samples_) list(name);
      return;
    }
    read_findings(root / "Data_Entry_2017.csv");
    const fs::path names = root / (split == "test" ? "test_list.txt" : "train_val_list.txt");
    require_file(names, kMend);
    for (const std::string text = read_text_file(names); const auto line : text_lines(text))
      list(std::string(line));
  }

  Sample sample(std::size_t i) const override {
    const std::string& id = entries_.at(i).id;
    const auto found = samples_.find(id);
    if (found == samples_.end())
      throw Error(ErrorCode::not_found, "Data_Entry_2017.csv says nothing about this picture", id);
    return found->second;
  }

 private:
  void find_pictures(const fs::path& root) {
    std::vector<fs::path> folders{root / "images"};
    for (int part = 1; part <= 12; ++part) folders.push_back(root / fmt::format("images_{:03}", part) / "images");
    std::erase_if(folders, [](const fs::path& folder) { return !is_there(folder); });
    if (folders.empty()) require_folder(root / "images", kMend);
    for (const auto& folder : folders)
      for (const auto& file : images_directly_in(folder)) files_.emplace(file.filename().string(), file);
  }

  void list(const std::string& name) {
    const auto file = files_.find(name);
    entries_.push_back({name, file == files_.end() ? fs::path("images") / name : file->second});
  }

  /// The files spell two of them in their own way.
  std::size_t class_at(std::string_view finding, const std::string& where) const {
    if (finding == "Infiltrate") finding = "Infiltration";
    if (finding == "Pleural_Thickening") finding = "Pleural thickening";
    return index_.at(finding, where);
  }

  /// The header is `Image Index,Finding Label,Bbox [x,y,w,h],,,`: columns are known by their places.
  void read_boxes(const fs::path& file) {
    constexpr std::size_t kFields = 6;
    const auto rows = read_table(file, "Image Index", kFields);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const std::string where = fmt::format("{}, row {}", file.string(), r + 2);
      const auto number = [&](std::size_t i) { return parse_number(rows[r][i], "a coordinate", where); };
      const double x = number(2), y = number(3);
      TrueBox truth{{x, y, x + number(4), y + number(5)}, class_at(rows[r][1], where)};
      check_box(truth.box, where);
      Sample& sample = sample_of(rows[r][0]);
      add_class(sample, truth.class_index);
      sample.boxes.push_back(truth);
    }
  }

  /// All findings of all pictures, after those that have boxes.
  void read_findings(const fs::path& file) {
    const auto rows = read_table(file, "Image Index", 2);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const std::string where = fmt::format("{}, row {}", file.string(), r + 2);
      Sample& sample = sample_of(rows[r][0]);
      std::string_view findings = rows[r][1];
      while (!findings.empty() && findings != "No Finding") {
        const std::size_t end = std::min(findings.find('|'), findings.size());
        add_class(sample, class_at(findings.substr(0, end), where));
        findings.remove_prefix(std::min(end + 1, findings.size()));
      }
    }
  }

  Sample& sample_of(const std::string& name) {
    Sample& sample = samples_[name];
    sample.id = name;
    sample.width = sample.height = kSide;
    return sample;
  }

  ClassIndex index_;
  std::map<std::string, fs::path> files_;
  std::map<std::string, Sample> samples_;
};

}  // namespace

std::unique_ptr<const Dataset> open_chest_xray(const fs::path& root, const DatasetOptions& options) {
  check_split(options.split, {"boxes", "test", "train_val"});
  return std::make_unique<ChestXray>(root, options.split);
}

}  // namespace limn
