#include "limn/study/truth.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "limn/error.h"

namespace limn {
namespace {

constexpr int kQuality = 75;  // of the study's intermediate files

/// Small letters, and spaces for underscores.
std::string plain(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return c == '_' ? ' ' : std::tolower(c); });
  return out;
}

/// The picture after resize and crop, as the study stored it.
Image cropped(const Image& image, const Geometry& g) {
  const auto pixels = [](double v) { return static_cast<int>(std::lround(v)); };
  const Image whole = resize(image, pixels(g.original_width / g.scale_x), pixels(g.original_height / g.scale_y));
  Image crop(g.input_width, g.input_height);
  const int left = pixels(g.offset_x / g.scale_x), top = pixels(g.offset_y / g.scale_y);
  for (int y = 0; y < crop.height; ++y)
    std::memcpy(crop.row(y), whole.row(top + y) + std::ptrdiff_t{3} * left,
                static_cast<std::size_t>(crop.width) * 3);
  return crop;
}

/// Names by which a label may be called, to its index: the whole of it, its WordNet id, its synonyms. Of a name
/// that several labels have, the first label has it.
std::unordered_map<std::string, std::size_t> names_of(std::span<const std::string> labels) {
  std::unordered_map<std::string, std::size_t> names;
  for (std::size_t i = 0; i < labels.size(); ++i) names.emplace(plain(labels[i]), i);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::string_view rest = labels[i];
    const std::size_t space = rest.find(' ');
    constexpr std::size_t kIdLength = 9;
    if (space == kIdLength && rest[0] == 'n') {
      names.emplace(plain(rest.substr(0, space)), i);
      rest.remove_prefix(space + 1);
    }
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      names.emplace(plain(rest.substr(0, end)), i);
      rest.remove_prefix(std::min(rest.size(), end + 2));
    }
  }
  return names;
}

Error unknown_classes(std::span<const std::string> missing, std::size_t all) {
  constexpr std::size_t kShown = 5;
  const auto shown = missing.first(std::min(missing.size(), kShown));
  return Error(ErrorCode::not_found,
               fmt::format("the network does not know {} of the dataset's {} classes: {}{}", missing.size(), all,
                           fmt::join(shown, ", "), missing.size() > kShown ? ", ..." : ""),
               "--dataset", "give the network's class names with --labels, spelled as in the dataset");
}

}  // namespace

Protocol parse_protocol(std::string_view text) {
  for (const Protocol protocol : {Protocol::correct, Protocol::as_published})
    if (text == name_of(protocol)) return protocol;
  throw Error(ErrorCode::bad_input, fmt::format("'{}' is not a protocol", text), "--protocol",
              "write correct or as-published");
}

std::string_view name_of(Protocol protocol) { return protocol == Protocol::correct ? "correct" : "as-published"; }

std::optional<Box> box_in_crop(const Box& box, const Geometry& geometry) {
  const auto inside = geometry.to_input(box);
  if (!inside || inside->width() < 1 || inside->height() < 1) return std::nullopt;
  return inside;
}

std::optional<Box> squashed_box(const Box& box, int width, int height, int resized, int crop) {
  const int rest = resized - crop;
  const int offset = rest % 2 == 0 ? rest / 2 : (rest / 2 + 1) / 2 * 2;
  const auto place = [&](double v, int size) {
    const double scaled = v * resized / size;
    return std::trunc(std::clamp(scaled, static_cast<double>(offset), static_cast<double>(offset + crop))) - offset;
  };
  const Box out{place(box.x0, width), place(box.y0, height), place(box.x1, width), place(box.y1, height)};
  if (out.x0 == out.x1 || out.y0 == out.y1) return std::nullopt;
  return out;
}

namespace {

/// How much larger the picture is than the one that was annotated: 1 unless it is a resized copy, of the same
/// proportions within a pixel.
double scale_of_copy(const Sample& sample, int width, int height) {
  if (sample.width <= 0 || sample.height <= 0) return 1;
  const double scale = static_cast<double>(width) / sample.width;
  return std::abs(sample.height * scale - height) <= 1 ? scale : 1;
}

}  // namespace

std::vector<ClassBox> boxes_in_input(const Sample& sample, int width, int height, const Preprocess& options,
                                     std::span<const std::size_t> class_map, Protocol protocol) {
  const Geometry g = geometry(options, width, height);
  const double scale = protocol == Protocol::correct ? scale_of_copy(sample, width, height) : 1;
  std::vector<ClassBox> boxes;
  for (const TrueBox& truth : sample.boxes) {
    const Box b{truth.box.x0 * scale, truth.box.y0 * scale, truth.box.x1 * scale, truth.box.y1 * scale};
    if (b.x1 <= 0 || b.y1 <= 0 || b.x0 >= width || b.y0 >= height)
      throw Error(ErrorCode::bad_input,
                  fmt::format("the box {}, {}, {}, {} lies outside the image of {}x{} pixels", b.x0, b.y0, b.x1,
                              b.y1, width, height),
                  sample.id, "check that annotation and picture belong together");
    if (truth.difficult) continue;
    // The study took sizes from the annotation, where it gives them.
    const auto box = protocol == Protocol::correct ? box_in_crop(b, g)
                                                   : squashed_box(b, sample.width > 0 ? sample.width : width,
                                                                  sample.height > 0 ? sample.height : height,
                                                                  options.resize.width, options.crop.width);
    if (box) boxes.push_back({class_map[truth.class_index], *box});
  }
  return boxes;
}

std::vector<ClassMask> masks_in_input(const Dataset& dataset, std::size_t i, std::span<const std::size_t> classes,
                                      const Geometry& geometry, std::span<const std::size_t> class_map) {
  std::vector<ClassMask> masks;
  for (const std::size_t c : classes) {
    const auto original = dataset.mask(i, c);
    if (!original) continue;
    Mask mask = to_input(*original, geometry);
    const auto found = std::ranges::find(masks, class_map[c], &ClassMask::class_index);
    if (found == masks.end())
      masks.push_back({class_map[c], std::move(mask)});
    else
      found->mask.cover(mask);
  }
  return masks;
}

void check_protocol(Protocol protocol, const Preprocess& options) {
  const bool square = options.crop.kind != SizeRule::Kind::none && options.crop.width == options.crop.height;
  if (protocol == Protocol::correct || (options.resize.kind == SizeRule::Kind::side && square)) return;
  throw Error(ErrorCode::unsupported,
              "the published protocol is about images whose shorter side is resized and whose centre is cropped",
              "--protocol as-published", "use --resize N and --crop N, or --protocol correct");
}

void preprocess_by(Protocol protocol, const Image& image, const Preprocess& options, std::span<float> out) {
  if (protocol == Protocol::correct) {
    preprocess(image, options, out);
    return;
  }
  const Geometry g = geometry(options, image.width, image.height);
  const auto file = encode_jpeg(cropped(image, g), kQuality);
  Preprocess pixels_alone = options;
  pixels_alone.resize = pixels_alone.crop = {};
  preprocess(decode_image(file, "the crop saved as JPEG"), pixels_alone, out);
}

std::vector<std::size_t> map_classes(std::span<const std::string> dataset, std::span<const std::string> labels,
                                     std::size_t classes) {
  std::vector<std::size_t> map(dataset.size());
  if (labels.empty() && dataset.size() == classes) {
    std::iota(map.begin(), map.end(), std::size_t{0});
    return map;
  }
  const auto names = names_of(labels);
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    const auto found = names.find(plain(dataset[i]));
    if (found == names.end())
      missing.push_back(dataset[i]);
    else
      map[i] = found->second;
  }
  if (!missing.empty()) throw unknown_classes(missing, dataset.size());
  return map;
}

}  // namespace limn
