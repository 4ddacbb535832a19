#pragma once
// What the readers of the single kinds share.

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "limn/dataset.h"

namespace limn {

/// A dataset whose images are files of their own.
class ListedDataset : public Dataset {
 public:
  std::size_t size() const override { return entries_.size(); }
  std::string id(std::size_t i) const override { return entries_.at(i).id; }
  Image image(std::size_t i) const override { return read_image(entries_.at(i).file); }

 protected:
  struct Entry {
    std::string id;
    std::filesystem::path file;
  };
  std::vector<Entry> entries_;
};

/// Class keys by name.
class ClassIndex {
 public:
  ClassIndex() = default;
  explicit ClassIndex(const std::vector<std::string>& classes);
  /// Throws Error{bad_input} naming `where` for a class that is not among them.
  std::size_t at(std::string_view key, const std::string& where) const;

 private:
  std::unordered_map<std::string, std::size_t> index_;
};

/// Adds a class unless it is there already.
void add_class(Sample&, std::size_t class_index);

/// Throws Error{bad_input} for a box that does not run from left to right and from top to bottom.
void check_box(const Box&, const std::string& where);

/// The annotation of one image in the dialect of PASCAL VOC, which ILSVRC speaks too. `first_pixel` is the
/// coordinate of the first pixel where maxima are inclusive (1 for VOC), 0 where numbers are taken as they are.
/// Throws Error for an annotation without objects, or one that cannot be right.
Sample read_voc_annotation(const std::filesystem::path& xml, std::string id, const ClassIndex&, int first_pixel);

/// The one of a number of splits; throws Error{bad_input} that lists them.
void check_split(std::string_view split, std::initializer_list<std::string_view> known);

// The readers; each is a row of the table in table.cpp.
std::unique_ptr<const Dataset> open_ilsvrc(const std::filesystem::path& root, const DatasetOptions&);
std::unique_ptr<const Dataset> open_voc(const std::filesystem::path& root, const DatasetOptions&);
std::unique_ptr<const Dataset> open_folders(const std::filesystem::path& root, const DatasetOptions&);
std::unique_ptr<const Dataset> open_chest_xray(const std::filesystem::path& root, const DatasetOptions&);
std::unique_ptr<const Dataset> open_cub(const std::filesystem::path& root, const DatasetOptions&);
std::unique_ptr<const Dataset> open_mnist(const std::filesystem::path& root, const DatasetOptions&);
std::unique_ptr<const Dataset> open_cifar10(const std::filesystem::path& root, const DatasetOptions&);
std::unique_ptr<const Dataset> open_coco(const std::filesystem::path& root, const DatasetOptions&);

}  // namespace limn
