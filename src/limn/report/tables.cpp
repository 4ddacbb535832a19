#include "limn/report/tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "limn/report/known.h"
#include "limn/report/measures.h"
#include "limn/report/text.h"

namespace limn {
namespace {

using Measures = std::vector<std::pair<std::string, Json>>;

const Json& methods_of(const Run& run) {
  static const Json kNone = Json::array();
  return run.summary.contains("methods") ? run.summary.at("methods") : kNone;
}

RowKind kind_of(const Json& method) { return method.value("control", false) ? RowKind::control : RowKind::method; }

/// A table whose rows begin with the run, where there are several.
Table begin_table(Runs runs, std::string_view id, std::string caption) {
  Table table;
  table.id = fmt::format("{}-{}", runs.front().id(), id);
  table.caption = std::move(caption);
  if (runs.size() > 1) table.columns.push_back({"run", "run"});
  return table;
}

Row begin_row(Runs runs, const Run& run, RowKind kind) {
  Row row{kind, {}};
  if (runs.size() > 1) row.cells.push_back({run.label});
  return row;
}

/// Appends a column for every path in the order in which paths are first seen, and a cell for each row.
class MeasureColumns {
 public:
  void add(Row row, const Measures& measures) {
    for (const auto& [path, value] : measures) {
      const auto known = std::ranges::find(columns_, path, &Column::key);
      if (known == columns_.end())
        columns_.push_back(measure_column(path, value));
      else if (known->unit == Unit::text && !value.is_null())  // the first value was null
        *known = measure_column(path, value);
    }
    rows_.emplace_back(std::move(row), measures);
  }

  /// With `drop`, counts and settings that are the same in all rows are left out.
  void finish(Table& table, bool drop) const {
    std::vector<Column> kept;
    for (const Column& column : columns_)
      if (!drop || !is_constant(column)) kept.push_back(column);
    table.columns.insert(table.columns.end(), kept.begin(), kept.end());
    for (const auto& [row, measures] : rows_) {
      Row whole = row;
      for (const Column& column : kept) whole.cells.push_back(cell_of(measures, column.key));
      table.rows.push_back(std::move(whole));
    }
  }

 private:
  static TableCell cell_of(const Measures& measures, const std::string& path) {
    const auto found = std::ranges::find(measures, path, &Measures::value_type::first);
    return found == measures.end() ? TableCell{} : measure_cell(found->second);
  }

  bool is_constant(const Column& column) const {
    if (column.unit != Unit::count && column.unit != Unit::number) return false;
    const TableCell first = cell_of(rows_.front().second, column.key);
    return std::ranges::all_of(rows_, [&](const auto& row) {
      const TableCell cell = cell_of(row.second, column.key);
      return cell.value == first.value && !cell.interval;
    });
  }

  std::vector<Column> columns_;
  std::vector<std::pair<Row, Measures>> rows_;
};

Measures measures_of(const Json& object) {
  Measures measures;
  for (const Leaf& leaf : read_entry(object).leaves) measures.emplace_back(leaf.path, leaf.value);
  return measures;
}

/// Which variant the headline is, in words: "threshold 0.15, box around region".
std::string variant_words(const Json& element) {
  std::string words;
  for (const Leaf& leaf : read_entry(element).leaves) {
    if (is_measure(leaf.value) || leaf.value.is_null()) continue;
    const TableCell cell = measure_cell(leaf.value);
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", measure_column(leaf.path, leaf.value).title,
                         cell.value ? fmt::format("{:.4g}", *cell.value) : cell.text);
  }
  return words;
}

const Json* headline_element(const Run& run, const Json& method) {
  const HeadlineVariant headline = headline_variant(run.manifest);
  const std::string list(headline.list);
  if (list.empty() || !method.contains(list)) return nullptr;
  const auto found = std::ranges::find_if(method.at(list), headline.is_it);
  return found == method.at(list).end() ? nullptr : &*found;
}

std::string headline_note(Runs runs) {
  std::string note;
  for (const Run& run : runs) {
    if (methods_of(run).empty()) continue;
    const Json* element = headline_element(run, methods_of(run).front());
    if (element == nullptr) continue;
    note += fmt::format("{}{} at {}.", note.empty() ? "" : " ", runs.size() > 1 ? run.label + ": shown" : "Shown",
                        variant_words(*element));
  }
  return note;
}

/// The other run of a pair that differs in the protocol alone.
const Run* as_published(Runs runs, const Run& correct) {
  const auto same = [&](const Run& other, const char* part) {
    return other.manifest.at(part).value("sha256", "") == correct.manifest.at(part).value("sha256", "");
  };
  const auto found = std::ranges::find_if(
      runs, [&](const Run& run) { return !run.correct_protocol() && same(run, "model") && same(run, "dataset"); });
  return found == runs.end() ? nullptr : &*found;
}

const Json* method_named(const Run& run, const Json& name) {
  for (const Json& method : methods_of(run))
    if (method.at("name") == name) return &method;
  return nullptr;
}

/// A row of differences of all measures that have intervals in both.
void add_differences(const Run& correct, const Run& published, const Json& method, Row row, Table& table) {
  const Json* other = method_named(published, method.at("name"));
  if (other == nullptr) return;
  for (std::size_t i = row.cells.size(); i < table.columns.size(); ++i) {
    const std::string& path = table.columns[i].key;
    const TableCell before = measure_cell(find_measure(correct, method, path)),
                    after = measure_cell(find_measure(published, *other, path));
    row.cells.push_back(before.value && after.value ? TableCell{{}, *after.value - *before.value} : TableCell{});
  }
  table.rows.push_back(std::move(row));
}

}  // namespace

std::vector<std::pair<std::string, Json>> main_measures(const Run& run, const Json& method) {
  Measures measures;
  if (const Json* element = headline_element(run, method))
    for (auto& [path, value] : measures_of(*element))
      if (is_measure(value)) measures.emplace_back(path, value);
  for (auto& measure : measures_of(method)) measures.push_back(measure);
  return measures;
}

Json find_measure(const Run& run, const Json& method, const std::string& path) {
  for (const auto& [key, value] : main_measures(run, method))
    if (key == path) return value;
  return nullptr;
}

std::string headline_path(const Run& run) {
  std::string known(known_experiment(run.experiment).headline);
  const std::string compared_by = run.summary.value("compared_by", "");
  for (const Json& method : methods_of(run))
    if (is_measure(find_measure(run, method, compared_by))) known = compared_by;
  for (const Json& method : methods_of(run))
    for (const auto& [path, value] : main_measures(run, method))
      if (is_measure(value) && (known.empty() || path == known)) return path;
  return {};
}

Table errors_table(Runs runs) {
  Table table{fmt::format("{}-errors", runs.front().id()), "What the network itself gets wrong", {}, {}, {}};
  table.columns.push_back({"run", "run"});
  MeasureColumns columns;
  for (const Run& run : runs) {
    Measures measures{{"images", run.summary.at("images").at("used")}};
    for (const Leaf& leaf : read_entry(run.summary.value("classification", Json::object())).leaves)
      measures.emplace_back("classification." + leaf.path, leaf.value);
    columns.add(Row{RowKind::plain, {{run.label}}}, measures);
  }
  columns.finish(table, false);
  return table;
}

std::optional<Table> results_table(Runs runs) {
  Table table = begin_table(runs, "results", "Methods and controls, with intervals of 95 %");
  table.columns.push_back({"method", "method"});
  table.note = headline_note(runs);
  MeasureColumns columns;
  bool any = false;
  for (const Run& run : runs)
    for (const Json& method : methods_of(run)) {
      Row row = begin_row(runs, run, kind_of(method));
      row.cells.push_back({method.at("name").get<std::string>()});
      columns.add(std::move(row), main_measures(run, method));
      any = true;
    }
  if (!any) return std::nullopt;
  columns.finish(table, true);
  return table;
}

std::vector<Table> variant_tables(Runs runs) {
  std::vector<std::string> paths;
  for (const Run& run : runs)
    for (const Json& method : methods_of(run))
      for (const Variants& variants : read_entry(method).variants)
        if (!variants.path.ends_with("curve") && std::ranges::find(paths, variants.path) == paths.end())
          paths.push_back(variants.path);
  std::vector<Table> tables;
  for (const std::string& path : paths) {
    const std::string words = measure_column(path, nullptr).title;
    Table table = begin_table(runs, "every-" + slug(path), fmt::format("All {}, method by method", words));
    table.folded = true;
    table.columns.push_back({"method", "method"});
    MeasureColumns columns;
    for (const Run& run : runs)
      for (const Json& method : methods_of(run))
        for (const Variants& variants : read_entry(method).variants) {
          if (variants.path != path) continue;
          for (const Json& element : variants.list) {
            Row row = begin_row(runs, run, kind_of(method));
            row.cells.push_back({method.at("name").get<std::string>()});
            columns.add(std::move(row), measures_of(element));
          }
        }
    columns.finish(table, false);
    tables.push_back(std::move(table));
  }
  return tables;
}

std::optional<Table> comparisons_table(Runs runs) {
  Table table = begin_table(runs, "comparisons", "Every method against the best control, image by image");
  MeasureColumns columns;
  bool any = false;
  for (const Run& run : runs)
    for (const Json& comparison : run.summary.value("comparisons", Json::array())) {
      if (comparison.contains("only_method")) table.note = "McNemar's exact test; corrected by Holm.";
      if (comparison.contains("permutation_p")) {
        table.caption = "Every method against the best control and against each other, image by image";
        table.note = "p of Wilcoxon's signed ranks; corrected by Holm.";
      }
      columns.add(begin_row(runs, run, RowKind::plain), measures_of(comparison));
      any = true;
    }
  if (!any) return std::nullopt;
  columns.finish(table, false);
  return table;
}

std::optional<Table> protocols_table(Runs runs) {
  Table table{fmt::format("{}-protocols", runs.front().id()),
              "What the published protocol changes: as-published minus correct",
              {},
              {{"network", "network"}, {"method", "method"}},
              {}};
  table.note = "Rates in points. The same network and images; only the rules differ.";
  for (const Run& run : runs) {
    const Run* other = run.correct_protocol() ? as_published(runs, run) : nullptr;
    if (other == nullptr || methods_of(run).empty()) continue;
    for (const auto& [path, value] : main_measures(run, methods_of(run).front())) {
      if (!is_measure(value) || std::ranges::find(table.columns, path, &Column::key) != table.columns.end())
        continue;
      Column column = measure_column(path, value);
      column.unit = difference_unit(column.unit);
      table.columns.push_back(std::move(column));
    }
    for (const Json& method : methods_of(run)) {
      Row row{kind_of(method), {{run.network()}, {method.at("name").get<std::string>()}}};
      add_differences(run, *other, method, std::move(row), table);
    }
  }
  if (table.rows.empty()) return std::nullopt;
  return table;
}

}  // namespace limn
