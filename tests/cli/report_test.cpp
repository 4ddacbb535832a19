// `limn report` through the program, on evaluations of the demo's scenes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "harness.h"

namespace limn::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

/// The demo's scenes laid out as ILSVRC lays out its own, and finished runs on them, made once.
class Report : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = std::make_unique<ScratchFolder>();
    const fs::path demo = fs::path(LIMN_SOURCE_DIR) / "data/demo", root = *folder / "data";
    const fs::path pictures = root / "ILSVRC/Data/CLS-LOC/val", truth = root / "ILSVRC/Annotations/CLS-LOC/val";
    fs::create_directories(pictures);
    fs::create_directories(truth);
    for (const auto& entry : fs::directory_iterator(demo / "scenes")) {
      const fs::path& path = entry.path();
      if (path.extension() == ".png") fs::copy_file(path, pictures / (path.stem().string() + ".JPEG"));
      // A class of ILSVRC is one word.
      if (path.extension() == ".xml")
        write_text(truth / path.filename(), replaced(read_text(path), "Ankle boot", "Boot"));
    }
    const std::string names = "Trouser\nPullover\nDress\nSandal\nBag\nBoot\n";
    write_text(root / "LOC_synset_mapping.txt", names);
    write_text(*folder / "labels.txt", names);
    evaluate("boxes", "localization", {"--save-maps", "--method", "grad-cam,layer-cam"});
    evaluate("published", "localization", {"--protocol", "as-published", "--method", "grad-cam,layer-cam"});
    evaluate("points", "pointing-game", {"--save-maps"});
    evaluate("errors", "classification", {});
    evaluate("hidden", "occlusion", {"--save-maps", "--limit", "8", "--method", "grad-cam,layer-cam"});
  }
  static void TearDownTestSuite() { folder.reset(); }

  static void evaluate(const std::string& out, const std::string& experiment,
                       const std::vector<std::string>& more) {
    std::vector<std::string> all{"evaluate",  experiment,         "--model", LIMN_SOURCE_DIR "/data/demo/demo.onnx",
                                 "--dataset", "ilsvrc",           "--root",  path("data"),
                                 "--labels",  path("labels.txt"), "--out",   path(out)};
    all.insert(all.end(), more.begin(), more.end());
    const Ran ran = run_limn(all);
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
  static std::string path(const std::string& name) { return (*folder / name).string(); }

  /// Writes the report and gives its page.
  static std::string page(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "report");
    arguments.insert(arguments.end(), {"--out", path("page.html")});
    const Ran ran = run_limn(arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return read_text(path("page.html"));
  }

  static std::unique_ptr<ScratchFolder> folder;
};
std::unique_ptr<ScratchFolder> Report::folder;

TEST_F(Report, ThePageHoldsWhatWasMeasured) {
  const std::string html = page({path("boxes")});
  const Json manifest = Json::parse(read_text(path("boxes/manifest.json")));
  EXPECT_THAT(html, AllOf(HasSubstr(manifest["model"]["sha256"]), HasSubstr(manifest["dataset"]["sha256"]),
                          HasSubstr("24 used, 0 failed"), HasSubstr("block6/relu"), HasSubstr("layer-cam"),
                          HasSubstr("centre-box"), HasSubstr("McNemar"), HasSubstr("VGG-16"), HasSubstr("Trouser"),
                          HasSubstr("<h4>Worst</h4>")));
  const Json summary = Json::parse(read_text(path("boxes/summary.json")));
  const Json& known = summary["methods"][0]["boxes"][0]["known_class"];
  EXPECT_THAT(html, HasSubstr("data-v=\"" + known["rate"].dump().substr(0, 8)));
  EXPECT_THAT(html, Not(HasSubstr("kept no maps")));
}

TEST_F(Report, TwoProtocolsAreSubtracted) {
  EXPECT_THAT(
      page({path("boxes"), path("published")}),
      AllOf(HasSubstr("as-published minus correct"), HasSubstr("as-published: there are no pictures of single "
                                                               "cases, for the run kept no maps")));
}

TEST_F(Report, OnePageHoldsSeveralExperiments) {
  EXPECT_THAT(
      page({path("points"), path("errors"), path("boxes")}),
      AllOf(HasSubstr("<h1>Pointing game, Classification, Localization</h1>"), HasSubstr("<circle class=\"found\""),
            HasSubstr("id=\"pointing-game-curve-1-recall\""), HasSubstr("href=\"#classification\"")));
}

TEST_F(Report, ScoresAreComparedAsScores) {
  const std::string html = page({path("hidden")});
  EXPECT_THAT(html, AllOf(HasSubstr("rank correlation"), HasSubstr("Wilcoxon"), HasSubstr("VGG-16 and 120 images"),
                          HasSubstr("<h4>Worst</h4>"), HasSubstr("mean rank correlation")));
  EXPECT_THAT(html, Not(HasSubstr("McNemar")));
}

TEST_F(Report, EveryFormatIsWrittenBesideTheOthers) {
  const Ran ran =
      run_limn({"report", path("boxes"), "--out", path("all"), "--format", "html,csv,json,latex,markdown"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  for (const char* name :
       {"report.html", "report.json", "report.tex", "report.md", "report-localization-results.csv"})
    EXPECT_THAT(names_in(path("all")), Contains(name));
  const Json told = Json::parse(read_text(path("all/report.json")));
  const Json summary = Json::parse(read_text(path("boxes/summary.json")));
  const auto is_results = [](const Json& table) { return table["id"] == "localization-results"; };
  const auto results = std::ranges::find_if(told["tables"], is_results);
  ASSERT_NE(results, told["tables"].end());
  const Json& columns = (*results)["columns"];
  const auto is_known = [](const Json& column) { return column["key"] == "known_class"; };
  const auto known = std::ranges::find_if(columns, is_known) - columns.begin();
  ASSERT_LT(static_cast<std::size_t>(known), columns.size());
  EXPECT_EQ((*results)["rows"][0]["cells"][static_cast<std::size_t>(known)]["low"],
            summary["methods"][0]["boxes"][0]["known_class"]["low"]);
  // The highest point of the curve, counted from the rows, is what the summary calls the maximum.
  const Json& curve = told["charts"][0];
  ASSERT_EQ(curve["id"], "localization-thresholds-1");
  double highest = 0;
  for (const Json& point : curve["series"][0]["points"]) highest = std::max(highest, point[1].get<double>());
  EXPECT_NEAR(highest, summary["methods"][0]["max_box_accuracy"].get<double>(), 1e-12);
  EXPECT_EQ(run_limn({"report", path("boxes"), "--out", path("one/name.tex"), "--format", "latex,json"}).code, 0);
  EXPECT_THAT(names_in(path("one")), testing::ElementsAre("name.json", "name.tex"));
}

TEST_F(Report, NamesThatMeanSomethingAreEscaped) {
  write_text(path("nasty.txt"),
             "</script><script>alert(1)</script>\nPull & \"over\"\nDr\xffss\nSandal\nBag\nBoot\n");
  const std::string html = page({path("boxes"), "--labels", path("nasty.txt")});
  EXPECT_THAT(html,
              AllOf(HasSubstr("&lt;/script&gt;&lt;script&gt;alert(1)"), Not(HasSubstr("<script>alert")),
                    HasSubstr("Pull &amp; &quot;over&quot;"), HasSubstr("Dr\\xffss"), Not(HasSubstr("\xff"))));
}

TEST_F(Report, MissingPicturesAreSaid) {
  fs::create_directories(path("empty"));
  EXPECT_THAT(page({path("boxes"), "--root", path("empty")}),
              AllOf(HasSubstr("the dataset cannot be read"), Not(HasSubstr("<h4>Worst</h4>"))));
  const fs::path kept = path("boxes/maps"), aside = path("aside");
  fs::rename(kept, aside);
  fs::create_directory(kept);
  EXPECT_THAT(page({path("boxes")}), AllOf(HasSubstr("24 cases are not shown"), Not(HasSubstr("<h4>Worst</h4>"))));
  fs::remove(kept);
  fs::rename(aside, kept);
}

TEST_F(Report, ARunIsNotChanged) {
  const std::string before = read_text(path("boxes/rows.sqlite"));
  page({path("boxes")});
  EXPECT_EQ(read_text(path("boxes/rows.sqlite")), before);
  EXPECT_THAT(names_in(path("boxes")),
              testing::ElementsAre("manifest.json", "maps", "rows.sqlite", "summary.json"));
}

TEST_F(Report, WhatIsNoFinishedRunIsSaid) {
  const auto fails = [&](int code, std::vector<std::string> arguments, const std::string& says) {
    arguments.insert(arguments.begin(), "report");
    if (std::ranges::find(arguments, "--out") == arguments.end())
      arguments.insert(arguments.end(), {"--out", path("x")});
    const Ran ran = run_limn(arguments);
    EXPECT_EQ(ran.code, code) << says;
    EXPECT_THAT(ran.err, HasSubstr(says));
  };
  fails(1, {path("data")}, "holds no run");
  fails(2, {path("boxes"), "--format", "pdf"}, "html, csv, json, latex, markdown");
  fails(1, {path("boxes"), path("boxes")}, "named twice");
  fails(1, {path("boxes"), "--out", "/proc/none/x"}, "--out");
  const auto damaged = [&](const std::string& name, const std::string& file, const std::string& text) {
    fs::copy(path("errors"), path(name));
    if (text.empty())
      fs::remove(path(name) + "/" + file);
    else
      write_text(path(name) + "/" + file, text);
    return path(name);
  };
  fails(1, {damaged("unfinished", "summary.json", "")}, "not finished");
  fails(1, {damaged("newer", "manifest.json", R"({"format": "limn.run/9"})")}, "limn.run/9");
  fails(1, {damaged("newer-summary", "summary.json", R"({"format": "limn.summary/2"})")}, "limn.summary/2");
  fails(1, {damaged("damaged", "manifest.json", R"({"format": "limn.run/1"})")}, "not as limn writes them");
  fails(1, {damaged("broken", "summary.json", "{")}, "not valid JSON");
  fails(1, {damaged("rowless", "rows.sqlite", "")}, "rows.sqlite");
  fails(1, {damaged("garbled", "rows.sqlite", std::string(5000, 'x'))}, "rows.sqlite");
}

}  // namespace
}  // namespace limn::test
