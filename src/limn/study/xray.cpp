#include "limn/study/xray.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limn/metrics.h"
#include "limn/statistics.h"

namespace limn {
namespace {

/// A finding, its map, and what a radiologist marked.
struct Case {
  std::size_t class_index = 0;
  double area = 0;  ///< of the box, as a part of the input
  double iou = 0;
  bool hit = false;
  std::optional<double> energy;
  std::vector<double> shares;
  std::vector<std::int64_t> active;
};

Json to_json(const Case& c) {
  return {c.class_index, c.area, c.iou, c.hit, c.energy ? Json(*c.energy) : Json(), c.shares, c.active};
}

Case case_from(const Json& json) {
  Case c{json[0].get<std::size_t>(),
         json[1].get<double>(),
         json[2].get<double>(),
         json[3].get<bool>(),
         std::nullopt,
         json[5].get<std::vector<double>>(),
         json[6].get<std::vector<std::int64_t>>()};
  if (!json[4].is_null()) c.energy = json[4].get<double>();
  return c;
}

/// The study cut corner and size by themselves.
Box in_whole_pixels(const Box& box) {
  const double x = std::trunc(box.x0), y = std::trunc(box.y0);
  return {x, y, x + std::trunc(box.width()), y + std::trunc(box.height())};
}

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

class Xray : public Experiment {
 public:
  using Experiment::Experiment;

  std::vector<std::string> columns() const override {
    std::vector<std::string> names;
    for (const double t : options_.thresholds) names.push_back(share_column(t));
    names.insert(names.end(), {"energy", "hits", "degenerate", "cases"});
    return names;
  }
  Primary primary() const override { return {share_column(options_.thresholds.front()), true}; }

  std::vector<std::size_t> wanted(const ImageRow& image) const override { return classes_with_boxes(image); }

  std::vector<Cell> measure(const ImageRow& image, StudiedMaps maps, const References&) const override {
    const auto classes = classes_with_boxes(image);
    std::vector<Case> cases;
    std::int64_t degenerate = 0;
    for (std::size_t i = 0; i < classes.size(); ++i) {
      const Heatmap& map = maps[i]->heatmap;
      degenerate += activated_pixels(map, 0, {}).all == 0 ? 1 : 0;
      for (const Box& box : boxes_of(image, classes[i])) cases.push_back(judge(classes[i], map, box));
    }
    std::vector<Cell> row;
    for (std::size_t t = 0; t < options_.thresholds.size(); ++t)
      row.emplace_back(mean(gathered(cases, [&](const Case& c) { return c.shares[t]; })));
    const auto energies = energies_of(cases);
    row.push_back(energies.empty() ? Cell{} : Cell{mean(energies)});
    row.emplace_back(static_cast<std::int64_t>(std::ranges::count(cases, true, &Case::hit)));
    row.emplace_back(degenerate);
    Json list = Json::array();
    for (const Case& c : cases) list.push_back(to_json(c));
    row.emplace_back(list.dump());
    return row;
  }

  Json summarise(RowStore& rows, std::string_view method, std::span<const ImageRow>) const override {
    std::vector<Case> cases;
    std::int64_t degenerate = 0;
    const auto column = static_cast<int>(options_.thresholds.size());
    rows.for_each_map(method, [&](std::int64_t, const Statement& row) {
      degenerate += row.integer(column + 2);
      for (const Json& json : Json::parse(row.text(column + 3))) cases.push_back(case_from(json));
    });
    Json summary = measures(cases);
    summary["degenerate"] = degenerate;
    summary["findings"] = Json::array();
    for (const auto& [name, class_index] : options_.findings) {
      const auto of_it = of_class(cases, class_index);
      if (of_it.empty()) continue;
      Json finding = {{"finding", name}};
      finding.update(measures(of_it));
      summary["findings"].push_back(std::move(finding));
    }
    return summary;
  }

 private:
  static std::string share_column(double threshold) { return fmt::format("share_{}", 100 * threshold); }

  template <class Get>
  static std::vector<double> gathered(std::span<const Case> cases, Get&& get) {
    std::vector<double> values;
    for (const Case& c : cases) values.push_back(get(c));
    return values;
  }
  static std::vector<double> energies_of(std::span<const Case> cases) {
    std::vector<double> values;
    for (const Case& c : cases)
      if (c.energy) values.push_back(*c.energy);
    return values;
  }
  static std::vector<Case> of_class(std::span<const Case> cases, std::size_t class_index) {
    std::vector<Case> out;
    std::ranges::copy_if(cases, std::back_inserter(out),
                         [&](const Case& c) { return c.class_index == class_index; });
    return out;
  }

  Case judge(std::size_t class_index, const Heatmap& map, const Box& marked) const {
    constexpr double kHalf = 0.5;
    const bool correct = options_.protocol == Protocol::correct;
    const Box box = correct ? marked : in_whole_pixels(marked);
    Case c;
    c.class_index = class_index;
    c.area = box.width() * box.height() / (static_cast<double>(map.width) * map.height);
    c.energy = energy_inside(map, std::span(&box, 1));
    // The study's box protocol scales the box, and does not cut it.
    const auto found = predicted_box(map, kHalf, options_.box);
    c.iou = found ? iou(*found, marked) : 0;
    c.hit = c.iou >= localization_bar(marked);
    for (const double threshold : options_.thresholds) {
      const ActivatedPixels pixels = activated_pixels(map, threshold, box);
      const double nothing = correct ? 0 : c.area;
      c.active.push_back(pixels.all);
      c.shares.push_back(pixels.all == 0 ? nothing
                                         : static_cast<double>(pixels.inside) / static_cast<double>(pixels.all));
    }
    return c;
  }

  Json measures(std::span<const Case> cases) const {
    Json out = {{"boxes", cases.size()}};
    out["shares"] = Json::array();
    for (std::size_t t = 0; t < options_.thresholds.size(); ++t) {
      const auto shares = gathered(cases, [&](const Case& c) { return c.shares[t]; });
      const auto active = gathered(cases, [&](const Case& c) { return static_cast<double>(c.active[t]); });
      out["shares"].push_back({{"threshold", options_.thresholds[t]},
                               {"share", mean_json(shares, options_.seed)},
                               {"none_inside", std::ranges::count(shares, 0.0)},
                               {"all_inside", std::ranges::count(shares, 1.0)},
                               {"median_active_pixels", active.empty() ? Json() : Json(percentile(active, 50))}});
    }
    out["energy_inside"] = mean_json(energies_of(cases), options_.seed);
    out["chance"] = mean_json(gathered(cases, [](const Case& c) { return c.area; }), options_.seed);
    out["localized"] = rate_json(static_cast<double>(std::ranges::count(cases, true, &Case::hit)),
                                 static_cast<double>(cases.size()));
    out["iou"] = mean_json(gathered(cases, [](const Case& c) { return c.iou; }), options_.seed);
    return out;
  }
};

}  // namespace

std::unique_ptr<const Experiment> make_xray(const ExperimentOptions& options) {
  return std::make_unique<Xray>(options);
}

}  // namespace limn
