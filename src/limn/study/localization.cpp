#include "limn/study/localization.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "limn/metrics.h"
#include "limn/study/calibration.h"

namespace limn {
namespace {

constexpr std::size_t kRules = kRegionRules.size();

bool is_among(std::size_t c, std::span<const std::size_t> classes) {
  return std::ranges::find(classes, c) != classes.end();
}

std::vector<std::uint16_t> packed(const std::vector<double>& curve) {
  std::vector<std::uint16_t> out;
  for (const double v : curve) out.push_back(static_cast<std::uint16_t>(std::floor(v * kCurveUnit)));
  return out;
}

/// Everything at one threshold by one rule.
struct Outcome {
  bool known = false, top1 = false, top5 = false;
  double iou = 0;
};

/// As fine as the thresholds of the box curves.
constexpr std::size_t kPixelBins = 100;

PixelCounts counts_from(const std::string& text) {
  const Json json = Json::parse(text);
  PixelCounts counts(kPixelBins);
  json.at(0).get_to(counts.object);
  json.at(1).get_to(counts.background);
  return counts;
}

/// How well the scores of pixels tell objects from background, over all images with masks.
struct PixelPrecision {
  PixelCounts counts{kPixelBins};
  std::vector<double> of_images;  ///< of those with pixels on objects
  std::int64_t images = 0;

  void add(const PixelCounts& image) {
    ++images;
    counts.add(image);
    if (const auto own = pixel_average_precision(image)) of_images.push_back(*own);
  }
};

/// A map rescaled, with its boxes.
struct BoxedMap : StudiedMap {
  using StudiedMap::StudiedMap;
  bool degenerate = false;
  std::vector<std::array<std::optional<Box>, kRules>> boxes;  ///< by threshold
  BoxSweep sweep;
};

class Localization : public Experiment {
 public:
  using Experiment::Experiment;

  std::vector<std::string> columns() const override {
    std::vector<std::string> names;
    for (const double threshold : options_.thresholds)
      for (const RegionRule rule : kRegionRules)
        for (const char* what : {"known", "top1", "top5", "iou"}) names.push_back(column(what, rule, threshold));
    names.insert(names.end(), {"box", "degenerate", "curve_largest", "curve_any", "pixels"});
    return names;
  }

  bool wants_masks() const override { return true; }

  /// A map of a wrong class cannot succeed, so that only those of true classes with boxes are needed.
  std::vector<std::size_t> wanted(const ImageRow& image) const override { return classes_with_boxes(image); }

  std::unique_ptr<const StudiedMap> study(Heatmap map) const override {
    auto studied = std::make_unique<BoxedMap>(std::move(map));
    studied->degenerate = rescale(studied->heatmap);
    for (const double threshold : options_.thresholds)
      studied->boxes.push_back(predicted_boxes(studied->heatmap, threshold));
    studied->sweep = box_sweep(studied->heatmap);
    return studied;
  }

  std::vector<Cell> measure(const ImageRow& image, StudiedMaps maps, const References& references) const override {
    const auto classes = wanted(image);
    std::vector<Outcome> outcomes(options_.thresholds.size() * kRules);
    BoxCurve curve{std::vector<double>(sweep_fractions().size()), std::vector<double>(sweep_fractions().size())};
    std::int64_t degenerate = 0;
    std::string box_text;
    std::optional<PixelCounts> pixels;
    for (std::size_t i = 0; i < maps.size(); ++i) {
      const auto& map = static_cast<const BoxedMap&>(*maps[i]);
      degenerate += map.degenerate ? 1 : 0;
      const auto truths = boxes_of(image, classes[i]);
      for (std::size_t t = 0; t < options_.thresholds.size(); ++t) {
        const auto& boxes = map.boxes[t];
        for (std::size_t r = 0; r < kRules; ++r)
          if (boxes[r]) add(outcomes[t * kRules + r], image, classes[i], *boxes[r], truths);
        if (const auto& box = boxes[static_cast<std::size_t>(options_.box)]; box && i == 0 && t == 0)
          box_text = Json({box->x0, box->y0, box->x1, box->y1}).dump();
      }
      add(curve, box_curve(map.sweep, truths));
      count(pixels, map.heatmap, classes[i], references.masks);
    }
    std::vector<Cell> cells;
    using Whole = std::int64_t;
    for (const Outcome& o : outcomes) {
      for (const bool success : {o.known, o.top1, o.top5}) cells.emplace_back(Whole{success});
      cells.emplace_back(o.iou);
    }
    cells.push_back(box_text.empty() ? Cell{} : Cell{box_text});
    cells.emplace_back(degenerate);
    cells.emplace_back(packed(curve.largest));
    cells.emplace_back(packed(curve.any));
    cells.emplace_back();
    if (pixels) cells.back() = Json({pixels->object, pixels->background}).dump();
    return cells;
  }

  Primary primary() const override { return {column("known", options_.box, options_.thresholds[0])}; }

  Json summarise(RowStore& rows, std::string_view method, std::span<const ImageRow> images) const override {
    const auto names = rows.columns();
    std::vector<std::vector<double>> sums(options_.thresholds.size() * kRules, std::vector<double>(3));
    std::vector<std::vector<double>> ious(sums.size());
    std::vector<std::vector<double>> largest, any;
    std::vector<std::int64_t> positions;
    double degenerate = 0;
    PixelPrecision precision;
    const auto last = static_cast<int>(names.size());
    rows.for_each_map(method, [&](std::int64_t position, const Statement& row) {
      positions.push_back(position);
      for (std::size_t o = 0; o < sums.size(); ++o) {
        const int first = static_cast<int>(4 * o);
        for (int k = 0; k < 3; ++k)
          sums[o][static_cast<std::size_t>(k)] += static_cast<double>(row.integer(first + k));
        ious[o].push_back(row.real(first + 3));
      }
      degenerate += row.integer(last - 4) != 0 ? 1 : 0;
      largest.push_back(unpacked_curve(row.numbers(last - 3)));
      any.push_back(unpacked_curve(row.numbers(last - 2)));
      if (!row.is_null(last - 1)) precision.add(counts_from(row.text(last - 1)));
    });
    double top1 = 0, top5 = 0;
    for (const ImageRow& image : images) {
      if (image.error || image.excluded) continue;
      top1 += image.top1 ? 1 : 0;
      top5 += image.top5 ? 1 : 0;
    }
    Json summary;
    summary["images"] = positions.size();
    summary["degenerate"] = degenerate;
    const auto n = static_cast<double>(positions.size());
    for (std::size_t o = 0; o < sums.size(); ++o) {
      summary["boxes"].push_back({{"threshold", options_.thresholds[o / kRules]},
                                  {"rule", name_of(kRegionRules[o % kRules])},
                                  {"top1", error_json(sums[o][1], n)},
                                  {"top5", error_json(sums[o][2], n)},
                                  {"known_class", rate_json(sums[o][0], n)},
                                  {"given_top1_correct", rate_json(sums[o][1], top1)},
                                  {"given_top5_correct", rate_json(sums[o][2], top5)},
                                  {"iou", mean_json(ious[o], options_.seed)}});
    }
    summary["max_box_accuracy"] = max_box_accuracy(largest);
    summary["max_box_accuracy_v2"] = max_box_accuracy_v2(any);
    summary["calibrated"] = calibrated(options_.calibration ? &*options_.calibration : nullptr, std::string(method),
                                       positions, largest);
    if (precision.images > 0) {
      const auto pooled = pixel_average_precision(precision.counts);
      summary["masked_images"] = precision.images;
      summary["pxap"] = pooled ? Json(*pooled) : Json();
      summary["pxap_of_images"] = mean_json(precision.of_images, options_.seed);
    }
    return summary;
  }

 private:
  static std::string column(std::string_view what, RegionRule rule, double threshold) {
    return fmt::format("{}_{}_{}", what, name_of(rule), 100 * threshold);
  }

  /// Guarded min-max; whether the map is degenerate. A constant map has nothing to draw a box around, but one of
  /// full heat everywhere.
  static bool rescale(Heatmap& map) {
    if (std::ranges::all_of(map.values, [](float v) { return v == 1; })) return false;
    auto normalised = normalise(map);
    map = std::move(normalised.heatmap);
    return normalised.degenerate;
  }

  static void add(Outcome& o, const ImageRow& image, std::size_t class_index, const Box& box,
                  std::span<const Box> truths) {
    o.iou = std::max(o.iou, best_iou(box, truths));
    if (!localizes(box, truths)) return;
    o.known = true;
    o.top1 |= !image.predicted.empty() && image.predicted[0] == class_index;
    o.top5 |= is_among(class_index, image.predicted);
  }

  static void add(BoxCurve& to, const BoxCurve& more) {
    for (std::size_t i = 0; i < to.largest.size(); ++i) {
      to.largest[i] = std::max(to.largest[i], more.largest[i]);
      to.any[i] = std::max(to.any[i], more.any[i]);
    }
  }

  static void count(std::optional<PixelCounts>& pixels, const Heatmap& map, std::size_t class_index,
                    std::span<const ClassMask> masks) {
    const auto found = std::ranges::find(masks, class_index, &ClassMask::class_index);
    if (found == masks.end()) return;
    if (!pixels) pixels.emplace(kPixelBins);
    pixels->add(map, found->mask);
  }
};

}  // namespace

std::vector<double> unpacked_curve(const std::vector<std::uint16_t>& curve) {
  std::vector<double> out;
  for (const std::uint16_t v : curve) out.push_back(v / kCurveUnit);
  return out;
}

std::unique_ptr<const Experiment> make_localization(const ExperimentOptions& options) {
  return std::make_unique<Localization>(options);
}

}  // namespace limn
