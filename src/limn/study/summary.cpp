// What the rows of a run come to.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "limn/statistics.h"
#include "limn/study/run_folder.h"

namespace limn {
namespace {

ExperimentOptions options_of(const Json& manifest) {
  ExperimentOptions options;
  options.protocol = parse_protocol(manifest.at("protocol").get<std::string>());
  options.thresholds = manifest.at("thresholds").get<std::vector<double>>();
  options.tolerance = manifest.at("tolerance").get<double>();
  options.seed = manifest.at("seed").get<std::uint64_t>();
  return options;
}

Json image_counts(std::span<const ImageRow> images) {
  const auto count = [&](auto&& is) { return std::ranges::count_if(images, is); };
  const auto failed = count([](const ImageRow& r) { return r.error.has_value(); });
  const auto excluded = count([](const ImageRow& r) { return !r.error && r.excluded; });
  return {{"all", images.size()},
          {"used", static_cast<std::int64_t>(images.size()) - failed - excluded},
          {"excluded", excluded},
          {"failed", failed}};
}

Json classification(std::span<const ImageRow> images) {
  double used = 0, top1 = 0, top5 = 0;
  for (const ImageRow& row : images) {
    if (row.error || row.excluded) continue;
    ++used;
    top1 += row.top1 ? 1 : 0;
    top5 += row.top5 ? 1 : 0;
  }
  return {{"top1", error_json(top1, used)}, {"top5", error_json(top5, used)}};
}

/// The values of the primary column, by method.
using Outcomes = std::map<std::string, std::vector<bool>>;

Outcomes outcomes_of(RowStore& rows, const std::string& primary, std::span<const std::string> labels) {
  const auto& names = rows.columns();
  const int column = static_cast<int>(std::ranges::find(names, primary) - names.begin());
  Outcomes outcomes;
  for (const auto& label : labels)
    rows.for_each_map(
        label, [&](std::int64_t, const Statement& row) { outcomes[label].push_back(row.integer(column) != 0); });
  return outcomes;
}

/// Every method against the control that does best, by McNemar's exact test with Holm's correction.
Json comparisons(const Outcomes& outcomes, std::span<const std::string> methods,
                 std::span<const std::string> controls) {
  const auto successes = [&](const std::string& label) { return std::ranges::count(outcomes.at(label), true); };
  if (methods.empty() || controls.empty() || outcomes.empty()) return Json::array();
  const std::string best = *std::ranges::max_element(controls, {}, successes);
  std::vector<double> p;
  Json list = Json::array();
  for (const auto& label : methods) {
    const auto &ours = outcomes.at(label), &theirs = outcomes.at(best);
    std::int64_t alone = 0, other_alone = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      alone += ours[i] && !theirs[i] ? 1 : 0;
      other_alone += !ours[i] && theirs[i] ? 1 : 0;
    }
    p.push_back(mcnemar_exact(alone, other_alone));
    const auto n = static_cast<double>(ours.size());
    list.push_back({{"method", label},
                    {"control", best},
                    {"only_method", alone},
                    {"only_control", other_alone},
                    {"difference", static_cast<double>(alone - other_alone) / n},
                    {"p", p.back()}});
  }
  const auto corrected = holm(p);
  for (std::size_t i = 0; i < list.size(); ++i) list[i]["p_holm"] = corrected[i];
  return list;
}

}  // namespace

Json summarise(const Json& manifest, RowStore& rows) {
  const auto name = manifest.at("experiment").get<std::string>();
  const auto experiment = make_experiment(name, options_of(manifest));
  std::vector<ImageRow> images;
  rows.for_each_image([&](const ImageRow& row) { images.push_back(row); });
  std::vector<std::string> methods, controls;
  for (const Json& method : manifest.at("methods")) methods.push_back(method.at("name").get<std::string>());
  for (const Json& control : manifest.at("controls")) controls.push_back(control.get<std::string>());

  Json summary;
  summary["format"] = kSummaryFormat;
  summary["experiment"] = name;
  summary["protocol"] = manifest.at("protocol");
  summary["images"] = image_counts(images);
  summary["classification"] = classification(images);
  if (experiment->columns().empty()) return summary;
  std::vector<std::string> labels = methods;
  labels.insert(labels.end(), controls.begin(), controls.end());
  summary["methods"] = Json::array();
  for (const auto& label : labels) {
    Json entry = {{"name", label}, {"control", std::ranges::find(controls, label) != controls.end()}};
    entry.update(experiment->summarise(rows, label, images));
    summary["methods"].push_back(std::move(entry));
  }
  summary["compared_by"] = experiment->primary();
  summary["comparisons"] = comparisons(outcomes_of(rows, experiment->primary(), labels), methods, controls);
  return summary;
}

}  // namespace limn
