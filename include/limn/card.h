#pragma once
// The model card: a small JSON file beside a model (model.onnx -> model.limn.json) that says how to preprocess
// images for it, what its classes are called and which layer to explain. Every key is optional.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limn/preprocess.h"

namespace limn {

/// The keys as they are in the file:
///   "input":  [channels, height, width]
///   "resize": 256, "320x240" or "none"          "crop": likewise
///   "range":  1 or 255                          "order": "rgb" or "bgr"
///   "mean":   [..] or one number                "std": likewise, in the tensor's channel order
///   "labels": ["name", ...] or a file name, relative to the card
///   "layer":  the value that CAM methods explain
///   "multi_label": true where classes do not exclude each other, so that each has a probability of its own
///             (sigmoid); default: whether the model ends in a Sigmoid
struct ModelCard {
  std::optional<InputSize> input;
  std::optional<SizeRule> resize, crop;
  std::optional<int> range;
  std::optional<std::vector<float>> mean, std;
  std::optional<ChannelOrder> order;
  std::vector<std::string> labels;  ///< written out in the card
  std::string labels_file;          ///< or the name of a file with them
  std::optional<std::string> layer;
  std::optional<bool> multi_label;

  bool operator==(const ModelCard&) const = default;
};

/// Where the card of a model lies: the model's path with the extension .limn.json.
LIMN_API std::filesystem::path card_path(const std::filesystem::path& model);

/// Throws Error{bad_input} for broken JSON, a key of the wrong type and an unknown key (naming close ones);
/// `where` names the source.
LIMN_API ModelCard parse_card(std::string_view json, std::string_view where);
LIMN_API ModelCard read_card(const std::filesystem::path&);
/// The card beside a model; nothing when there is none.
LIMN_API std::optional<ModelCard> find_card(const std::filesystem::path& model);

/// JSON, one key a line.
LIMN_API std::string to_json(const ModelCard&);
/// Atomic, as write_png.
LIMN_API void write_card(const std::filesystem::path&, const ModelCard&);

/// `defaults` with every preprocessing key of the card put in its place.
LIMN_API Preprocess with_card(Preprocess defaults, const ModelCard&);
/// A card that holds all of a preprocessing.
LIMN_API ModelCard card_of(const Preprocess&, const InputSize&);

/// The class names of a card, read from its file when it names one (relative to the folder of `card_file`);
/// empty when it has none.
LIMN_API std::vector<std::string> card_labels(const ModelCard&, const std::filesystem::path& card_file);

/// Class names in the order of their indices: one a line, or lines "n01440764 tench, Tinca tinca" whose first
/// word is a WordNet id (dropped), or a JSON array of strings. Throws Error{bad_input} when the file is empty
/// or is not text.
LIMN_API std::vector<std::string> parse_labels(std::string_view text, std::string_view where);
LIMN_API std::vector<std::string> read_labels(const std::filesystem::path&);

}  // namespace limn
