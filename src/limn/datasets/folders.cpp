// One folder per class, with the pictures of the class directly in it.

#include <fmt/format.h>

#include "limn/datasets/files.h"
#include "limn/datasets/listed.h"
#include "limn/datasets/text.h"
#include "limn/error.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMend =
    "--root (or the folder below it that --split names) is to hold a folder per class, with pictures in each";

class Folders : public ListedDataset {
 public:
  explicit Folders(const fs::path& base) {
    require_folder(base, kMend);
    for (const auto& folder : folders_directly_in(base)) {
      classes_.push_back(printable(folder.filename().string()));
      for (const auto& file : images_directly_in(folder)) {
        entries_.push_back({printable(file.lexically_relative(base).string()), file});
        class_of_.push_back(classes_.size() - 1);
      }
    }
    if (classes_.empty())
      throw Error(ErrorCode::bad_input, "there is no folder of a class in it", base.string(), std::string(kMend));
  }

  Sample sample(std::size_t i) const override {
    Sample sample;
    sample.id = entries_.at(i).id;
    sample.classes.push_back(class_of_[i]);
    return sample;
  }

 private:
  std::vector<std::size_t> class_of_;
};

}  // namespace

std::unique_ptr<const Dataset> open_folders(const fs::path& root, const DatasetOptions& options) {
  return std::make_unique<Folders>(options.split.empty() ? root : root / options.split);
}

}  // namespace limn
