#include "limn/report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "limn/metrics.h"
#include "limn/report/known.h"
#include "limn/report/measures.h"
#include "limn/report/text.h"

namespace limn {
namespace {

/// Axis ends that take in all values: 0 to 1 and -1 to 1 where they suffice, else whole steps of a power of ten.
std::pair<double, double> ends_of(double low, double high) {
  if (low >= 0 && high <= 1) return {0, 1};
  if (low >= -1 && high <= 1) return {-1, 1};
  const double step = std::pow(10, std::floor(std::log10(std::max(high - low, 1e-9))));
  const double from = step * std::floor(low / step), to = step * std::ceil(high / step);
  return {from, to > from ? to : from + step};
}

/// What stays of a list with an x and a y: those elements that have both.
std::vector<std::pair<double, double>> points_of(const Json& list, const std::string& x, const std::string& y) {
  std::vector<std::pair<double, double>> points;
  for (const Json& element : list)
    if (element.contains(x) && element.contains(y) && element.at(x).is_number() && element.at(y).is_number())
      points.emplace_back(element.at(x).get<double>(), element.at(y).get<double>());
  std::ranges::stable_sort(points, {}, &std::pair<double, double>::first);
  return points;
}

/// The lists that are curves, of all methods: those under one path belong together.
struct Curves {
  std::string path;
  std::vector<std::pair<const Json*, Json>> of_methods;  ///< entry and list
};
std::vector<Curves> curves_of(const Run& run) {
  std::vector<Curves> all;
  if (!run.summary.contains("methods")) return all;
  for (const Json& method : run.summary.at("methods"))
    for (Variants& variants : read_entry(method).variants) {
      if (!variants.path.ends_with("curve")) continue;
      auto found = std::ranges::find(all, variants.path, &Curves::path);
      if (found == all.end()) found = all.insert(all.end(), Curves{variants.path, {}});
      found->of_methods.emplace_back(&method, std::move(variants.list));
    }
  return all;
}

LineChart curve_chart(const Curves& curves, const Column& x, const Column& y) {
  LineChart chart;
  chart.caption = sentences(y.title, y.hint);
  double low = std::numeric_limits<double>::max(), high = std::numeric_limits<double>::lowest();
  for (const auto& [method, list] : curves.of_methods) {
    Series series{method->at("name").get<std::string>(), method->value("control", false),
                  points_of(list, x.key, y.key)};
    for (const auto& [at, value] : series.points) {
      low = std::min(low, at);
      high = std::max(high, at);
    }
    if (!series.points.empty()) chart.series.push_back(std::move(series));
  }
  chart.x = {x.title, low, std::max(high, low + 1e-9), x.unit};
  chart.y = {y.title, 0, 1, y.unit};
  return chart;
}

}  // namespace

std::optional<IntervalChart> headline_chart(Runs runs) {
  const std::string path = headline_path(runs.front());
  if (path.empty()) return std::nullopt;
  IntervalChart chart;
  Column column;
  double low = 0, high = 1;
  for (const Run& run : runs) {
    std::string group = runs.size() > 1 ? run.label : std::string();
    for (const Json& method : run.summary.value("methods", Json::array())) {
      const Json value = find_measure(run, method, path);
      const TableCell cell = measure_cell(value);
      if (!cell.value || !cell.interval) continue;
      column = measure_column(path, value);
      low = std::min({low, *cell.value, cell.interval->low});
      high = std::max({high, *cell.value, cell.interval->high});
      chart.lines.push_back({method.at("name").get<std::string>(), method.value("control", false), *cell.value,
                             *cell.interval, std::exchange(group, {})});
    }
  }
  if (chart.lines.empty()) return std::nullopt;
  chart.id = fmt::format("{}-headline", runs.front().id());
  chart.caption = sentences(column.title, column.hint) + " Lines are intervals of 95 %.";
  const auto [from, to] = ends_of(low, high);
  chart.x = {column.title, from, to, column.unit};
  return chart;
}

std::optional<LineChart> threshold_chart(const Run& run, std::string id) {
  LineChart chart;
  chart.id = std::move(id);
  chart.caption = "Images whose box reaches an IoU of 0.5, by threshold.";
  const auto fractions = sweep_fractions();
  for (const MethodRows& method : run.rows.methods) {
    if (method.reached.empty()) continue;
    Series series{method.name, method.control, {}};
    const auto n = static_cast<double>(method.positions.size());
    for (std::size_t i = 0; i < fractions.size(); ++i)
      series.points.emplace_back(fractions[i], static_cast<double>(method.reached[i]) / n);
    chart.series.push_back(std::move(series));
  }
  if (chart.series.empty()) return std::nullopt;
  chart.x = {"threshold, as a fraction of the map's maximum", 0, 1, Unit::fraction};
  chart.y = {"images, in percent", 0, 1, Unit::percent};
  const Json thresholds = run.manifest.value("thresholds", Json::array());
  if (!thresholds.empty()) {
    chart.mark = thresholds.front().get<double>();
    chart.mark_name = fmt::format("{:.4g}", *chart.mark);
  }
  return chart;
}

std::vector<LineChart> curve_charts(const Run& run, const std::string& id) {
  std::vector<LineChart> charts;
  for (const Curves& curves : curves_of(run)) {
    std::vector<Column> columns;
    for (const auto& [key, value] : curves.of_methods.front().second.front().items())
      if (value.is_number()) columns.push_back(measure_column(key, value));
    for (std::size_t i = 1; i < columns.size(); ++i) {
      if (columns[i].unit != Unit::fraction && columns[i].unit != Unit::percent) continue;
      LineChart chart = curve_chart(curves, columns.front(), columns[i]);
      chart.id = fmt::format("{}-{}", id, slug(columns[i].key));
      if (!chart.series.empty()) charts.push_back(std::move(chart));
    }
  }
  return charts;
}

std::optional<Histograms> score_histograms(const Run& run, std::string id) {
  constexpr std::size_t kBins = 20;
  double low = std::numeric_limits<double>::max(), high = std::numeric_limits<double>::lowest();
  for (const MethodRows& method : run.rows.methods)
    for (const double score : method.scores) {
      if (!std::isfinite(score)) continue;
      low = std::min(low, score);
      high = std::max(high, score);
    }
  if (low > high) return std::nullopt;
  const auto [from, to] = ends_of(low, high);
  Histograms histograms;
  histograms.id = std::move(id);
  histograms.x = {std::string(known_experiment(run.experiment).score_title), from, to, Unit::fraction};
  histograms.caption = fmt::format("How many images have which {}. The line is the mean.", histograms.x.title);
  for (const MethodRows& method : run.rows.methods) {
    Histograms::Panel panel{method.name, method.control, std::vector<std::size_t>(kBins), 0};
    double sum = 0, n = 0;
    for (const double score : method.scores) {
      if (!std::isfinite(score)) continue;
      const auto bin = static_cast<std::size_t>((score - from) / (to - from) * static_cast<double>(kBins));
      ++panel.counts[std::min(bin, kBins - 1)];
      sum += score;
      ++n;
    }
    if (n == 0) continue;
    panel.mean = sum / n;
    histograms.panels.push_back(std::move(panel));
  }
  return histograms;
}

}  // namespace limn
