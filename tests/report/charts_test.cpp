// Charts: values lie where their axes say, and are told in words.

#include "limn/report/charts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <regex>

#include "limn/report/svg.h"
#include "runs.h"

namespace limn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Numbers that a pattern with groups finds in the text, match by match.
std::vector<std::vector<double>> numbers_in(const std::string& text, const char* pattern) {
  std::vector<std::vector<double>> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    std::vector<double> groups;
    for (std::size_t i = 1; i < it->size(); ++i) groups.push_back(std::stod((*it)[i]));
    found.push_back(groups);
  }
  return found;
}

TEST(ReportCharts, TicksAreRound) {
  EXPECT_THAT(ticks(0, 1), ElementsAre(0, .2, .4, testing::DoubleEq(.6), .8, 1));
  EXPECT_THAT(ticks(-1, 1), ElementsAre(-1, -.5, 0, .5, 1));
  EXPECT_THAT(ticks(0, 100), ElementsAre(0, 20, 40, 60, 80, 100));
  EXPECT_THAT(ticks(3, 3.4), ElementsAre(3, testing::DoubleEq(3.1), testing::DoubleEq(3.2), testing::DoubleEq(3.3),
                                         testing::DoubleEq(3.4)));
}

TEST(ReportCharts, ALineGoesThroughItsPoints) {
  LineChart chart{"id", "Caption <1>", {"x", 0, 1, Unit::fraction}, {"y", 0, 1, Unit::percent}, {}};
  chart.series = {{"a & b", false, {{0, 0}, {.5, 1}, {1, .25}}}, {"middle", true, {{0, .5}, {1, .5}}}};
  const std::string svg = svg_of(chart);
  // The grid lines of 0 and 100 % say where y begins and ends; x runs along them.
  const auto grid = numbers_in(svg, R"re(x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="[\d.]+" class="grid")re");
  ASSERT_EQ(grid.size(), 6U);
  const double left = grid[0][0], right = grid[0][2], bottom = grid[0][1], top = grid[5][1];
  const auto path =
      numbers_in(svg, R"re(M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)" class="line s0")re");
  ASSERT_EQ(path.size(), 1U);
  EXPECT_THAT(path[0], ElementsAre(left, bottom, (left + right) / 2, top, right,
                                   testing::DoubleNear(bottom + .25 * (top - bottom), .06)));
  EXPECT_THAT(svg, HasSubstr("class=\"line control c0\""));
  EXPECT_THAT(svg, HasSubstr("aria-label=\"Caption &lt;1&gt; a &amp; b: at most 100.0\u00a0%, at 0.5."));
  EXPECT_THAT(svg, HasSubstr(">80</text>"));
}

TEST(ReportCharts, DotsAndWhiskersLieOnTheirAxis) {
  IntervalChart chart;
  chart.x.unit = Unit::percent;
  chart.lines.push_back({"grad-cam", false, .5, {.25, .75}});
  const std::string svg = svg_of(chart);
  const auto grid = numbers_in(svg, R"re(x1="([\d.]+)" y1="[\d.]+" x2="[\d.]+" y2="[\d.]+" class="grid")re");
  ASSERT_EQ(grid.size(), 6U);
  const double left = grid[0][0], width = grid[5][0] - left;
  const auto dot = numbers_in(svg, R"re(cx="([\d.]+)")re");
  const auto whisker =
      numbers_in(svg, R"re(x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)" y2="[\d.]+" class="whisker method")re");
  ASSERT_EQ(dot.size(), 1U);
  ASSERT_EQ(whisker.size(), 1U);
  EXPECT_NEAR(dot[0][0], left + .5 * width, .06);
  EXPECT_NEAR(whisker[0][0], left + .25 * width, .06);
  EXPECT_NEAR(whisker[0][1], left + .75 * width, .06);
  EXPECT_THAT(svg, HasSubstr("50.0\u00a0% (25.0\u201375.0)"));
}

TEST(ReportCharts, BarsAreAsHighAsTheirCounts) {
  Histograms::Panel panel{"grad-cam", false, std::vector<std::size_t>(20), .3};
  panel.counts[0] = 4;
  panel.counts[19] = 2;
  const std::string svg = svg_of(panel, {"IoU", 0, 1, Unit::fraction}, 8);
  const auto bars = numbers_in(svg, R"re(<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="([\d.]+)")re");
  ASSERT_EQ(bars.size(), 2U);
  EXPECT_NEAR(bars[0][2], 2 * bars[1][2], .11);
  EXPECT_NEAR((bars[1][0] - bars[0][0]) / 19, bars[0][1] + 1, .11);
  EXPECT_THAT(svg, HasSubstr("IoU of 6 images, mean 0.300, most often between 0 and 0.05"));
}

TEST(ReportCharts, HistogramsCountEveryScoreOnce) {
  auto run = test::novel_run();
  run.rows.methods = {{"a", false, {0, 1, 2, 3}, {-1, 0, 1, std::numeric_limits<double>::quiet_NaN()}, {}, {}}};
  const auto histograms = score_histograms(run, "id");
  ASSERT_TRUE(histograms);
  EXPECT_EQ(histograms->x.low, -1);
  EXPECT_EQ(histograms->x.high, 1);
  const auto& panel = histograms->panels.at(0);
  EXPECT_EQ(panel.counts.front(), 1U);
  EXPECT_EQ(panel.counts[10], 1U);
  EXPECT_EQ(panel.counts.back(), 1U);
  EXPECT_EQ(panel.mean, 0);
  run.rows.methods[0].scores = {3, 47, 20, 20};
  EXPECT_EQ(score_histograms(run, "id")->x.high, 50);
  run.rows.methods[0].scores.clear();
  EXPECT_FALSE(score_histograms(run, "id"));
}

TEST(ReportCharts, TheThresholdCurveIsTheShareOfImages) {
  auto run = test::novel_run();
  EXPECT_FALSE(threshold_chart(run, "id"));
  run.rows.methods = {{"a", false, {0, 1, 2, 3}, {}, {}, std::vector<std::size_t>(100, 1)}};
  run.manifest["thresholds"] = {0.15};
  const auto chart = threshold_chart(run, "id");
  ASSERT_TRUE(chart);
  EXPECT_EQ(chart->series[0].points[20], (std::pair<double, double>{.2, .25}));
  EXPECT_EQ(chart->mark, 0.15);
}

TEST(ReportCharts, CurvesOfTheSummaryBecomeOneChartAMeasure) {
  const auto run = test::novel_run();
  const auto charts = curve_charts(run, "c");
  ASSERT_EQ(charts.size(), 1U);  // recall; the threshold is no rate
  EXPECT_EQ(charts[0].id, "c-recall");
  EXPECT_EQ(charts[0].series[0].name, "grad-cam");
  EXPECT_THAT(charts[0].series[0].points, ElementsAre(std::pair(0.0, 1.0), std::pair(100.0, 0.25)));
  EXPECT_EQ(charts[0].x.high, 100);
}

TEST(ReportCharts, TheHeadlineOfAnUnknownExperimentIsItsFirstMeasure) {
  const std::vector<limn::Run> runs{test::novel_run()};
  const auto chart = headline_chart(runs);
  ASSERT_TRUE(chart);
  EXPECT_EQ(chart->x.title, "strength");
  ASSERT_EQ(chart->lines.size(), 2U);
  EXPECT_EQ(chart->lines[0].value, -0.25);
  EXPECT_EQ(chart->x.low, -1);
  EXPECT_TRUE(chart->lines[1].control);
}

}  // namespace
}  // namespace limn
