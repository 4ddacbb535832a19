#include "limn/report/measures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace limn {
namespace {

struct Known {
  std::string_view path, title;
  Unit unit;
  std::string_view hint;
};

constexpr std::array kKnown{
    Known{"images", "images", Unit::count, ""},
    Known{"degenerate", "constant maps", Unit::count, "Images with a map that has one value everywhere"},
    // Classification
    Known{"classification.top1", "top-1 error", Unit::percent, "The most probable class is none of the image's"},
    Known{"classification.top5", "top-5 error", Unit::percent,
          "None of the five most probable classes is one of the image's"},
    // Localization
    Known{"threshold", "threshold", Unit::number, "The box lies around what is above this share of the maximum"},
    Known{
        "rule", "box around", Unit::text,
        "region: the region with most pixels; rectangle: the one with the largest bounding rectangle; contour: the "
        "one with the largest area within its outer border"},
    Known{"top1", "top-1 loc. error", Unit::percent, "The most probable class is wrong, or its box fails"},
    Known{"top5", "top-5 loc. error", Unit::percent,
          "Each of the five most probable classes is wrong, or its box fails"},
    Known{"known_class", "known class", Unit::percent, "The box succeeds when the true class is told"},
    Known{"given_top1_correct", "given top-1", Unit::percent,
          "The box succeeds, of the images whose most probable class is right"},
    Known{"given_top5_correct", "given top-5", Unit::percent,
          "The box succeeds, of the images with a right class among the five most probable"},
    Known{"iou", "mean IoU", Unit::fraction, "Intersection over union with the best fitting true box"},
    Known{"max_box_accuracy", "MaxBoxAcc", Unit::percent,
          "IoU of at least 0.5 at the threshold that is best for these images, and so a little too high"},
    Known{"max_box_accuracy_v2", "MaxBoxAccV2", Unit::percent,
          "The same of the best box of all regions, mean over IoU of 0.3, 0.5 and 0.7"},
    Known{"calibrated.threshold", "calibrated at", Unit::fraction,
          "Threshold chosen on other images: those at even positions, or another run"},
    Known{"calibrated.chosen_on", "chosen on", Unit::count, "Images that the threshold was chosen on"},
    Known{"calibrated.box_accuracy", "calibrated", Unit::percent,
          "IoU of at least 0.5 at that threshold, on the images it was not chosen on"},
    Known{"masked_images", "images with masks", Unit::count, "Images of which PxAP is made"},
    Known{"pxap", "PxAP", Unit::fraction,
          "How well the scores of pixels tell objects from background at all thresholds, over the pixels of all "
          "images"},
    Known{"pxap_of_images", "PxAP of images", Unit::fraction, "The same of each image by itself, their mean"},
    // Pointing game
    Known{"accuracy", "accuracy", Unit::percent, "The hottest pixel lies in a box of its class, the class told"},
    Known{"accuracy_with_tolerance", "with tolerance", Unit::percent, "The same within some pixels of a box"},
    Known{"accuracy_of_predicted_class", "predicted class", Unit::percent,
          "The most probable class is right, and its map points into its box"},
    Known{"energy_inside", "energy inside", Unit::fraction, "Share of the positive heat that lies in the boxes"},
    Known{"rejection.reject_everything", "rejecting all", Unit::fraction,
          "Agreement of rejecting every map: what a threshold has to beat"},
    Known{"rejection.published_threshold.threshold", "rejection at", Unit::number,
          "Maps with a lower maximum are rejected"},
    Known{"rejection.published_threshold.agreement", "agreement", Unit::fraction,
          "Hits accepted and wrong classes rejected, of the five most probable classes"},
    Known{"rejection.published_threshold.recall", "recall", Unit::fraction, "Hits accepted, of the true classes"},
    Known{"rejection.published_threshold.precision", "precision", Unit::fraction, "Hits, of the accepted maps"},
    Known{"percentile", "percentile of the maxima of all maps", Unit::number, ""},
    Known{"agreement", "agreement", Unit::fraction, "Hits accepted and wrong classes rejected"},
    Known{"recall", "recall", Unit::fraction, "Hits accepted, of the true classes"},
    Known{"precision", "precision", Unit::fraction, "Hits, of the accepted maps"},
    // Occlusion
    Known{"spearman", "rank correlation", Unit::fraction,
          "Spearman's, of average ranks, between a map and the occlusion map"},
    Known{"argsort", "of argsorts", Unit::fraction, "The study's: of the orders that sort each of both maps"},
    Known{"largest_drop", "largest drop", Unit::fraction, "What the class loses under the worst patch"},
    // Chest x-rays
    Known{"boxes", "boxes", Unit::count, ""},
    Known{"finding", "finding", Unit::text, ""},
    Known{"share", "share in the box", Unit::fraction,
          "Of the pixels above the threshold of a map's range, those in the box"},
    Known{"none_inside", "none inside", Unit::count, "Boxes without any of these pixels"},
    Known{"all_inside", "all inside", Unit::count, "Boxes with all of these pixels"},
    Known{"median_active_pixels", "pixels above", Unit::count, "Their median over the boxes"},
    Known{"chance", "chance", Unit::fraction, "The part of the input that the boxes cover"},
    Known{"localized", "localized", Unit::percent, "The box at half of the maximum succeeds"},
    // Comparisons
    Known{"against", "against", Unit::text, ""},
    Known{"paired_t.t", "paired t", Unit::number, ""},
    Known{"paired_t.p", "p of t", Unit::p_value, ""},
    Known{"paired_t.effect", "effect", Unit::number, "Cohen's d of the differences"},
    Known{"permutation_p", "p of flips", Unit::p_value, "Of signs flipped at random"},
    Known{"method", "method", Unit::text, ""},
    Known{"control", "best control", Unit::text, ""},
    Known{"only_method", "method alone", Unit::count, "Images on which the method succeeds and the control fails"},
    Known{"only_control", "control alone", Unit::count,
          "Images on which the control succeeds and the method fails"},
    Known{"difference", "difference", Unit::points, ""},
    Known{"p", "p", Unit::p_value, "Of the test by itself"},
    Known{"p_holm", "p, corrected", Unit::p_value, "By Holm, for the number of tests of the run"},
};

void collect(const Json& object, const std::string& prefix, Entry& entry) {
  for (const auto& [key, value] : object.items()) {
    if (prefix.empty() && (key == "name" || (key == "control" && value.is_boolean()))) continue;
    const std::string path = prefix + key;
    const bool objects = value.is_array() && !value.empty() &&
                         std::ranges::all_of(value, [](const Json& v) { return v.is_object(); });
    if (objects)
      entry.variants.push_back({path, value});
    else if (value.is_object() && !is_measure(value))
      collect(value, path + ".", entry);
    else if (!value.is_array())
      entry.leaves.push_back({path, value});
  }
}

/// The value of a measure, by whatever name.
std::optional<std::string> value_key(const Json& measure) {
  for (const char* key : {"rate", "error", "mean"})
    if (measure.contains(key)) return key;
  return std::nullopt;
}

std::string as_words(std::string_view path) {
  std::string words(path);
  std::ranges::replace(words, '_', ' ');
  std::ranges::replace(words, '.', ' ');
  return words;
}

Unit unit_of(const Json& example) {
  if (is_measure(example)) return example.contains("mean") ? Unit::fraction : Unit::percent;
  if (example.is_number_integer()) return Unit::count;
  return example.is_number() ? Unit::number : Unit::text;
}

}  // namespace

Entry read_entry(const Json& object) {
  Entry entry;
  collect(object, "", entry);
  return entry;
}

bool is_measure(const Json& json) {
  return json.is_object() && json.contains("low") && json.contains("high") && value_key(json).has_value();
}

TableCell measure_cell(const Json& json) {
  if (json.is_string()) return {json.get<std::string>()};
  if (json.is_boolean()) return {json.get<bool>() ? "yes" : "no"};
  if (json.is_number()) return {{}, json.get<double>()};
  if (!is_measure(json)) return {};
  const Json& value = json.at(*value_key(json));
  if (!value.is_number() || !json.at("low").is_number() || !json.at("high").is_number()) return {};
  return {{}, value.get<double>(), Interval{json.at("low").get<double>(), json.at("high").get<double>()}};
}

Column measure_column(std::string_view path, const Json& example) {
  const auto found = std::ranges::find(kKnown, path, &Known::path);
  if (found == kKnown.end()) return {std::string(path), as_words(path), unit_of(example)};
  const bool mean = found->unit == Unit::points && is_measure(example) && example.contains("mean");
  return {std::string(path), std::string(found->title), mean ? Unit::change : found->unit,
          std::string(found->hint)};
}

Unit difference_unit(Unit unit) {
  if (unit == Unit::percent) return Unit::points;
  return unit == Unit::fraction ? Unit::change : unit;
}

}  // namespace limn
