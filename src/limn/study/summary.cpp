// What the rows of a run come to.

#include <fmt/format.h>

#include <algorithm>

#include "limn/study/comparisons.h"
#include "limn/study/run_folder.h"

namespace limn {
namespace {

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

}  // namespace

Json summarise(const Json& manifest, RowStore& rows) {
  const auto name = manifest.at("experiment").get<std::string>();
  const auto experiment = make_experiment(name, options_from(manifest));
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
  summary["compared_by"] = experiment->primary().column;
  summary["comparisons"] =
      comparisons(rows, experiment->primary(), methods, controls, manifest.at("seed").get<std::uint64_t>());
  return summary;
}

}  // namespace limn
