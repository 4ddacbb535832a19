#include "limn/study/experiment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "limn/names.h"
#include "limn/statistics.h"
#include "limn/study/localization.h"
#include "limn/study/occlusion.h"
#include "limn/study/pointing_game.h"
#include "limn/study/xray.h"

namespace limn {
namespace {

/// Needs no maps: all of it is in the rows of the images.
class Classification : public Experiment {
 public:
  using Experiment::Experiment;
  std::vector<std::string> columns() const override { return {}; }
  std::vector<std::size_t> wanted(const ImageRow&) const override { return {}; }
  std::vector<Cell> measure(const ImageRow&, StudiedMaps, const References&) const override { return {}; }
  Json summarise(RowStore&, std::string_view, std::span<const ImageRow>) const override { return {}; }
  Primary primary() const override { return {}; }
};

}  // namespace

std::span<const ExperimentInfo> experiments() {
  static const std::array<ExperimentInfo, 5> kExperiments{{
      {"classification", "top-1 and top-5 error", false, false, {}, {}, true},
      {"localization",
       "do boxes drawn around heatmaps match those of people",
       true,
       true,
       {"centre-box", "whole-image", "centred-gaussian", "random-map"},
       {0.15},
       true},
      {"pointing-game",
       "does the hottest pixel lie on the object",
       true,
       true,
       {"centre-point", "centred-gaussian", "random-map"},
       {},
       true},
      {"occlusion",
       "do heatmaps rank places as hiding them does",
       false,
       true,
       {"centred-gaussian", "random-map"},
       {},
       true},
      {"xray",
       "is the hottest area of a chest X-ray where radiologists saw the finding",
       true,
       true,
       {"centre-box", "centred-gaussian", "random-map"},
       {0.85, 0.5, 0.15},
       false},
  }};
  return kExperiments;
}

const ExperimentInfo& experiment(std::string_view name) {
  const auto found = std::ranges::find(experiments(), name, &ExperimentInfo::name);
  if (found != experiments().end()) return *found;
  std::vector<std::string> names;
  for (const auto& info : experiments()) names.emplace_back(info.name);
  const auto close = close_names(name, names);
  throw Error(ErrorCode::not_found, fmt::format("there is no experiment '{}'", name), "EXPERIMENT",
              close.empty() ? fmt::format("the experiments are {}", fmt::join(names, ", "))
                            : fmt::format("did you mean {}?", fmt::join(close, " or ")));
}

std::unique_ptr<const Experiment> make_experiment(std::string_view name, const ExperimentOptions& options) {
  if (name == "localization") return make_localization(options);
  if (name == "pointing-game") return make_pointing_game(options);
  if (name == "occlusion") return make_occlusion(options);
  if (name == "xray") return make_xray(options);
  return std::make_unique<Classification>(options);
}

RegionRule usual_box(Protocol protocol) {
  return protocol == Protocol::correct ? RegionRule::region : RegionRule::rectangle;
}

Json options_json(std::string_view experiment, const ExperimentOptions& options) {
  Json json = {{"protocol", name_of(options.protocol)},
               {"thresholds", options.thresholds},
               {"tolerance", options.tolerance},
               {"seed", options.seed}};
  if (experiment == "localization" || experiment == "xray") json["box"] = name_of(options.box);
  if (experiment == "occlusion") json["occlusion"] = rules_json(options.occlusion);
  if (options.calibration) json["calibration"] = to_json(*options.calibration);
  if (experiment == "xray") json["findings"] = options.findings;
  return json;
}

RegionRule box_of(const Json& manifest) {
  if (manifest.contains("box")) return parse_region_rule(manifest["box"].get<std::string>());
  return usual_box(parse_protocol(manifest.at("protocol").get<std::string>()));
}

ExperimentOptions options_from(const Json& manifest) {
  ExperimentOptions options;
  options.protocol = parse_protocol(manifest.at("protocol").get<std::string>());
  options.thresholds = manifest.at("thresholds").get<std::vector<double>>();
  options.box = box_of(manifest);
  options.tolerance = manifest.at("tolerance").get<double>();
  options.seed = manifest.at("seed").get<std::uint64_t>();
  options.findings = manifest.value("findings", options.findings);
  if (manifest.contains("calibration")) options.calibration = calibration_from(manifest["calibration"]);
  if (manifest.contains("occlusion")) options.occlusion = rules_from(manifest.at("occlusion"));
  return options;
}

Json rate_json(double successes, double trials) {
  const Interval interval = wilson(successes, trials);
  return {{"successes", successes},
          {"of", trials},
          {"rate", trials > 0 ? Json(successes / trials) : Json()},
          {"low", interval.low},
          {"high", interval.high}};
}

Json error_json(double successes, double trials) {
  const Interval interval = wilson(trials - successes, trials);
  return {{"failures", trials - successes},
          {"of", trials},
          {"error", trials > 0 ? Json(1 - successes / trials) : Json()},
          {"low", interval.low},
          {"high", interval.high}};
}

Json mean_json(std::span<const double> values, std::uint64_t seed) {
  const auto summary = summarise_mean(values, seed);
  if (!summary) return nullptr;
  return {{"n", summary->count},
          {"mean", summary->mean},
          {"sd", summary->deviation},
          {"low", summary->interval.low},
          {"high", summary->interval.high}};
}

}  // namespace limn
