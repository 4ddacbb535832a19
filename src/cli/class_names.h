#pragma once
// What the classes of a network are called.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "limn/card.h"

namespace limn::cli {

class ClassNames {
 public:
  ClassNames() = default;
  /// Names in the order of their indices; a leading WordNet id is not shown, but may be asked for.
  explicit ClassNames(std::vector<std::string> names);

  bool known() const { return !full_.empty(); }
  std::size_t size() const { return full_.size(); }
  /// All names with their WordNet ids, for resolve_target(); empty when unknown.
  std::span<const std::string> full() const { return full_; }
  /// The name without WordNet id; empty when unknown.
  std::string_view operator[](std::size_t index) const;
  /// The first of its synonyms, for captions; "class 7" when unknown.
  std::string short_name(std::size_t index) const;

 private:
  std::vector<std::string> full_;
};

/// The 1000 classes of ILSVRC-2012, built in.
ClassNames imagenet_names();
/// Their WordNet ids, by which datasets call them.
std::vector<std::string> imagenet_ids();

/// From the file, or the list that is built in (imagenet, chexnet, chest-study), when there is one; otherwise from
/// the card, otherwise ImageNet's for 1000 classes. Throws Error{bad_input} when their number is not that of the
/// network's classes.
ClassNames find_class_names(const std::optional<std::string>& labels, const std::optional<ModelCard>& card,
                            const std::filesystem::path& card_file, std::size_t classes);

}  // namespace limn::cli
