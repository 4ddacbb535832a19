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
  options.findings = manifest.value("findings", options.findings);
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

/// The values of the primary column of one method, by the position of the image; without those that are missing.
using Values = std::map<std::int64_t, double>;

Values values_of(RowStore& rows, const Primary& primary, const std::string& label) {
  const auto& names = rows.columns();
  const int column = static_cast<int>(std::ranges::find(names, primary.column) - names.begin());
  Values values;
  rows.for_each_map(label, [&](std::int64_t position, const Statement& row) {
    if (row.is_null(column)) return;
    values[position] = primary.is_amount ? row.real(column) : static_cast<double>(row.integer(column) != 0);
  });
  return values;
}

double mean_of(const Values& values) {
  double sum = 0;
  for (const auto& [position, value] : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

/// Ours less theirs, on the images that both have a value for.
std::vector<double> differences(const Values& ours, const Values& theirs) {
  std::vector<double> out;
  for (const auto& [position, value] : ours)
    if (const auto other = theirs.find(position); other != theirs.end()) out.push_back(value - other->second);
  return out;
}

/// By McNemar's exact test of successes, by flipped signs of amounts.
Json comparison(std::span<const double> difference, bool is_amount, std::uint64_t seed) {
  double sum = 0;
  for (const double d : difference) sum += d;
  Json out = {{"images", difference.size()},
              {"difference", difference.empty() ? 0 : sum / static_cast<double>(difference.size())}};
  if (is_amount) {
    out["test"] = "sign-flip";
    out["p"] = sign_flip(difference, seed).value_or(1);
    return out;
  }
  const auto alone = std::ranges::count(difference, 1.0), other_alone = std::ranges::count(difference, -1.0);
  out["test"] = "mcnemar";
  out["only_method"] = alone;
  out["only_control"] = other_alone;
  out["p"] = mcnemar_exact(alone, other_alone);
  return out;
}

/// Every method against the control that does best, with Holm's correction.
Json comparisons(RowStore& rows, const Primary& primary, std::span<const std::string> methods,
                 std::span<const std::string> controls, std::uint64_t seed) {
  Json list = Json::array();
  if (methods.empty() || controls.empty() || primary.column.empty()) return list;
  std::map<std::string, Values> of_controls;
  for (const auto& label : controls) of_controls[label] = values_of(rows, primary, label);
  const std::string best =
      *std::ranges::max_element(controls, {}, [&](const auto& label) { return mean_of(of_controls[label]); });
  std::vector<double> p;
  for (const auto& label : methods) {
    const auto difference = differences(values_of(rows, primary, label), of_controls[best]);
    Json entry = {{"method", label}, {"control", best}};
    entry.update(comparison(difference, primary.is_amount, seed));
    p.push_back(entry.at("p").get<double>());
    list.push_back(std::move(entry));
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
  summary["format"] = "limn.summary/1";
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
  summary["compared_by"] = experiment->primary().column;
  summary["comparisons"] = comparisons(rows, experiment->primary(), methods, controls, options_of(manifest).seed);
  return summary;
}

}  // namespace limn
