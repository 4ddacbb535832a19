#include "limn/card.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "limn/base/file.h"
#include "limn/image/json.h"

namespace limn {
namespace {

constexpr std::array<std::string_view, 10> kKeys{"input", "resize", "crop",   "range", "mean",
                                                 "std",   "order",  "labels", "layer", "multi_label"};
constexpr std::int64_t kMaxCardBytes = 64 << 20;

InputSize read_input(const Json& value, std::string_view where) {
  if (!value.is_array() || value.size() != 3) throw wrong_value("input", "[channels, height, width]", where);
  return {read_count(value[0], "input", where), read_count(value[1], "input", where),
          read_count(value[2], "input", where)};
}

std::string read_text(const Json& value, std::string_view key, std::string_view where) {
  if (!value.is_string()) throw wrong_value(key, "a text in quotes", where);
  return value.get<std::string>();
}

bool read_truth(const Json& value, std::string_view key, std::string_view where) {
  if (!value.is_boolean()) throw wrong_value(key, "true or false", where);
  return value.get<bool>();
}

std::vector<std::string> read_names(const Json& value, std::string_view key, std::string_view where) {
  std::vector<std::string> names;
  for (const Json& name : value) {
    if (!name.is_string()) throw wrong_value(key, "a list of texts", where);
    names.push_back(name.get<std::string>());
  }
  return names;
}

bool is_wordnet_id(std::string_view word) {
  return word.size() == 9 && word[0] == 'n' &&
         std::all_of(word.begin() + 1, word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = line.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlank) - first + 1);
}

/// A blank line at the end is not a class; one in between is a class without a name.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(trimmed(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

void drop_wordnet_ids(std::vector<std::string>& lines) {
  const bool all = std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.size() > 10 && line[9] == ' ' && is_wordnet_id(std::string_view(line).substr(0, 9));
  });
  if (!all) return;
  for (std::string& line : lines) line.erase(0, 10);
}

}  // namespace

std::filesystem::path card_path(const std::filesystem::path& model) {
  std::filesystem::path path = model;
  return path.replace_extension(".limn.json");
}

ModelCard parse_card(std::string_view text, std::string_view where) {
  const Json json = parse_json_object(text, where);
  check_keys(json, kKeys, where);
  ModelCard card;
  if (json.contains("input")) card.input = read_input(json["input"], where);
  if (json.contains("resize")) card.resize = read_size_rule(json["resize"], "resize", where);
  if (json.contains("crop")) card.crop = read_size_rule(json["crop"], "crop", where);
  if (json.contains("range")) card.range = read_range(json["range"], where);
  if (json.contains("mean")) card.mean = read_numbers(json["mean"], "mean", where);
  if (json.contains("std")) card.std = read_numbers(json["std"], "std", where);
  if (json.contains("order")) card.order = read_order(json["order"], where);
  if (json.contains("layer")) card.layer = read_text(json["layer"], "layer", where);
  if (json.contains("multi_label")) card.multi_label = read_truth(json["multi_label"], "multi_label", where);
  if (json.contains("labels")) {
    const Json& labels = json["labels"];
    if (labels.is_string())
      card.labels_file = labels.get<std::string>();
    else if (labels.is_array())
      card.labels = read_names(labels, "labels", where);
    else
      throw wrong_value("labels", "a list of names or the name of a file", where);
  }
  return card;
}

ModelCard read_card(const std::filesystem::path& path) {
  return parse_card(read_text_file(path, kMaxCardBytes), path.string());
}

std::optional<ModelCard> find_card(const std::filesystem::path& model) {
  const std::filesystem::path path = card_path(model);
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) return std::nullopt;
  return read_card(path);
}

std::string to_json(const ModelCard& card) {
  Json json = Json::object();
  if (card.input) json["input"] = {card.input->channels, card.input->height, card.input->width};
  if (card.resize) json["resize"] = size_rule_json(*card.resize);
  if (card.crop) json["crop"] = size_rule_json(*card.crop);
  if (card.range) json["range"] = *card.range;
  if (card.mean) json["mean"] = number_list_json(*card.mean);
  if (card.std) json["std"] = number_list_json(*card.std);
  if (card.order) json["order"] = name_of(*card.order);
  if (!card.labels_file.empty()) json["labels"] = card.labels_file;
  if (!card.labels.empty()) json["labels"] = card.labels;
  if (card.layer) json["layer"] = *card.layer;
  if (card.multi_label) json["multi_label"] = *card.multi_label;

  std::string text = "{";
  for (const auto& [key, value] : json.items())
    text += fmt::format("{}\n  \"{}\": {}", text.size() > 1 ? "," : "", key, dump(value));
  return text + "\n}\n";
}

void write_card(const std::filesystem::path& path, const ModelCard& card) {
  write_file_atomically(path, to_json(card));
}

Preprocess with_card(Preprocess options, const ModelCard& card) {
  if (card.input) options.channels = card.input->channels;
  if (card.resize) options.resize = *card.resize;
  if (card.crop) options.crop = *card.crop;
  if (card.range) options.range = *card.range;
  if (card.mean) options.mean = *card.mean;
  if (card.std) options.std = *card.std;
  if (card.order) options.order = *card.order;
  return options;
}

ModelCard card_of(const Preprocess& options, const InputSize& input) {
  ModelCard card;
  if (input.height > 0 && input.width > 0) card.input = input;
  card.resize = options.resize;
  card.crop = options.crop;
  card.range = options.range;
  if (!options.mean.empty()) card.mean = options.mean;
  if (!options.std.empty()) card.std = options.std;
  card.order = options.order;
  return card;
}

std::vector<std::string> card_labels(const ModelCard& card, const std::filesystem::path& card_file) {
  if (!card.labels.empty() || card.labels_file.empty()) return card.labels;
  return read_labels(card_file.parent_path() / card.labels_file);
}

std::vector<std::string> parse_labels(std::string_view text, std::string_view where) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.find('\0') != std::string_view::npos)
    throw Error(ErrorCode::bad_input, "the labels file is not text", std::string(where),
                "it should hold one class name a line");
  std::vector<std::string> labels;
  if (trimmed(text).starts_with('[')) {
    const std::string object = fmt::format("{{\"labels\": {}}}", text);
    labels = read_names(parse_json_object(object, where)["labels"], "labels", where);
  } else {
    labels = lines_of(text);
    drop_wordnet_ids(labels);
  }
  if (labels.empty())
    throw Error(ErrorCode::bad_input, "the labels file holds no names", std::string(where),
                "it should hold one class name a line");
  return labels;
}

std::vector<std::string> read_labels(const std::filesystem::path& path) {
  return parse_labels(read_text_file(path, kMaxCardBytes), path.string());
}

}  // namespace limn
