#include "class_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "embedded.h"
#include "limn/base/file.h"
#include "limn/zoo.h"

namespace limn::cli {
namespace {

/// Length of "n01440764 " at the front, 0 when there is no WordNet id.
std::size_t wordnet_prefix(std::string_view name) {
  constexpr std::size_t kLength = 10;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (name.size() <= kLength || name[0] != 'n' || name[kLength - 1] != ' ') return 0;
  return std::ranges::all_of(name.substr(1, kLength - 2), is_digit) ? kLength : 0;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    if (lines.back().ends_with('\r')) lines.back().pop_back();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// As read_labels(), but WordNet ids are kept.
std::vector<std::string> read_full_labels(const std::filesystem::path& path) {
  const auto labels = read_labels(path);
  auto lines = lines_of(read_text_file(path));
  std::erase_if(lines, [](const std::string& line) { return line.empty(); });
  const bool same =
      lines.size() == labels.size() && std::ranges::equal(lines, labels, [](const auto& a, const auto& b) {
        return wordnet_prefix(a) != 0 && a.ends_with(b);
      });
  return same ? lines : labels;
}

/// The findings of ChestX-ray14 in the order of the second network of the KTH study.
constexpr std::string_view kChestStudy =
    "Cardiomegaly\nEmphysema\nEffusion\nHernia\nInfiltration\nMass\nNodule\nAtelectasis\nPneumothorax\n"
    "Pleural thickening\nPneumonia\nFibrosis\nEdema\nConsolidation\n";

/// A file of that name comes first.
std::vector<std::string> labels_of(const std::string& labels) {
  if (!std::filesystem::exists(labels)) {
    if (labels == "imagenet") return lines_of(kImagenetLabels);
    if (labels == "chexnet") {
      const auto findings = find_architecture("chexnet").labels;
      return {findings.begin(), findings.end()};
    }
    if (labels == "chest-study") return lines_of(kChestStudy);
  }
  return read_full_labels(labels);
}

void check_count(const ClassNames& names, std::size_t classes, const std::string& where) {
  if (names.size() != classes)
    throw Error(ErrorCode::bad_input,
                fmt::format("there are {} labels, but the network has {} classes", names.size(), classes), where,
                "give one label a line, in the order of the network's outputs");
}

}  // namespace

ClassNames::ClassNames(std::vector<std::string> names) : full_(std::move(names)) {}

std::string_view ClassNames::operator[](std::size_t index) const {
  if (index >= full_.size()) return {};
  const std::string_view name = full_[index];
  return name.substr(wordnet_prefix(name));
}

std::string ClassNames::short_name(std::size_t index) const {
  const std::string_view name = (*this)[index];
  return name.empty() ? fmt::format("class {}", index) : std::string(name.substr(0, name.find(',')));
}

ClassNames imagenet_names() { return ClassNames(lines_of(kImagenetLabels)); }

std::vector<std::string> imagenet_ids() {
  const ClassNames names = imagenet_names();
  std::vector<std::string> ids;
  for (const auto& name : names.full()) ids.push_back(name.substr(0, name.find(' ')));
  return ids;
}

ClassNames find_class_names(const std::optional<std::string>& labels, const std::optional<ModelCard>& card,
                            const std::filesystem::path& card_file, std::size_t classes) {
  constexpr std::size_t kImagenetClasses = 1000;
  if (labels) {
    ClassNames names(labels_of(*labels));
    check_count(names, classes, *labels);
    return names;
  }
  if (card && (!card->labels.empty() || !card->labels_file.empty())) {
    ClassNames names(card_labels(*card, card_file));
    check_count(names, classes, card_file.string());
    return names;
  }
  return classes == kImagenetClasses ? imagenet_names() : ClassNames();
}

}  // namespace limn::cli
