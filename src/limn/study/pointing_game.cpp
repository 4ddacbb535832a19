#include "limn/study/pointing_game.h"

#include <algorithm>
#include <map>

#include "limn/metrics.h"
#include "limn/statistics.h"

namespace limn {
namespace {

enum Column { pairs, hits, near_hits, all_hit, predicted_hit, x, y, energy, degenerate, cells, columns_end };

bool is_constant(const Heatmap& map) {
  const auto [low, high] = std::ranges::minmax(map.values);
  return high - low <= 1e-12F * std::max(1.0F, std::abs(high));
}

class PointingGame : public Experiment {
 public:
  using Experiment::Experiment;

  std::vector<std::string> columns() const override {
    return {"pairs", "hits", "near_hits", "all_hit", "predicted_hit", "x", "y", "energy", "degenerate", "cells"};
  }
  Primary primary() const override { return {"all_hit"}; }

  /// True classes, then the five most probable ones that are not among them.
  std::vector<std::size_t> wanted(const ImageRow& image) const override {
    std::vector<std::size_t> classes = classes_with_boxes(image);
    if (classes.empty()) return classes;
    for (const std::size_t c : image.predicted)
      if (std::ranges::find(classes, c) == classes.end()) classes.push_back(c);
    return classes;
  }

  std::vector<Cell> measure(const ImageRow& image, StudiedMaps maps, const References&) const override {
    const auto classes = wanted(image);
    const auto truths = classes_with_boxes(image);
    std::vector<Point> points;
    for (const StudiedMap* map : maps) points.push_back({peak(map->heatmap), is_constant(map->heatmap)});
    const auto map_of = [&](std::size_t c) {
      return static_cast<std::size_t>(std::ranges::find(classes, c) - classes.begin());
    };

    std::int64_t hit_count = 0, near_count = 0, constant = 0;
    std::vector<double> energies;
    for (std::size_t i = 0; i < truths.size(); ++i) {
      const auto boxes = boxes_of(image, truths[i]);
      const Point& point = points[options_.protocol == Protocol::correct ? i : 0];
      hit_count += hit(point, boxes, 0) ? 1 : 0;
      near_count += hit(point, boxes, options_.tolerance) ? 1 : 0;
      constant += points[i].constant ? 1 : 0;
      if (const auto share = energy_inside(maps[i]->heatmap, boxes)) energies.push_back(*share);
    }
    Json cell_list = Json::array();
    bool first_hit = false;
    for (std::size_t k = 0; k < image.predicted.size(); ++k) {
      const std::size_t c = image.predicted[k];
      const Point& point = points[map_of(c)];
      const bool good = std::ranges::find(truths, c) != truths.end();
      const bool on_it = good && hit(point, boxes_of(image, c), 0);
      cell_list.push_back({good, on_it, point.peak.value});
      if (k == 0) first_hit = on_it;
    }
    double energy_sum = 0;
    for (const double e : energies) energy_sum += e;

    std::vector<Cell> row(columns_end);
    const auto pair_count = static_cast<std::int64_t>(truths.size());
    row[pairs] = pair_count;
    row[hits] = hit_count;
    row[near_hits] = near_count;
    row[all_hit] = static_cast<std::int64_t>(hit_count == pair_count);
    row[predicted_hit] = static_cast<std::int64_t>(first_hit);
    row[x] = static_cast<std::int64_t>(points[0].peak.x);
    row[y] = static_cast<std::int64_t>(points[0].peak.y);
    if (!energies.empty()) row[energy] = energy_sum / static_cast<double>(energies.size());
    row[degenerate] = constant;
    row[cells] = cell_list.dump();
    return row;
  }

  Json summarise(RowStore& rows, std::string_view method, std::span<const ImageRow>) const override {
    double images = 0, pair_sum = 0, hit_sum = 0, near_sum = 0, predicted_sum = 0, constant = 0;
    std::vector<double> energies;
    std::vector<PointingCell> cell_list;
    rows.for_each_map(method, [&](std::int64_t, const Statement& row) {
      ++images;
      pair_sum += static_cast<double>(row.integer(pairs));
      hit_sum += static_cast<double>(row.integer(hits));
      near_sum += static_cast<double>(row.integer(near_hits));
      predicted_sum += static_cast<double>(row.integer(predicted_hit));
      constant += row.integer(degenerate) != 0 ? 1 : 0;
      if (!row.is_null(energy)) energies.push_back(row.real(energy));
      for (const Json& c : Json::parse(row.text(cells)))
        cell_list.push_back({c[0].get<bool>(), c[1].get<bool>(), c[2].get<double>()});
    });
    Json summary;
    summary["images"] = images;
    summary["degenerate"] = constant;
    summary["accuracy"] = rate_json(hit_sum, pair_sum);
    summary["accuracy_with_tolerance"] = rate_json(near_sum, pair_sum);
    summary["accuracy_of_predicted_class"] = rate_json(predicted_sum, images);
    summary["energy_inside"] = mean_json(energies, options_.seed);
    summary["rejection"] = rejection(cell_list);
    return summary;
  }

 private:
  struct Point {
    Peak peak;
    bool constant = false;
  };

  /// A constant map points nowhere; as published, it points at the first pixel.
  bool hit(const Point& point, std::span<const Box> boxes, double tolerance) const {
    const bool correct = options_.protocol == Protocol::correct;
    if (correct && point.constant) return false;
    return points_at(point.peak.x, point.peak.y, boxes, correct ? Bounds::half_open : Bounds::closed, tolerance);
  }

  static Json scores_json(const char* key, double value, const RejectionScores& scores) {
    Json out = {{key, value}, {"agreement", scores.agreement}};
    out["recall"] = scores.recall ? Json(*scores.recall) : Json();
    out["precision"] = scores.precision ? Json(*scores.precision) : Json();
    return out;
  }

  /// At the study's threshold of .5, at every tenth percentile of the maxima, and when everything is rejected.
  static Json rejection(std::span<const PointingCell> cell_list) {
    if (cell_list.empty()) return nullptr;
    constexpr double kPublished = 0.5;
    std::vector<double> maxima;
    double good = 0;
    for (const PointingCell& cell : cell_list) {
      maxima.push_back(cell.maximum);
      good += cell.good ? 1 : 0;
    }
    Json out;
    out["published_threshold"] = scores_json("threshold", kPublished, with_rejection(cell_list, kPublished));
    out["reject_everything"] = 1 - good / static_cast<double>(cell_list.size());
    for (int q = 0; q <= 100; q += 10) {
      Json point = scores_json("percentile", q, with_rejection(cell_list, percentile(maxima, q)));
      point["threshold"] = percentile(maxima, q);
      out["curve"].push_back(std::move(point));
    }
    return out;
  }
};

}  // namespace

std::unique_ptr<const Experiment> make_pointing_game(const ExperimentOptions& options) {
  return std::make_unique<PointingGame>(options);
}

}  // namespace limn
