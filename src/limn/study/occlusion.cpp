#include "limn/study/occlusion.h"

#include <algorithm>

#include "limn/metrics.h"
#include "limn/passes/image_size.h"
#include "limn/statistics.h"

namespace limn {
namespace {

enum Column { by_ranks, by_argsort, drop, columns_end };

constexpr int kCells = 14;
constexpr float kFrame = 0.5F;  ///< what the frame of a padded image holds, as a grey patch does

std::int64_t margin_of(const OcclusionRules& rules) { return rules.padded ? rules.patch / 2 : 0; }

/// The network for images with a frame around them, whatever size its file declares.
Classifier framed(const ProbedNetwork& network, const OcclusionRules& rules) {
  const std::int64_t margin = margin_of(rules);
  if (margin == 0) return network.classifier;
  const std::int64_t height = network.classifier.height + 2 * margin, width = network.classifier.width + 2 * margin;
  try {
    const ValueId image = network.model.at(network.classifier.image);
    Classifier larger =
        as_classifier(with_image_size(network.model, image, height, width), network.classifier.output);
    larger.probability = network.classifier.probability;
    return larger;
  } catch (const Error& e) {
    throw Error(e.code(), "the published protocol shows the network images with a frame: " + e.message(), e.where(),
                "take a network that pools what is left of the image, or add --pad none");
  }
}

PatchGrid grid_for(const Classifier& network, const OcclusionRules& rules) {
  const std::int64_t margin = margin_of(rules);
  PatchGrid grid =
      centred_patches(rules.patch, rules.stride, network.height - 2 * margin, network.width - 2 * margin);
  for (auto* starts : {&grid.rows, &grid.columns})
    for (std::int64_t& start : *starts) start += margin;
  return grid;
}

class OcclusionProbe : public Probe {
 public:
  OcclusionProbe(const Classifier& network, const OcclusionRules& rules)
      : rules_(rules),
        channels_(network.channels),
        height_(network.height),
        width_(network.width),
        probability_(network.probability),
        occluder_(network, grid_for(network, rules), {rules.fill, rules.batch, 1, true}) {}

  std::unique_ptr<Probe> copy() const override { return std::make_unique<OcclusionProbe>(*this); }

  Heatmap look(std::span<const float> image, std::size_t class_index) override {
    write(image);
    const auto drops = occlusion_drops(occluder_, {rules_.score, class_index, 0}, probability_);
    const PatchGrid& grid = occluder_.grid();
    return {static_cast<int>(grid.columns.size()), static_cast<int>(grid.rows.size()), drops};
  }

 private:
  void write(std::span<const float> image) {
    const std::span<float> to = occluder_.image();
    const std::int64_t margin = margin_of(rules_), rows = height_ - 2 * margin, columns = width_ - 2 * margin;
    std::ranges::fill(to, kFrame);
    for (std::int64_t c = 0; c < channels_; ++c)
      for (std::int64_t y = 0; y < rows; ++y)
        std::copy_n(image.begin() + (c * rows + y) * columns, columns,
                    to.begin() + (c * height_ + y + margin) * width_ + margin);
  }

  OcclusionRules rules_;
  std::int64_t channels_, height_, width_;
  Probability probability_;
  Occluder occluder_;
};

std::vector<double> cells_of(const Heatmap& map, int width, int height) {
  const Heatmap small = shrink(map, width, height);
  return {small.values.begin(), small.values.end()};
}

Cell cell_of(const std::optional<double>& value) { return value ? Cell{*value} : Cell{}; }

class OcclusionCorrelation : public Experiment {
 public:
  using Experiment::Experiment;

  std::vector<std::string> columns() const override { return {"spearman", "argsort", "drop"}; }
  Primary primary() const override { return {options_.occlusion.argsort ? "argsort" : "spearman", true}; }

  std::vector<std::size_t> wanted(const ImageRow& image) const override { return {image.classes.front()}; }

  Json facts(const ProbedNetwork& network) const override {
    const Classifier seen = framed(network, options_.occlusion);
    const auto cost = occlusion_cost(seen, grid_for(seen, options_.occlusion),
                                     {options_.occlusion.fill, options_.occlusion.batch, 1, true});
    return {{"positions", grid_for(seen, options_.occlusion).size()},
            {"multiplications", cost.multiplications},
            {"whole_maps_from", cost.whole_from}};
  }

  std::unique_ptr<Probe> probe(const ProbedNetwork& network) const override {
    return std::make_unique<OcclusionProbe>(framed(network, options_.occlusion), options_.occlusion);
  }

  /// As published, the colours of an attribution are mixed to a signed grey.
  Heatmap map_of(std::span<const float> attribution, int channels, int height, int width) const override {
    if (options_.protocol == Protocol::correct || channels != 3)
      return Experiment::map_of(attribution, channels, height, width);
    constexpr float kRed = 0.2989F, kGreen = 0.587F, kBlue = 0.114F;
    Heatmap grey(width, height);
    const std::size_t plane = grey.values.size();
    for (std::size_t i = 0; i < plane; ++i)
      grey.values[i] = kRed * attribution[i] + kGreen * attribution[plane + i] + kBlue * attribution[2 * plane + i];
    return grey;
  }

  std::vector<Cell> measure(const ImageRow&, StudiedMaps maps, const References& references) const override {
    const Heatmap &map = maps.front()->heatmap, &occlusion = references.probed.front();
    const int width = std::min({kCells, occlusion.width, map.width});
    const int height = std::min({kCells, occlusion.height, map.height});
    const auto ours = cells_of(map, width, height), theirs = cells_of(occlusion, width, height);
    std::vector<Cell> row(columns_end);
    row[by_ranks] = cell_of(spearman(ours, theirs));
    if (row[by_ranks] != Cell{}) row[by_argsort] = cell_of(spearman_of_argsort(ours, theirs));
    row[drop] = static_cast<double>(std::ranges::max(occlusion.values));
    return row;
  }

  Json summarise(RowStore& rows, std::string_view method, std::span<const ImageRow>) const override {
    std::vector<double> ranks, argsorts, drops;
    std::int64_t images = 0;
    rows.for_each_map(method, [&](std::int64_t, const Statement& row) {
      ++images;
      drops.push_back(row.real(drop));
      if (row.is_null(by_ranks)) return;
      ranks.push_back(row.real(by_ranks));
      argsorts.push_back(row.real(by_argsort));
    });
    return {{"images", images},
            {"degenerate", images - static_cast<std::int64_t>(ranks.size())},
            {"spearman", mean_json(ranks, options_.seed)},
            {"argsort", mean_json(argsorts, options_.seed)},
            {"largest_drop", mean_json(drops, options_.seed)}};
  }
};

}  // namespace

Json rules_json(const OcclusionRules& rules) {
  return {{"patch", rules.patch},        {"stride", rules.stride},
          {"fill", name_of(rules.fill)}, {"score", rules.score == Target::Kind::logit ? "logit" : "probability"},
          {"padded", rules.padded},      {"rank", rules.argsort ? "argsort" : "correct"},
          {"batch", rules.batch}};
}

OcclusionRules rules_from(const Json& json) {
  OcclusionRules rules;
  rules.patch = json.at("patch").get<std::int64_t>();
  rules.stride = json.at("stride").get<std::int64_t>();
  rules.fill = parse_occlusion_fill(json.at("fill").get<std::string>());
  rules.score = json.at("score") == "logit" ? Target::Kind::logit : Target::Kind::probability;
  rules.padded = json.at("padded").get<bool>();
  rules.argsort = json.at("rank") == "argsort";
  rules.batch = json.at("batch").get<std::int64_t>();
  return rules;
}

std::unique_ptr<const Experiment> make_occlusion(const ExperimentOptions& options) {
  return std::make_unique<OcclusionCorrelation>(options);
}

}  // namespace limn
