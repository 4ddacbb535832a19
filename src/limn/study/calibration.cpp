#include "limn/study/calibration.h"

#include <fmt/format.h>

#include <algorithm>

#include "limn/metrics.h"
#include "limn/study/localization.h"
#include "limn/study/run_folder.h"

namespace limn {
namespace {

constexpr double kBar = 0.5;

Error unfit(const std::string& message, const std::filesystem::path& run) {
  return Error(ErrorCode::bad_input, message, run.string(),
               "thresholds are chosen on a run of limn evaluate localization that differs in its images alone");
}

/// What has to be the same, and where a manifest has it.
void check_alike(const Json& theirs, const Json& ours, const std::filesystem::path& run) {
  for (const char* key : {"/experiment", "/protocol", "/model/sha256", "/preprocessing", "/upsampling"}) {
    const Json::json_pointer place(key);
    if (theirs.value(place, Json()) != ours.value(place, Json()))
      throw unfit(fmt::format("the run to choose thresholds on differs in '{}'", std::string_view(key).substr(1)),
                  run);
  }
  for (const Json& method : ours.at("methods")) {
    const Json& all = theirs.at("methods");
    if (std::ranges::find(all, method) == all.end())
      throw unfit(fmt::format("the run to choose thresholds on has no {} as it is asked for here",
                              method.at("name").get<std::string>()),
                  run);
  }
}

std::vector<std::vector<double>> curves_of(RowStore& rows, const std::string& method) {
  const auto& columns = rows.columns();
  const auto column = static_cast<int>(std::ranges::find(columns, "curve_largest") - columns.begin());
  std::vector<std::vector<double>> curves;
  rows.for_each_map(
      method, [&](std::int64_t, const Statement& row) { curves.push_back(unpacked_curve(row.numbers(column))); });
  return curves;
}

Json judged(double threshold, std::size_t chosen_on, std::size_t index,
            std::span<const std::vector<double>> curves) {
  const auto successes = std::ranges::count_if(curves, [&](const auto& curve) { return curve[index] >= kBar; });
  return {{"threshold", threshold},
          {"chosen_on", chosen_on},
          {"box_accuracy", rate_json(static_cast<double>(successes), static_cast<double>(curves.size()))}};
}

}  // namespace

Json to_json(const Calibration& c) {
  return {{"images", c.images}, {"sha256", c.sha256}, {"thresholds", c.thresholds}};
}

Calibration calibration_from(const Json& json) {
  return {json.at("images").get<std::size_t>(), json.at("sha256").get<std::string>(),
          json.at("thresholds").get<std::map<std::string, double>>()};
}

Calibration calibrate_on(const std::filesystem::path& run, const Json& manifest, const std::set<std::string>& ids) {
  const Json theirs = read_manifest(run);
  check_alike(theirs, manifest, run);
  static_cast<void>(read_summary(run));  // it is finished
  RowStore rows = RowStore::to_read(rows_path(run));
  const bool of_one_kind = theirs.at("dataset").at("kind") == manifest.at("dataset").at("kind");
  std::vector<std::string> shared;
  rows.for_each_image([&](const ImageRow& image) {
    if (of_one_kind && ids.contains(image.id)) shared.push_back(image.id);
  });
  if (!shared.empty())
    throw unfit(fmt::format("{} images are in both runs, such as {}", shared.size(), shared.front()), run);
  Calibration calibration;
  calibration.sha256 = theirs.at("dataset").at("sha256").get<std::string>();
  std::vector<std::string> names;
  for (const Json& method : manifest.at("methods")) names.push_back(method.at("name").get<std::string>());
  for (const Json& control : manifest.at("controls")) names.push_back(control.get<std::string>());
  for (const std::string& name : names) {
    const auto curves = curves_of(rows, name);
    if (curves.empty()) throw unfit("the run to choose thresholds on has no images with boxes", run);
    calibration.images = curves.size();
    calibration.thresholds[name] = sweep_fractions()[calibrated_index(box_accuracy(curves, kBar))];
  }
  return calibration;
}

Json calibrated(const Calibration* elsewhere, const std::string& method, std::span<const std::int64_t> positions,
                std::span<const std::vector<double>> curves) {
  if (elsewhere != nullptr) {
    const double threshold = elsewhere->thresholds.at(method);
    const auto index = std::ranges::find(sweep_fractions(), threshold) - sweep_fractions().begin();
    return curves.empty() ? Json() : judged(threshold, elsewhere->images, static_cast<std::size_t>(index), curves);
  }
  std::vector<std::vector<double>> chosen_on, judged_on;
  for (std::size_t i = 0; i < positions.size(); ++i)
    (positions[i] % 2 == 0 ? chosen_on : judged_on).push_back(curves[i]);
  if (chosen_on.empty() || judged_on.empty()) return nullptr;
  const std::size_t index = calibrated_index(box_accuracy(chosen_on, kBar));
  return judged(sweep_fractions()[index], chosen_on.size(), index, judged_on);
}

}  // namespace limn
