// Tables are read from the structure of a summary, whatever the experiment.

#include "limn/report/tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/report/known.h"
#include "limn/report/measures.h"
#include "runs.h"

namespace limn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> keys_of(const Table& table) {
  std::vector<std::string> keys;
  for (const Column& column : table.columns) keys.push_back(column.key);
  return keys;
}

ImageRow image(std::int64_t position, std::size_t label, bool right) {
  ImageRow row;
  row.position = position;
  row.id = "image " + std::to_string(position);
  row.classes = {label};
  row.predicted = {right ? label : label + 1};
  row.top1 = right;
  return row;
}

TEST(ReportTables, EveryMeasureOfAnUnknownExperimentIsAColumn) {
  const std::vector<limn::Run> runs{test::novel_run()};
  const auto table = results_table(runs);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->id, "novel-thing-results");
  EXPECT_THAT(keys_of(*table), ElementsAre("method", "strength", "inner.share", "remark", "missing"));
  EXPECT_EQ(table->columns[2].title, "inner share");
  EXPECT_EQ(table->columns[1].unit, Unit::fraction);
  EXPECT_EQ(table->columns[2].unit, Unit::percent);
  ASSERT_EQ(table->rows.size(), 2U);
  EXPECT_EQ(table->rows[0].kind, RowKind::method);
  EXPECT_EQ(table->rows[1].kind, RowKind::control);
  EXPECT_EQ(table->rows[0].cells[1].value, -.25);
  EXPECT_EQ(table->rows[0].cells[1].interval->high, 0);
  EXPECT_EQ(table->rows[0].cells[3].text, "a <b> & c");
  EXPECT_FALSE(table->rows[0].cells[4].value);
}

TEST(ReportTables, VariantsHaveATableOfTheirOwnAndCurvesHaveNone) {
  const std::vector<limn::Run> runs{test::novel_run()};
  const auto tables = variant_tables(runs);
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].id, "novel-thing-every-findings");
  EXPECT_THAT(keys_of(tables[0]), ElementsAre("method", "finding", "rate"));
  ASSERT_EQ(tables[0].rows.size(), 4U);
  EXPECT_EQ(tables[0].rows[0].cells[2].value, .25);
  EXPECT_FALSE(tables[0].rows[1].cells[2].value);  // a rate of nothing
}

TEST(ReportTables, TheHeadlineBoxIsThatOfTheProtocol) {
  auto run = test::novel_run();
  run.manifest["experiment"] = run.experiment = "localization";
  run.manifest["thresholds"] = {0.15, 0.5};
  Json& method = run.summary["methods"][0];
  const auto box = [](double threshold, const char* rule, double rate) {
    return Json{
        {"threshold", threshold}, {"rule", rule}, {"known_class", {{"rate", rate}, {"low", 0}, {"high", 1}}}};
  };
  method["boxes"] = {box(.15, "region", .1), box(.15, "rectangle", .2), box(.5, "region", .3)};
  EXPECT_EQ(find_measure(run, method, "known_class").at("rate"), .1);
  run.manifest["protocol"] = "as-published";
  EXPECT_EQ(find_measure(run, method, "known_class").at("rate"), .2);
  run.manifest["thresholds"] = {0.7};
  EXPECT_TRUE(find_measure(run, method, "known_class").is_null());
}

TEST(ReportTables, TheHeadlineShareIsThatOfTheFirstThreshold) {
  auto run = test::novel_run();
  run.manifest["experiment"] = run.experiment = "xray";
  run.manifest["thresholds"] = {0.85, 0.5};
  Json& method = run.summary["methods"][0];
  const auto share = [](double threshold, double mean) {
    return Json{{"threshold", threshold}, {"share", {{"mean", mean}, {"low", 0}, {"high", 1}}}};
  };
  method["shares"] = {share(.5, .2), share(.85, .1)};
  EXPECT_EQ(find_measure(run, method, "share").at("mean"), .1);
  EXPECT_EQ(headline_path(run), "share");
}

TEST(ReportTables, ProtocolsAreSubtracted) {
  const std::vector<limn::Run> runs{test::novel_run("as-published"), test::novel_run()};
  const auto table = protocols_table(runs);
  ASSERT_TRUE(table);
  EXPECT_THAT(keys_of(*table), ElementsAre("network", "method", "strength", "inner.share"));
  ASSERT_EQ(table->rows.size(), 2U);
  EXPECT_EQ(table->rows[0].cells[2].value, .125);
  EXPECT_EQ(table->rows[0].cells[3].value, 0);
  EXPECT_EQ(table->columns[3].unit, Unit::points);
  auto other = runs;
  other[0].manifest["model"]["sha256"] = "another network";
  EXPECT_FALSE(protocols_table(other));
}

TEST(ReportTables, SettingsThatAreAllTheSameAreNoColumn) {
  std::vector<limn::Run> runs{test::novel_run()};
  for (Json& method : runs[0].summary["methods"]) method["images"] = 4;
  EXPECT_THAT(keys_of(*results_table(runs)), testing::Not(testing::Contains("images")));
  runs[0].summary["methods"][1]["images"] = 3;
  EXPECT_THAT(keys_of(*results_table(runs)), testing::Contains("images"));
}

TEST(ReportTables, ComparisonsShowWhatTheyHold) {
  std::vector<limn::Run> runs{test::novel_run()};
  EXPECT_FALSE(comparisons_table(runs));
  runs[0].summary["comparisons"] = {{{"method", "grad-cam"}, {"control", "nothing"}, {"t", 2.5}, {"p_holm", .04}}};
  const auto table = comparisons_table(runs);
  ASSERT_TRUE(table);
  EXPECT_THAT(keys_of(*table), ElementsAre("method", "control", "t", "p_holm"));
  EXPECT_THAT(table->note, testing::IsEmpty());
  runs[0].summary["comparisons"][0]["only_method"] = 3;
  EXPECT_THAT(comparisons_table(runs)->note, HasSubstr("McNemar"));
  const Json mean = {{"n", 4}, {"mean", .25}, {"sd", 1}, {"low", .125}, {"high", .5}};
  runs[0].summary["comparisons"] = {{{"method", "a"},
                                     {"against", "b"},
                                     {"difference", mean},
                                     {"paired_t", {{"t", 2.5}, {"p", .04}, {"effect", 1.0}}},
                                     {"permutation_p", .03}}};
  const auto scores = comparisons_table(runs);
  EXPECT_THAT(keys_of(*scores), ElementsAre("method", "against", "difference", "paired_t.t", "paired_t.p",
                                            "paired_t.effect", "permutation_p"));
  EXPECT_EQ(scores->columns[2].unit, Unit::change);
  EXPECT_EQ(scores->rows[0].cells[2].value, .25);
  EXPECT_THAT(scores->note, HasSubstr("Wilcoxon"));
}

TEST(ReportTables, TheHeadlineIsWhatMethodsAreComparedBy) {
  auto run = test::novel_run();
  EXPECT_EQ(headline_path(run), "strength");
  run.summary["compared_by"] = "inner.share";
  EXPECT_EQ(headline_path(run), "inner.share");
  run.summary["compared_by"] = "a column of the rows";
  EXPECT_EQ(headline_path(run), "strength");
}

TEST(ReportTables, MethodsAreTestedAgainstEachOther) {
  std::vector<limn::Run> runs{test::novel_run()};
  EXPECT_FALSE(pairs_table(runs));
  std::vector<std::int64_t> positions(10);
  for (std::size_t i = 0; i < 10; ++i) positions[i] = static_cast<std::int64_t>(i);
  std::vector<bool> all(10, true), few(10, false);
  few[0] = true;
  runs[0].rows.methods = {{"a", false, positions, {}, all, {}},
                          {"b", false, positions, {}, few, {}},
                          {"c", true, positions, {}, all, {}}};
  const auto table = pairs_table(runs);
  ASSERT_TRUE(table);
  ASSERT_EQ(table->rows.size(), 1U);
  const auto& cells = table->rows[0].cells;
  EXPECT_EQ(cells[0].text, "a");
  EXPECT_EQ(cells[2].value, 9);
  EXPECT_EQ(cells[3].value, 0);
  EXPECT_DOUBLE_EQ(*cells[4].value, .9);
  EXPECT_DOUBLE_EQ(*cells[5].value, 2.0 / 512);  // all nine the same way
}

TEST(ReportTables, ClassesAreCounted) {
  auto run = test::novel_run();
  run.class_names = {"zero", "one <1>"};
  run.rows.images = {image(0, 1, true), image(1, 1, false), image(2, 2, true)};
  run.rows.images.push_back(image(3, 2, true));
  run.rows.images.back().excluded = true;
  run.rows.methods = {{"a", false, {0, 1, 2}, {}, {true, false, true}, {}}};
  const auto table = classes_table(run, "id");
  ASSERT_TRUE(table);
  ASSERT_EQ(table->rows.size(), 2U);
  EXPECT_EQ(table->rows[0].cells[0].text, "one <1>");
  EXPECT_EQ(table->rows[0].cells[1].value, 2);
  EXPECT_EQ(table->rows[0].cells[2].value, .5);
  EXPECT_EQ(table->rows[0].cells[3].value, .5);
  EXPECT_EQ(table->rows[1].cells[0].text, "class 2");
  EXPECT_EQ(table->rows[1].cells[1].value, 1);
}

TEST(ReportTables, FailuresAreListedAndCounted) {
  std::vector<limn::Run> runs{test::novel_run()};
  EXPECT_FALSE(failures_table(runs));
  for (std::int64_t i = 0; i < 25; ++i) {
    runs[0].rows.images.push_back(image(i, 0, true));
    runs[0].rows.images.back().error = "broken";
  }
  const auto table = failures_table(runs);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->rows.size(), 20U);
  EXPECT_THAT(table->caption, HasSubstr("20 of 25"));
}

TEST(ReportTables, FactsComeFromTheManifest) {
  const std::vector<limn::Run> runs{test::novel_run()};
  const Table table = facts_table(runs);
  const auto fact = [&](const std::string& name) {
    for (const Row& row : table.rows)
      if (row.cells[0].text == name) return row.cells[1].text;
    return std::string();
  };
  EXPECT_EQ(fact("network"), "net.onnx, 3 classes");
  EXPECT_EQ(fact("layer"), "conv");
  EXPECT_EQ(fact("images"), "4 used, 0 failed, 0 without truth to compare with");
}

TEST(ReportTables, LabelsTellRunsApart) {
  std::vector<limn::Run> runs{test::novel_run(), test::novel_run("as-published")};
  label_runs(runs);
  EXPECT_EQ(runs[0].label, "correct");
  EXPECT_EQ(runs[1].label, "as-published");
  runs[1].manifest["model"]["path"] = "models/other.onnx";
  label_runs(runs);
  EXPECT_EQ(runs[1].label, "other, as-published");
  runs[1] = runs[0];
  runs[1].folder = "elsewhere/second/";
  label_runs(runs);
  EXPECT_EQ(runs[0].label, "net (correct)");
  EXPECT_EQ(runs[1].label, "net (second)");
  runs[1].folder = "elsewhere/correct";
  label_runs(runs);
  EXPECT_EQ(runs[1].label, "elsewhere/correct");
}

TEST(ReportTables, PublishedNumbersAreThoseOfTheStudy) {
  const auto at = [](const char* experiment, std::size_t row, std::size_t column) {
    return *published_table(experiment)->rows.at(row).cells.at(column).value;
  };
  EXPECT_EQ(at("localization", 4, 2), .5582);
  EXPECT_EQ(at("classification", 0, 3), .2169);
  EXPECT_EQ(at("pointing-game", 1, 2), .90419);
  EXPECT_EQ(at("occlusion", 2, 2), .0505);
  EXPECT_EQ(at("xray", 0, 3), .2068);
  EXPECT_FALSE(published_table("novel/thing"));
  for (const char* experiment : {"localization", "classification", "pointing-game", "occlusion", "xray"}) {
    const auto table = published_table(experiment);
    EXPECT_THAT(table->caption, HasSubstr("not to be read as a result of the runs above"));
    for (const Row& row : table->rows) EXPECT_EQ(row.cells.size(), table->columns.size());
  }
}

}  // namespace
}  // namespace limn
