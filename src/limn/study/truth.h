#pragma once
// What is true of an image, in pixels of the network's input; and how its pixels get there.

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "limn/dataset.h"
#include "limn/preprocess.h"
#include "limn/study/rows.h"

namespace limn {

/// Whose rules an evaluation follows.
enum class Protocol {
  correct,
  /// Those of the KTH reproduction of Grad-CAM (the study), to compare with its numbers: boxes scaled as if the
  /// image had been squashed to a square, though it was cropped; crops saved as JPEG and read again; the region
  /// with the largest bounding rectangle; closed boxes; the map of the first class for every class.
  as_published
};
/// "correct" or "as-published"; Error{bad_input} otherwise.
Protocol parse_protocol(std::string_view text);
std::string_view name_of(Protocol);

/// The box in pixels of the input, clipped to it; nothing when less than a pixel wide or high is left.
std::optional<Box> box_in_crop(const Box&, const Geometry&);
/// The study's: each axis of a width x height image scaled to `resized` by itself, clamped to the crop in the
/// middle, cut to whole pixels; nothing when no width or height is left.
std::optional<Box> squashed_box(const Box&, int width, int height, int resized, int crop);

/// Boxes that are not difficult, by classes of the network. They follow a copy of the picture that was resized
/// after it was annotated, as chest X-rays often are. Throws Error{bad_input} for one that lies outside a
/// width x height image altogether.
std::vector<ClassBox> boxes_in_input(const Sample&, int width, int height, const Preprocess&,
                                     std::span<const std::size_t> class_map, Protocol);

/// Where the objects of a class of the network are, in pixels of its input.
struct ClassMask {
  std::size_t class_index = 0;
  Mask mask;
};
/// The masks that a dataset has of an image's classes; `geometry` is that of the image. Throws as Dataset::mask()
/// and to_input() do.
std::vector<ClassMask> masks_in_input(const Dataset&, std::size_t i, std::span<const std::size_t> classes,
                                      const Geometry&, std::span<const std::size_t> class_map);

/// Throws Error{unsupported} when the protocol has no meaning for the preprocessing: the study's boxes need a
/// shorter side and a square crop.
void check_protocol(Protocol, const Preprocess&);

/// preprocess() by the protocol: as published, the crop goes through JPEG of quality 75 on the way.
void preprocess_by(Protocol, const Image&, const Preprocess&, std::span<float> out);

/// For each class of a dataset the class of the network: by WordNet id, name or synonym, whatever the case
/// and with spaces or underscores; by position where the network's classes have no names and are as many. Throws
/// Error{not_found} that names the classes the network does not know.
std::vector<std::size_t> map_classes(std::span<const std::string> dataset, std::span<const std::string> labels,
                                     std::size_t classes);

}  // namespace limn
