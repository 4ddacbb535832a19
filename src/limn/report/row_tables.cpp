// Tables that summaries do not hold, counted from the rows.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "limn/report/known.h"
#include "limn/report/measures.h"
#include "limn/report/tables.h"

namespace limn {
namespace {

struct Pair {
  const MethodRows *one, *other;
  std::int64_t one_alone = 0, other_alone = 0;
};

std::vector<Pair> pairs_of(const RunRows& rows) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < rows.methods.size(); ++i)
    for (std::size_t k = i + 1; k < rows.methods.size(); ++k) {
      Pair pair{&rows.methods[i], &rows.methods[k]};
      if (pair.one->control || pair.other->control || pair.one->successes.empty()) continue;
      if (pair.one->positions != pair.other->positions) continue;
      for (std::size_t n = 0; n < pair.one->successes.size(); ++n) {
        const bool one = pair.one->successes[n], other = pair.other->successes[n];
        pair.one_alone += one && !other ? 1 : 0;
        pair.other_alone += other && !one ? 1 : 0;
      }
      pairs.push_back(pair);
    }
  return pairs;
}

void add_pairs(Runs runs, const Run& run, Table& table) {
  const auto pairs = pairs_of(run.rows);
  std::vector<double> p;
  for (const Pair& pair : pairs) p.push_back(mcnemar_exact(pair.one_alone, pair.other_alone));
  const auto corrected = holm(p);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const Pair& pair = pairs[i];
    const auto alone = static_cast<double>(pair.one_alone), other_alone = static_cast<double>(pair.other_alone);
    const auto n = static_cast<double>(pair.one->successes.size());
    Row row;
    if (runs.size() > 1) row.cells.push_back({run.label});
    row.cells.push_back({pair.one->name});
    row.cells.push_back({pair.other->name});
    for (const double v : {alone, other_alone, (alone - other_alone) / n, p[i], corrected[i]})
      row.cells.push_back({{}, v});
    table.rows.push_back(std::move(row));
  }
}

/// Sums over the images of one class.
struct Tally {
  double images = 0, top1 = 0;
  std::vector<double> sums, counts;  ///< of each method
};

/// Classes that the experiment looked at: those with boxes where there are boxes.
std::vector<std::size_t> classes_of(const ImageRow& image) {
  if (image.boxes.empty()) return image.classes;
  std::vector<std::size_t> classes;
  for (const auto& [c, box] : image.boxes)
    if (std::ranges::find(classes, c) == classes.end()) classes.push_back(c);
  return classes;
}

using Tallies = std::map<std::size_t, Tally>;

void add_method(const MethodRows& method, std::size_t place, const std::map<std::int64_t, const ImageRow*>& images,
                Tallies& tallies) {
  for (std::size_t n = 0; n < method.positions.size(); ++n) {
    const double value = !method.successes.empty() ? (method.successes[n] ? 1 : 0) : method.scores[n];
    if (std::isnan(value)) continue;
    const auto image = images.find(method.positions[n]);
    if (image == images.end()) continue;
    for (const std::size_t c : classes_of(*image->second)) {
      tallies[c].sums[place] += value;
      ++tallies[c].counts[place];
    }
  }
}

/// Methods with something to average, then the control that does best.
std::vector<const MethodRows*> shown_methods(const Run& run) {
  std::vector<const MethodRows*> shown;
  const MethodRows* best = nullptr;
  double most = -1;
  for (const MethodRows& method : run.rows.methods) {
    if (method.successes.empty() && method.scores.empty()) continue;
    if (!method.control) shown.push_back(&method);
    const auto successes = static_cast<double>(std::ranges::count(method.successes, true));
    if (method.control && successes > most) {
      best = &method;
      most = successes;
    }
  }
  if (best != nullptr) shown.push_back(best);
  return shown;
}

Tallies tally(const Run& run, std::span<const MethodRows* const> methods) {
  Tallies tallies;
  std::map<std::int64_t, const ImageRow*> images;
  for (const ImageRow& image : run.rows.images) {
    if (image.error || image.excluded) continue;
    images[image.position] = &image;
    for (const std::size_t c : classes_of(image)) {
      Tally& of_class = tallies[c];
      ++of_class.images;
      of_class.top1 += image.top1 ? 1 : 0;
      of_class.sums.resize(methods.size());
      of_class.counts.resize(methods.size());
    }
  }
  for (std::size_t m = 0; m < methods.size(); ++m) add_method(*methods[m], m, images, tallies);
  return tallies;
}

}  // namespace

std::optional<Table> pairs_table(Runs runs) {
  Table table;
  table.id = fmt::format("{}-pairs", runs.front().id());
  table.caption = "The methods against each other, image by image";
  table.note = "McNemar's exact test; corrected by Holm.";
  if (runs.size() > 1) table.columns.push_back({"run", "run"});
  const std::vector<Column> rest{
      {"one", "method"},
      {"other", "and other"},
      {"only_one", "method alone", Unit::count, "Images on which only the first succeeds"},
      {"only_other", "other alone", Unit::count, "Images on which only the other succeeds"},
      measure_column("difference", nullptr),
      measure_column("p", nullptr),
      measure_column("p_holm", nullptr)};
  table.columns.insert(table.columns.end(), rest.begin(), rest.end());
  for (const Run& run : runs) add_pairs(runs, run, table);
  if (table.rows.empty()) return std::nullopt;
  return table;
}

std::optional<Table> classes_table(const Run& run, std::string id) {
  const auto methods = shown_methods(run);
  const Tallies tallies = tally(run, methods);
  if (tallies.empty()) return std::nullopt;
  const bool successes = !methods.empty() && !methods.front()->successes.empty();
  Table table;
  table.id = std::move(id);
  table.folded = true;
  table.columns = {{"class", "class"}, {"images", "images", Unit::count}, {"right", "top-1 right", Unit::percent}};
  for (const MethodRows* method : methods)
    table.columns.push_back({method->name, method->name, successes ? Unit::percent : Unit::fraction});
  table.caption =
      methods.empty()
          ? "Class by class"
          : fmt::format("Class by class: {}",
                        successes ? "share of images on which a method succeeds"
                                  : fmt::format("mean {}", known_experiment(run.experiment).score_title));
  table.note =
      "An image with several classes counts for each of them. Of classes with few images nothing can be said.";
  for (const auto& [c, t] : tallies) {
    Row row{RowKind::plain, {{run.class_name(c)}, {{}, t.images}, {{}, t.top1 / t.images}}};
    for (std::size_t m = 0; m < methods.size(); ++m)
      row.cells.push_back(t.counts[m] > 0 ? TableCell{{}, t.sums[m] / t.counts[m]} : TableCell{});
    table.rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(table.rows, std::ranges::greater{}, [](const Row& row) { return *row.cells[1].value; });
  return table;
}

}  // namespace limn
