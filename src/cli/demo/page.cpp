#include "demo/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "embedded.h"
#include "limn/report/text.h"
#include "limn/version.h"

namespace limn::cli {
namespace {

double percent(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

std::array<double, 4> percents(const Tally& t) {
  return {percent(t.peak_asked, t.count), percent(t.peak_other, t.count), percent(t.box_asked, t.count),
          percent(t.box_other, t.count)};
}

std::string rect(std::string_view css_class, const Box& box) {
  return fmt::format(R"(<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>)", css_class, box.x0, box.y0,
                     box.width(), box.height());
}

std::string drawing(const Image& picture, const std::string& marks, std::string_view description) {
  return fmt::format(R"(<svg viewBox="0 0 {0} {1}" role="img" aria-label="{2}">)"
                     R"(<image width="{0}" height="{1}" href="data:image/png;base64,{3}"/>{4}</svg>)",
                     picture.width, picture.height, html_escaped(description), base64(encode_png(picture)), marks);
}

std::string photo(const PageScene& s) {
  std::string marks;
  for (const Garment& garment : s.scene.garments) marks += rect("truth", garment.box);
  return fmt::format(
      "<figure class=\"photo\">{}<figcaption>the scene, with the boxes of its garments</figcaption></figure>\n",
      drawing(s.picture, marks, "the scene " + s.scene.name));
}

std::string verdict(const Meeting& asked, const Meeting& other) {
  const std::string_view peak = asked.peak   ? "<span class=\"hit\">peak hits</span>"
                                : other.peak ? "<span class=\"miss\">peak on the other</span>"
                                             : "<span class=\"miss\">peak misses</span>";
  const std::string_view box =
      asked.box ? "<span class=\"hit\">box hits</span>" : "<span class=\"miss\">box misses</span>";
  return fmt::format("{}, {}", peak, box);
}

std::string map_figure(const PageScene& s, const PageMap& map) {
  const Garment& asked = s.scene.garments[map.asked];
  const Garment& other = s.scene.garments[1 - map.asked];
  std::string marks = rect("truth", asked.box);
  if (map.finding.box) marks += rect("found", *map.finding.box);
  if (map.finding.peak)
    marks += fmt::format(R"(<circle class="peak" cx="{:.1f}" cy="{:.1f}" r="3"/>)", map.finding.peak->x,
                         map.finding.peak->y);
  const std::string description = fmt::format("{} for {} in {}", map.method, asked.name, s.scene.name);
  return fmt::format("<figure>{}<figcaption><b>{}</b> for {}<br>{}</figcaption></figure>\n",
                     drawing(map.picture, marks, description), html_escaped(map.method), html_escaped(asked.name),
                     verdict(meets(map.finding, asked.box), meets(map.finding, other.box)));
}

std::string scene_section(const PageScene& s) {
  std::string figures = photo(s);
  for (const PageMap& map : s.maps) figures += map_figure(s, map);
  return fmt::format(
      "<section class=\"scene\">\n<header><b>{} and {}</b><span class=\"soft\">{}</span>"
      "<span class=\"{}\">{}</span></header>\n<div class=\"maps\">\n{}</div>\n</section>\n",
      html_escaped(s.scene.garments[0].name), html_escaped(s.scene.garments[1].name), html_escaped(s.prediction),
      s.right ? "hit" : "miss", s.right ? "both recognised" : "not both recognised", figures);
}

std::string html_table(std::span<const PageRow> rows) {
  std::string body;
  for (const PageRow& row : rows) {
    const auto p = percents(row.tally);
    body +=
        fmt::format("<tr{}><td>{}</td><td>{:.1f} %</td><td>{:.1f} %</td><td>{:.1f} %</td><td>{:.1f} %</td></tr>\n",
                    row.control ? " class=\"control\"" : "", html_escaped(row.name), p[0], p[1], p[2], p[3]);
  }
  return "<div class=\"wide\"><table>\n<thead><tr><th></th><th>peak in the<br>asked garment</th>"
         "<th>peak in the<br>other one</th><th>box on the<br>asked garment</th><th>box on the<br>other "
         "one</th></tr>"
         "</thead>\n<tbody>\n" +
         body + "</tbody>\n</table></div>\n";
}

constexpr std::string_view kIntroduction = R"(<h1>What a small network looked at</h1>
<p>A network was trained to name the two garments that lie in a scene among clutter. It was told their names, never
where they are. Below, every scene is explained twice, once for each garment: if an explanation is any good, its heat
lies on the garment that was asked for and not on the other one.</p>
)";

constexpr std::string_view kLegend =
    R"(<p class="soft">Peak: the largest value of the heatmap lies in the box of the garment.
Box: the box of the largest region above 15&nbsp;% of the maximum overlaps that of the garment with an intersection
over union of at least 0.5. Controls know nothing of the network: the middle of the picture, and maps of random numbers.</p>
<p class="soft">In the pictures the dashed box is the garment that was asked for, the blue box is the heatmap's, the circle
its largest value.</p>
)";

}  // namespace

std::string page(std::span<const PageScene> scenes, std::span<const PageRow> rows) {
  const auto right = std::ranges::count_if(scenes, &PageScene::right);
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>What a small network looked at</title>\n<style>\n{}</style>\n</head>\n<body>\n{}",
      kPageStyle, kIntroduction);
  html += fmt::format("<p>It recognises both garments in {} of {} scenes.</p>\n", right, scenes.size());
  html += html_table(rows);
  html += kLegend;
  html += "<h2>The scenes</h2>\n";
  for (const PageScene& scene : scenes) html += scene_section(scene);
  return html + fmt::format("<p class=\"soft\">Written by limn {}.</p>\n</body>\n</html>\n", kVersion);
}

std::string table_text(std::span<const PageRow> rows) {
  std::string text = fmt::format("{:<18}{:>16}{:>16}{:>16}{:>16}\n{:<18}{:>16}{:>16}{:>16}{:>16}\n", "",
                                 "peak in asked", "peak in other", "box on asked", "box on other", "", "garment",
                                 "garment", "(IoU >= 0.5)", "(IoU >= 0.5)");
  for (const PageRow& row : rows) {
    const auto p = percents(row.tally);
    text += fmt::format("{:<18}{:>14.1f} %{:>14.1f} %{:>14.1f} %{:>14.1f} %\n", row.name, p[0], p[1], p[2], p[3]);
  }
  return text;
}

}  // namespace limn::cli
