#pragma once
// What reports know of single experiments: captions, which measure stands for a method, what the study published.
// An experiment that is not here is reported from its summary alone.

#include <functional>
#include <optional>
#include <string_view>

#include "limn/image/json.h"
#include "limn/report/document.h"

namespace limn {

struct KnownExperiment {
  std::string_view name, title;
  std::string_view question;  ///< what is measured, in a few sentences; empty when unknown
  std::string_view headline;  ///< path of the measure with which a method stands or falls; empty: the first
  std::string_view score;     ///< column of the rows with one number an image; empty: the first with real numbers
  std::string_view score_title;
};

/// A row of the table; for other names one that has nothing but the name, which it is a view of.
KnownExperiment known_experiment(std::string_view name);

/// The list in a method's entry of which one element belongs to the method itself, and the key of that element.
struct HeadlineVariant {
  std::string_view list;                           ///< empty: none
  std::function<bool(const Json& element)> is_it;  ///< by the options of the run
};
HeadlineVariant headline_variant(const Json& manifest);

/// What the study measured; nothing where it did not.
std::optional<Table> published_table(std::string_view experiment);

}  // namespace limn
