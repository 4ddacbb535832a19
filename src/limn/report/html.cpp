// A report as a page of its own: style, script, charts and pictures are inside.

#include <fmt/format.h>

#include <algorithm>

#include "limn/report/embedded.h"
#include "limn/report/report.h"
#include "limn/report/svg.h"
#include "limn/report/text.h"

namespace limn {
namespace {

std::string unit_html(Unit unit) {
  if (unit == Unit::percent) return " <span class=\"unit\">%</span>";
  return unit == Unit::points ? " <span class=\"unit\">points</span>" : "";
}

/// How many of the first columns name a row.
std::size_t naming_columns(const Table& table) {
  return table.columns.size() > 2 && table.columns[1].key == "method" ? 2 : 1;
}

bool is_sortable(const Table& table) {
  return std::ranges::any_of(table.columns, [](const Column& c) { return c.unit != Unit::text; });
}

std::string head_html(const Table& table) {
  const bool sortable = is_sortable(table);
  std::string html = "<thead><tr>";
  for (const Column& column : table.columns) {
    const std::string title = html_escaped(column.title) + unit_html(column.unit);
    html += fmt::format("<th scope=\"col\"{}>{}</th>", column.unit == Unit::text ? " class=\"text\"" : "",
                        sortable ? "<button type=\"button\">" + title + "</button>" : title);
  }
  return html + "</tr></thead>\n";
}

std::string cell_html(const TableCell& cell, const Column& column, bool names) {
  if (names) return fmt::format("<th scope=\"row\" class=\"text\">{}</th>", html_escaped(cell.text));
  if (column.unit == Unit::text) return fmt::format("<td class=\"text\">{}</td>", html_escaped(cell.text));
  if (!cell.value) return fmt::format("<td>{}</td>", cell.text.empty() ? "\u2013" : html_escaped(cell.text));
  std::string html =
      fmt::format("<td data-v=\"{}\">{}", *cell.value, html_escaped(typeset(*cell.value, column.unit)));
  if (cell.interval)
    html += fmt::format(" <span class=\"ci\">{}</span>", html_escaped(typeset(*cell.interval, column.unit)));
  return html + "</td>";
}

std::string legend_html(const Table& table) {
  std::string items;
  for (const Column& column : table.columns)
    if (!column.hint.empty())
      items += fmt::format("<dt>{}</dt><dd>{}</dd>", html_escaped(column.title), html_escaped(column.hint));
  if (items.empty()) return {};
  return fmt::format("<details class=\"legend\"><summary>What the columns mean</summary><dl>{}</dl></details>\n",
                     items);
}

std::string table_html(const Table& table) {
  std::string html = fmt::format(
      "<div class=\"wide\" role=\"region\" aria-label=\"{0}\" tabindex=\"0\">\n<table id=\"{1}\"{2}>\n"
      "<caption{3}>{0}</caption>\n{4}<tbody>\n",
      html_escaped(table.caption), html_escaped(table.id), is_sortable(table) ? " class=\"sortable\"" : "",
      table.folded ? " class=\"unseen\"" : "", head_html(table));
  const std::size_t naming = naming_columns(table);
  for (const Row& row : table.rows) {
    html += row.kind == RowKind::control ? "<tr class=\"control\">" : "<tr>";
    for (std::size_t i = 0; i < row.cells.size(); ++i)
      html += cell_html(row.cells[i], table.columns[i], i < naming);
    html += "</tr>\n";
  }
  html += "</tbody>\n</table>\n</div>\n";
  if (!table.note.empty()) html += fmt::format("<p class=\"note\">{}</p>\n", html_escaped(table.note));
  html += legend_html(table);
  if (!table.folded) return html;
  return fmt::format("<details class=\"folded\"><summary>{}</summary>\n{}</details>\n", html_escaped(table.caption),
                     html);
}

std::string chart_html(std::string_view css, const std::string& id, const std::string& caption,
                       const std::string& svg) {
  return fmt::format(
      "<figure class=\"{}\" id=\"{}\">\n<figcaption>{}</figcaption>\n<div class=\"wide\">{}</div>\n"
      "</figure>\n",
      css, html_escaped(id), html_escaped(caption), svg);
}

std::string key_html(const std::vector<Series>& all) {
  std::string html = "<ul class=\"key\">";
  for (std::size_t i = 0; i < all.size(); ++i)
    html += fmt::format(
        "<li><svg viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path d=\"M0 4L28 4\" class=\"line {}{}\"/>"
        "</svg>{}</li>",
        all[i].control ? "control c" : "s", style_number(all, i) % 8, html_escaped(all[i].name));
  return html + "</ul>\n";
}

bool same_series(const LineChart& a, const LineChart& b) {
  return std::ranges::equal(a.series, b.series, {}, &Series::name, &Series::name);
}

std::string histograms_html(const Histograms& histograms) {
  std::size_t most = 0;
  for (const auto& panel : histograms.panels) most = std::max(most, *std::ranges::max_element(panel.counts));
  std::string panels;
  for (const auto& panel : histograms.panels)
    panels += fmt::format("<div class=\"panel\"><span class=\"{}\">{}</span>\n{}</div>\n",
                          panel.control ? "control" : "method", html_escaped(panel.name),
                          svg_of(panel, histograms.x, most));
  return fmt::format(
      "<figure class=\"histograms\" id=\"{}\">\n<figcaption>{}</figcaption>\n<div class=\"panels\">\n{}"
      "</div>\n</figure>\n",
      html_escaped(histograms.id), html_escaped(histograms.caption), panels);
}

std::string rectangle(std::string_view css, const Box& box) {
  return fmt::format(R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)", css, box.x0,
                     box.y0, box.width(), box.height());
}

/// Every mark twice: a dark one below, so that it is seen on any ground.
std::string marks_html(const Figure& figure) {
  std::string marks;
  for (const Box& box : figure.truths) marks += rectangle("under", box) + rectangle("truth", box);
  if (figure.found) marks += rectangle("under", *figure.found) + rectangle("found", *figure.found);
  if (figure.peak)
    for (const char* css : {"under", "found"})
      marks += fmt::format(R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="6"/>)", css, figure.peak->first,
                           figure.peak->second);
  return marks;
}

std::string figure_html(const Figure& figure) {
  return fmt::format(
      "<figure><svg viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"{2}\"><image width=\"{0}\" "
      "height=\"{1}\" href=\"data:image/jpeg;base64,{3}\"/>{4}</svg><figcaption><b>{5}</b> {6}"
      "</figcaption></figure>\n",
      figure.width, figure.height, html_escaped(figure.alt), base64(figure.jpeg), marks_html(figure),
      html_escaped(figure.title), html_escaped(figure.text));
}

std::string gallery_html(const Gallery& gallery) {
  std::string html =
      fmt::format("<details class=\"gallery\" id=\"{}\"{}><summary>{}</summary>\n", html_escaped(gallery.id),
                  gallery.folded ? "" : " open", html_escaped(gallery.title));
  for (const auto& part : gallery.parts) {
    html += fmt::format("<h4>{}</h4>\n<div class=\"cases\">\n", html_escaped(part.title));
    for (const Figure& figure : part.figures) html += figure_html(figure);
    html += "</div>\n";
  }
  return html + "</details>\n";
}

/// One block; line charts come in groups, see section_html().
struct BlockHtml {
  std::string operator()(const Heading& h) const { return fmt::format("<h3>{}</h3>\n", html_escaped(h.text)); }
  std::string operator()(const Paragraph& p) const {
    return fmt::format("<p{}>{}</p>\n", p.quiet ? " class=\"note\"" : "", html_escaped(p.text));
  }
  std::string operator()(const Table& t) const { return table_html(t); }
  std::string operator()(const LineChart& c) const { return chart_html("lines", c.id, c.caption, svg_of(c)); }
  std::string operator()(const IntervalChart& c) const {
    return chart_html("intervals", c.id, c.caption, svg_of(c));
  }
  std::string operator()(const Histograms& h) const { return histograms_html(h); }
  std::string operator()(const Gallery& g) const { return gallery_html(g); }
};

/// Charts of the same series stand side by side and share a key. The page's title is that of its only section.
std::string section_html(const Section& section, bool only) {
  std::string html =
      fmt::format("<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\"{2}>{1}</h2>\n",
                  html_escaped(section.id), html_escaped(section.title), only ? " class=\"unseen\"" : "");
  for (std::size_t i = 0; i < section.blocks.size(); ++i) {
    const auto* chart = std::get_if<LineChart>(&section.blocks[i]);
    if (chart == nullptr) {
      html += std::visit(BlockHtml{}, section.blocks[i]);
      continue;
    }
    html += "<div class=\"charts\">\n";
    const LineChart& first = *chart;
    while (chart != nullptr && same_series(first, *chart)) {
      html += BlockHtml{}(*chart);
      chart = ++i < section.blocks.size() ? std::get_if<LineChart>(&section.blocks[i]) : nullptr;
    }
    --i;
    html += "</div>\n" + key_html(first.series);
  }
  return html + "</section>\n";
}

std::string contents_html(const Document& document) {
  if (document.sections.size() < 2) return {};
  std::string html = "<nav aria-label=\"Contents\"><ul>";
  for (const Section& section : document.sections)
    html += fmt::format("<li><a href=\"#{}\">{}</a></li>", html_escaped(section.id), html_escaped(section.title));
  return html + "</ul></nav>\n";
}

// Even a page that somebody tampered with asks nobody for anything.
constexpr std::string_view kPolicy =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

}  // namespace

std::string to_html(const Document& document) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n"
      "<style>\n{}</style>\n</head>\n<body>\n<header>\n<h1>{}</h1>\n<p "
      "class=\"note\">{}</p>\n{}</header>\n<main>\n",
      kPolicy, html_escaped(document.title), kReportStyle, html_escaped(document.title),
      html_escaped(document.subtitle), contents_html(document));
  for (const Section& section : document.sections) html += section_html(section, document.sections.size() == 1);
  html +=
      fmt::format("</main>\n<footer><p class=\"note\">{}</p></footer>\n<script>\n{}</script>\n</body>\n</html>\n",
                  html_escaped(document.colophon), kReportScript);
  return html;
}

}  // namespace limn
