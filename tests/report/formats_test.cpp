// The same report in every format, with names that mean something in each of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "limn/datasets/text.h"
#include "limn/image/json.h"
#include "limn/report/gallery.h"
#include "limn/report/report.h"
#include "support/expect_error.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kNasty = "</script><b>&\"'|_*{%}$#~^\\\xff,x";

Document nasty_document() {
  Table table{"results", kNasty, kNasty, {{"method", kNasty}, {"a.b", kNasty, Unit::percent, kNasty}}, {}};
  table.rows.push_back({RowKind::method, {{kNasty}, {{}, 0.25, Interval{0.125, 0.5}}}});
  table.rows.push_back({RowKind::control, {{"plain"}, {}}});
  Gallery gallery{"cases", kNasty, "", {{"Best", {}}}, false};
  gallery.parts[0].figures.push_back({kNasty, kNasty, kNasty, std::vector<std::byte>(3), 10, 20, {{1, 2, 3, 4}}});
  Document document;
  document.title = document.subtitle = document.colophon = kNasty;
  document.sections.push_back(
      {"section", kNasty, {Heading{kNasty}, Paragraph{kNasty}, std::move(table), std::move(gallery)}});
  LineChart chart{"lines", kNasty, {kNasty, 0, 1}, {kNasty, 0, 1}, {{kNasty, false, {{0, .5}, {1, .75}}}}};
  document.sections[0].blocks.emplace_back(std::move(chart));
  Histograms histograms;
  histograms.id = "bins";
  histograms.caption = histograms.x.title = kNasty;
  histograms.panels.push_back({kNasty, false, {1, 2}, .5});
  document.sections[0].blocks.emplace_back(std::move(histograms));
  return document;
}

/// Every element that is opened is closed, in order; voids aside.
bool is_balanced(const std::string& html) {
  std::vector<std::string> open;
  const std::regex tag(R"(<(/?)([a-z0-9]+)[^<>]*?(/?)>)");
  const std::string head = std::regex_replace(html, std::regex("<(style|script)>[\\s\\S]*?</\\1>"), "");
  for (std::sregex_iterator it(head.begin(), head.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if ((*it)[3].length() != 0 || name == "meta") continue;
    if ((*it)[1].length() == 0) {
      open.push_back(name);
    } else {
      if (open.empty() || open.back() != name) return false;
      open.pop_back();
    }
  }
  return open.empty();
}

TEST(ReportFormats, APageIsWholeWhateverTheNames) {
  const std::string html = to_html(nasty_document());
  EXPECT_THAT(html, testing::StartsWith("<!doctype html>"));
  EXPECT_EQ(html.find("<b>&\"'"), std::string::npos);
  EXPECT_EQ(html.find("\xff"), std::string::npos);
  EXPECT_TRUE(is_balanced(html));
  EXPECT_FALSE(is_balanced(html + "<p>"));
  EXPECT_THAT(html, HasSubstr("&lt;/script&gt;&lt;b&gt;&amp;&quot;&#39;|_*{%}$#~^\\\\xff,x"));
  EXPECT_THAT(html, AllOf(HasSubstr("default-src 'none'"), HasSubstr("<th scope=\"col\""),
                          HasSubstr("<th scope=\"row\""), HasSubstr("<caption"), HasSubstr("role=\"img\"")));
  EXPECT_THAT(html, HasSubstr("<td data-v=\"0.25\">25.0 <span class=\"ci\">12.5\u201350.0</span></td>"));
  EXPECT_THAT(html, HasSubstr("data:image/jpeg;base64,AAAA\""));
  EXPECT_FALSE(std::regex_search(html, std::regex("(src|href)=\"(?!data:|#)")));
  EXPECT_THAT(html, Not(HasSubstr("url(")));
}

TEST(ReportFormats, Csv) {
  const auto rows = parse_csv(to_csv(*tables_of(nasty_document()).at(0)));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_THAT(rows[0], ElementsAre("kind", "method", "a.b", "a.b.low", "a.b.high"));
  EXPECT_THAT(rows[1], ElementsAre("method", "</script><b>&\"'|_*{%}$#~^\\\\xff,x", "0.25", "0.125", "0.5"));
  EXPECT_THAT(rows[2], ElementsAre("control", "plain", "", "", ""));
}

TEST(ReportFormats, JsonKeepsNumbersAndCharts) {
  const Json json = Json::parse(to_json(nasty_document()));
  const Json& table = json.at("tables").at(0);
  EXPECT_EQ(table.at("columns").at(1).at("unit"), "rate");
  EXPECT_EQ(table.at("rows").at(0).at("cells").at(1), Json({{"value", .25}, {"low", .125}, {"high", .5}}));
  EXPECT_TRUE(table.at("rows").at(1).at("cells").at(1).is_null());
  ASSERT_EQ(json.at("charts").size(), 2U);
  EXPECT_EQ(json.at("charts").at(0).at("series").at(0).at("points"), Json::parse("[[0.0,0.5],[1.0,0.75]]"));
  EXPECT_EQ(json.at("charts").at(1).at("panels").at(0).at("counts"), Json::parse("[1,2]"));
}

TEST(ReportFormats, LatexEscapesAndChoosesTheTable) {
  const std::string latex = to_latex(nasty_document());
  const std::string name =
      "\\textless{}/script\\textgreater{}\\textless{}b\\textgreater{}\\&\"'\\textbar{}\\_{*}\\{\\%\\}\\$\\#"
      "\\textasciitilde{}\\textasciicircum{}\\textbackslash{}\\textbackslash{}xff,x";
  EXPECT_THAT(latex, HasSubstr("\\caption{" + name + "}\\label{tab:results}"));
  EXPECT_THAT(latex, HasSubstr("\\begin{tabular}{lr}"));
  EXPECT_THAT(latex, HasSubstr(name + " & 25.0 (12.5-50.0) \\\\\n"));
  Document document = nasty_document();
  auto& table = std::get<Table>(document.sections[0].blocks[2]);
  table.rows.resize(100, table.rows[0]);
  EXPECT_THAT(to_latex(document), AllOf(HasSubstr("\\begin{longtable}{lr}"), Not(HasSubstr("\\begin{tabular}"))));
}

TEST(ReportFormats, MarkdownKeepsItsCells) {
  const std::string markdown = to_markdown(nasty_document());
  EXPECT_THAT(markdown, HasSubstr("\n| --- | ---: |\n"));
  EXPECT_THAT(
      markdown,
      HasSubstr("| &lt;/script&gt;&lt;b&gt;&amp;\"'\\|\\_\\*{%}$\\#\\~^\\\\\\\\xff,x | 25.0 (12.5-50.0) |"));
  EXPECT_THAT(markdown, HasSubstr("| plain | - |"));
}

TEST(ReportFormats, CasesAreTheBestTheMiddleAndTheWorst) {
  const ChosenCases many = choose_cases(100);
  EXPECT_THAT(many.best, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(many.typical, ElementsAre(48, 49, 50, 51));
  EXPECT_THAT(many.worst, ElementsAre(96, 97, 98, 99));
  const ChosenCases few = choose_cases(5);
  EXPECT_THAT(few.best, ElementsAre(0));
  EXPECT_THAT(few.typical, ElementsAre(2));
  EXPECT_THAT(few.worst, ElementsAre(4));
  EXPECT_THAT(choose_cases(0).best, testing::IsEmpty());
}

TEST(ReportFormats, RunsMustBeThere) {
  const ScratchFolder folder;
  const std::vector<std::filesystem::path> none, missing{folder / "none"}, twice{folder.path(), folder / "."};
  EXPECT_ERROR(make_report(none, {}), ErrorCode::bad_input, HasSubstr("no run"));
  EXPECT_ERROR(make_report(missing, {}), ErrorCode::not_found, HasSubstr("holds no run"));
  EXPECT_ERROR(make_report(twice, {}), ErrorCode::bad_input, HasSubstr("named twice"));
}

}  // namespace
}  // namespace limn
