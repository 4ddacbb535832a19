#pragma once
// Datasets as they lie on disk: images in a fixed order, each with its classes and the boxes that people drew.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/export.h"
#include "limn/geometry.h"
#include "limn/image.h"
#include "limn/mask.h"

namespace limn {

/// An object that people marked.
struct TrueBox {
  Box box;                      ///< half-open, pixels of the original image
  std::size_t class_index = 0;  ///< among Dataset::classes()
  bool difficult = false;       ///< marked as hard to recognise; experiments leave it out
  friend bool operator==(const TrueBox&, const TrueBox&) = default;
};

/// What is known of an image before looking at it.
struct Sample {
  std::string id;                    ///< unique in its dataset; UTF-8, other bytes written as \xNN
  std::vector<std::size_t> classes;  ///< distinct, in the order of the annotation
  std::vector<TrueBox> boxes;        ///< empty where the dataset has none
  int width = 0, height = 0;         ///< as the annotation says; 0 where it says nothing
};

/// Immutable once opened: every member may be called from several threads at a time.
class LIMN_API Dataset {
 public:
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;
  virtual ~Dataset();

  /// One key a class: a WordNet id, a name, a digit.
  const std::vector<std::string>& classes() const { return classes_; }
  virtual std::size_t size() const = 0;
  virtual std::string id(std::size_t i) const = 0;
  /// Throws Error{not_found, bad_input, io} for an annotation that is missing or cannot be right.
  virtual Sample sample(std::size_t i) const = 0;
  /// Throws as read_image().
  virtual Image image(std::size_t i) const = 0;
  /// Where the objects of a class are, in pixels of the annotated image; nothing where the dataset does not say it.
  /// Throws Error{not_found, bad_input, io} for a mask that cannot be right.
  virtual std::optional<Mask> mask(std::size_t i, std::size_t class_index) const;

 protected:
  Dataset() = default;
  std::vector<std::string> classes_;
};

struct DatasetOptions {
  std::string split = {};  ///< empty: the kind's default
  /// Class keys in the order of their indices, for a root without LOC_synset_mapping.txt.
  std::vector<std::string> imagenet_classes = {};
};

/// A row of the table of dataset kinds.
struct DatasetKind {
  std::string_view name;     ///< as on the command line: "ilsvrc"
  std::string_view summary;  ///< one line
  std::string_view layout;   ///< what has to be where below the root
  std::string_view split;    ///< the default; empty where there are none
  bool has_boxes;
  std::unique_ptr<const Dataset> (*open)(const std::filesystem::path& root, const DatasetOptions& options);
};

/// Every kind, in the order of the documentation.
LIMN_API std::span<const DatasetKind> dataset_kinds();
/// Throws Error{not_found} that suggests close names.
LIMN_API const DatasetKind& dataset_kind(std::string_view name);

/// Reads the lists of a dataset; annotations and pictures of single images are read when asked for. Throws
/// Error{not_found, bad_input, io} that says what was expected where.
LIMN_API std::unique_ptr<const Dataset> open_dataset(std::string_view kind, const std::filesystem::path& root,
                                                     const DatasetOptions& options = {});

}  // namespace limn
