#include "limn/study/comparisons.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "limn/statistics.h"

namespace limn {
namespace {

/// The values of the primary column by method, all over the same images; nothing where it is undefined.
using Outcomes = std::map<std::string, std::vector<std::optional<double>>>;

Outcomes outcomes_of(RowStore& rows, const std::string& column, std::span<const std::string> methods,
                     std::span<const std::string> controls) {
  const auto& names = rows.columns();
  const int at = static_cast<int>(std::ranges::find(names, column) - names.begin());
  Outcomes outcomes;
  for (const auto& labels : {methods, controls})
    for (const auto& label : labels)
      rows.for_each_map(label, [&](std::int64_t, const Statement& row) {
        outcomes[label].push_back(row.is_null(at) ? std::nullopt : std::optional(row.real(at)));
      });
  return outcomes;
}

double mean_of(const std::vector<std::optional<double>>& values) {
  double sum = 0, count = 0;
  for (const auto& v : values) {
    sum += v.value_or(0);
    count += v ? 1 : 0;
  }
  return count > 0 ? sum / count : -std::numeric_limits<double>::infinity();
}

Json by_success(const std::string& method, const std::string& control, const Outcomes& outcomes) {
  const auto &ours = outcomes.at(method), &theirs = outcomes.at(control);
  std::int64_t alone = 0, other_alone = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    alone += ours[i] > theirs[i] ? 1 : 0;
    other_alone += ours[i] < theirs[i] ? 1 : 0;
  }
  return {{"method", method},
          {"control", control},
          {"only_method", alone},
          {"only_control", other_alone},
          {"difference", static_cast<double>(alone - other_alone) / static_cast<double>(ours.size())},
          {"p", mcnemar_exact(alone, other_alone)}};
}

Json by_score(const std::string& method, const std::string& other, const Outcomes& outcomes, std::uint64_t seed) {
  const auto &ours = outcomes.at(method), &theirs = outcomes.at(other);
  std::vector<double> differences;
  for (std::size_t i = 0; i < ours.size(); ++i)
    if (ours[i] && theirs[i]) differences.push_back(*ours[i] - *theirs[i]);
  Json entry = {{"method", method}, {"against", other}, {"difference", mean_json(differences, seed)}};
  if (const auto t = paired_t(differences)) entry["paired_t"] = {{"t", t->t}, {"p", t->p}, {"effect", t->effect}};
  entry["permutation_p"] = sign_flip(differences, seed).value_or(1);
  entry["p"] = wilcoxon_signed_rank(differences).value_or(1);
  return entry;
}

void correct(Json& list) {
  std::vector<double> p;
  for (const Json& entry : list) p.push_back(entry.at("p").get<double>());
  const auto corrected = holm(p);
  for (std::size_t i = 0; i < list.size(); ++i) list[i]["p_holm"] = corrected[i];
}

}  // namespace

Json comparisons(RowStore& rows, const Primary& primary, std::span<const std::string> methods,
                 std::span<const std::string> controls, std::uint64_t seed) {
  Json list = Json::array();
  const Outcomes outcomes = outcomes_of(rows, primary.column, methods, controls);
  if (methods.empty() || controls.empty() || outcomes.empty()) return list;
  const std::string best =
      *std::ranges::max_element(controls, {}, [&](const auto& label) { return mean_of(outcomes.at(label)); });
  for (const auto& method : methods)
    list.push_back(primary.is_score ? by_score(method, best, outcomes, seed) : by_success(method, best, outcomes));
  for (std::size_t i = 0; primary.is_score && i < methods.size(); ++i)
    for (std::size_t k = i + 1; k < methods.size(); ++k)
      list.push_back(by_score(methods[i], methods[k], outcomes, seed));
  correct(list);
  return list;
}

}  // namespace limn
