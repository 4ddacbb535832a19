// A report as comma-separated values, JSON, LaTeX and Markdown.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "limn/image/json.h"
#include "limn/report/report.h"
#include "limn/report/text.h"

namespace limn {
namespace {

std::string_view name_of(Unit unit) {
  switch (unit) {
    case Unit::text: return "text";
    case Unit::count: return "count";
    case Unit::fraction: return "fraction";
    case Unit::percent: return "rate";
    case Unit::points: return "difference of rates";
    case Unit::change: return "difference";
    case Unit::p_value: return "p";
    case Unit::number: break;
  }
  return "number";
}

std::string_view name_of(RowKind kind) {
  if (kind == RowKind::plain) return "row";
  return kind == RowKind::method ? "method" : "control";
}

/// A heading with its unit, for people.
std::string heading(const Column& column) {
  if (column.unit == Unit::percent) return column.title + " (%)";
  return column.unit == Unit::points ? column.title + " (points)" : column.title;
}

// ---- JSON

Json cell_json(const TableCell& cell) {
  if (!cell.value) return cell.text.empty() ? Json() : Json(clean(cell.text));
  if (!cell.interval) return *cell.value;
  return {{"value", *cell.value}, {"low", cell.interval->low}, {"high", cell.interval->high}};
}

Json table_json(const Table& table) {
  Json json{{"id", table.id}, {"caption", table.caption}, {"note", table.note}};
  json["columns"] = Json::array();
  for (const Column& c : table.columns)
    json["columns"].push_back({{"key", c.key}, {"title", c.title}, {"unit", name_of(c.unit)}, {"meaning", c.hint}});
  json["rows"] = Json::array();
  for (const Row& row : table.rows) {
    Json cells = Json::array();
    for (const TableCell& cell : row.cells) cells.push_back(cell_json(cell));
    json["rows"].push_back({{"kind", name_of(row.kind)}, {"cells", std::move(cells)}});
  }
  return json;
}

Json axis_json(const Axis& axis) {
  return {{"title", axis.title}, {"low", axis.low}, {"high", axis.high}, {"unit", name_of(axis.unit)}};
}

/// A chart as points; null for other blocks.
struct ChartJson {
  template <class T>
  Json operator()(const T&) const {
    return nullptr;
  }
  Json operator()(const LineChart& chart) const {
    Json json{{"id", chart.id}, {"caption", chart.caption}, {"x", axis_json(chart.x)}, {"y", axis_json(chart.y)}};
    json["series"] = Json::array();
    for (const Series& series : chart.series)
      json["series"].push_back({{"name", series.name}, {"control", series.control}, {"points", series.points}});
    return json;
  }
  Json operator()(const Histograms& histograms) const {
    Json json{{"id", histograms.id}, {"caption", histograms.caption}, {"x", axis_json(histograms.x)}};
    json["panels"] = Json::array();
    for (const auto& p : histograms.panels)
      json["panels"].push_back({{"name", p.name}, {"control", p.control}, {"counts", p.counts}, {"mean", p.mean}});
    return json;
  }
};

// ---- CSV

std::string csv_number(double value) { return fmt::format("{}", value); }

bool has_intervals(const Table& table, std::size_t column) {
  return std::ranges::any_of(table.rows, [&](const Row& row) { return row.cells[column].interval.has_value(); });
}

// ---- LaTeX and Markdown

std::string latex_table(const Table& table) {
  constexpr std::size_t kPage = 45;  // rows
  const bool floats = table.rows.size() <= kPage;
  std::string places;
  std::vector<std::string> heads;
  for (const Column& column : table.columns) {
    places += column.unit == Unit::text ? "l" : "r";
    heads.push_back(latex_escaped(heading(column)));
  }
  const std::string caption =
      fmt::format("\\caption{{{}}}\\label{{tab:{}}}", latex_escaped(table.caption), table.id);
  std::string text =
      floats ? fmt::format("\\begin{{table}}\n\\centering\n{}\n\\begin{{tabular}}{{{}}}\n", caption, places)
             : fmt::format("\\begin{{longtable}}{{{}}}\n{}\\\\\n", places, caption);
  text += fmt::format("\\toprule\n{} \\\\\n\\midrule\n{}", fmt::join(heads, " & "), floats ? "" : "\\endhead\n");
  for (const Row& row : table.rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      std::string cell = latex_escaped(cell_text(row.cells[i], table.columns[i].unit));
      if (row.cells[i].value && cell.starts_with('-')) cell.replace(0, 1, "$-$");
      cells.push_back(std::move(cell));
    }
    text += fmt::format("{} \\\\\n", fmt::join(cells, " & "));
  }
  text += floats ? "\\bottomrule\n\\end{tabular}\n" : "\\bottomrule\n\\end{longtable}\n";
  if (!table.note.empty()) text += fmt::format("\\par\\footnotesize {}\n", latex_escaped(table.note));
  return text + (floats ? "\\end{table}\n" : "");
}

std::string markdown_table(const Table& table) {
  std::string text = fmt::format("**{}**\n\n|", markdown_escaped(table.caption));
  for (const Column& column : table.columns) text += fmt::format(" {} |", markdown_escaped(heading(column)));
  text += "\n|";
  for (const Column& column : table.columns) text += column.unit == Unit::text ? " --- |" : " ---: |";
  text += "\n";
  for (const Row& row : table.rows) {
    text += "|";
    for (std::size_t i = 0; i < row.cells.size(); ++i)
      text += fmt::format(" {} |", markdown_escaped(cell_text(row.cells[i], table.columns[i].unit)));
    text += "\n";
  }
  if (!table.note.empty()) text += fmt::format("\n{}\n", markdown_escaped(table.note));
  return text + "\n";
}

struct BlockMarkdown {
  template <class T>
  std::string operator()(const T&) const {  // pictures
    return {};
  }
  std::string operator()(const Heading& h) const { return fmt::format("### {}\n\n", markdown_escaped(h.text)); }
  std::string operator()(const Paragraph& p) const { return fmt::format("{}\n\n", markdown_escaped(p.text)); }
  std::string operator()(const Table& t) const { return markdown_table(t); }
};

}  // namespace

std::string to_json(const Document& document) {
  Json json{{"format", "limn.report/1"}, {"title", document.title}, {"subtitle", document.subtitle}};
  json["tables"] = Json::array();
  for (const Table* table : tables_of(document)) json["tables"].push_back(table_json(*table));
  json["charts"] = Json::array();
  for (const Section& section : document.sections)
    for (const Block& block : section.blocks)
      if (Json chart = std::visit(ChartJson{}, block); !chart.is_null()) json["charts"].push_back(std::move(chart));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_csv(const Table& table) {
  std::vector<std::string> fields{"kind"};
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string& key = table.columns[i].key;
    fields.push_back(csv_field(key));
    if (!has_intervals(table, i)) continue;
    fields.push_back(csv_field(key + ".low"));
    fields.push_back(csv_field(key + ".high"));
  }
  std::string text = fmt::format("{}\r\n", fmt::join(fields, ","));
  for (const Row& row : table.rows) {
    fields = {std::string(name_of(row.kind))};
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const TableCell& cell = row.cells[i];
      fields.push_back(cell.value ? csv_number(*cell.value) : csv_field(cell.text));
      if (!has_intervals(table, i)) continue;
      fields.push_back(cell.interval ? csv_number(cell.interval->low) : "");
      fields.push_back(cell.interval ? csv_number(cell.interval->high) : "");
    }
    text += fmt::format("{}\r\n", fmt::join(fields, ","));
  }
  return text;
}

std::string to_latex(const Document& document) {
  std::string text = "% The preamble needs \\usepackage{booktabs,longtable}\n";
  for (const Table* table : tables_of(document)) text += fmt::format("\n{}", latex_table(*table));
  return text;
}

std::string to_markdown(const Document& document) {
  std::string text =
      fmt::format("# {}\n\n{}\n\n", markdown_escaped(document.title), markdown_escaped(document.subtitle));
  for (const Section& section : document.sections) {
    text += fmt::format("## {}\n\n", markdown_escaped(section.title));
    for (const Block& block : section.blocks) text += std::visit(BlockMarkdown{}, block);
  }
  return text + markdown_escaped(document.colophon) + "\n";
}

}  // namespace limn
