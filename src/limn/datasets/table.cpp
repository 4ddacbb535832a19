// The kinds of datasets.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "limn/datasets/files.h"
#include "limn/datasets/listed.h"
#include "limn/error.h"
#include "limn/names.h"

namespace limn {
namespace {

constexpr std::array<DatasetKind, 8> kKinds{{
    {"ilsvrc", "ILSVRC-2012 CLS-LOC (ImageNet)",
     "ILSVRC/{Data,Annotations,ImageSets}/CLS-LOC/<split>, LOC_synset_mapping.txt", "val", true, open_ilsvrc},
    {"voc", "PASCAL VOC 2007 or 2012",
     "JPEGImages, Annotations, ImageSets/Main/<split>.txt; for masks SegmentationClass", "test", true, open_voc},
    {"folders", "one folder per class", "<class>/<picture>, below <split>/ where one is named", "", false,
     open_folders},
    {"chest-xray14", "ChestX-ray14",
     "BBox_List_2017.csv, images/ or images_001/images/ ...; for the splits test and train_val also "
     "Data_Entry_2017.csv and their lists",
     "boxes", true, open_chest_xray},
    {"cub", "CUB-200-2011",
     "images.txt, classes.txt, image_class_labels.txt, bounding_boxes.txt, train_test_split.txt, images/; for "
     "masks "
     "segmentations/",
     "test", true, open_cub},
    {"mnist", "MNIST and Fashion-MNIST", "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, train-..., plain or .gz",
     "test", false, open_mnist},
    {"cifar10", "CIFAR-10, the binary version", "data_batch_1.bin ... data_batch_5.bin, test_batch.bin", "test",
     false, open_cifar10},
    {"coco", "COCO instances", "annotations/instances_<split>.json, <split>/<picture>", "val2017", true, open_coco},
}};

}  // namespace

std::span<const DatasetKind> dataset_kinds() { return kKinds; }

const DatasetKind& dataset_kind(std::string_view name) {
  const auto found = std::ranges::find(kKinds, name, &DatasetKind::name);
  if (found != kKinds.end()) return *found;
  std::vector<std::string> names;
  for (const auto& kind : kKinds) names.emplace_back(kind.name);
  const auto close = close_names(name, names);
  throw Error(ErrorCode::not_found, fmt::format("there is no kind of dataset '{}'", name), "--dataset",
              close.empty() ? fmt::format("the kinds are {}", fmt::join(names, ", "))
                            : fmt::format("did you mean {}?", fmt::join(close, " or ")));
}

std::unique_ptr<const Dataset> open_dataset(std::string_view name, const std::filesystem::path& root,
                                            const DatasetOptions& options) {
  const DatasetKind& kind = dataset_kind(name);
  require_folder(root, fmt::format("--root is to be a folder with {}", kind.layout));
  DatasetOptions chosen = options;
  if (chosen.split.empty()) chosen.split = kind.split;
  auto dataset = kind.open(root, chosen);
  if (dataset->size() == 0)
    throw Error(ErrorCode::bad_input, "the dataset holds no images", root.string(),
                fmt::format("limn looks for {}", kind.layout));
  return dataset;
}

}  // namespace limn
