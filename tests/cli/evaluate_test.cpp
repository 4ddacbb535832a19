// `limn evaluate` and `limn merge` through the program, on a network whose maps can be told without computing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

#include "harness.h"
#include "limn/base/random.h"
#include "limn/runtime.h"
#include "limn/study/rows.h"
#include "samples.h"

namespace limn::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// A dataset in the layout of ILSVRC, of dark pictures with a white rectangle: class "bright", its box.
class Evaluate : public testing::Test {
 protected:
  static constexpr int kImages = 60;

  Evaluate() {
    fs::create_directories(root_ / "ILSVRC/Data/CLS-LOC/val");
    fs::create_directories(root_ / "ILSVRC/Annotations/CLS-LOC/val");
    write_text(root_ / "LOC_synset_mapping.txt", "bright a\ndark b\n");
    for (int i = 0; i < kImages; ++i) add_image(i);
  }

  static std::string name_of(int i) { return "image_" + std::to_string(1000 + i); }
  fs::path picture(int i) const { return root_ / "ILSVRC/Data/CLS-LOC/val" / (name_of(i) + ".JPEG"); }

  void add_image(int i) const {
    const auto draw = [&](std::uint64_t n, int most) {
      return static_cast<int>(random_unit(5, static_cast<std::uint64_t>(10 * i) + n) * most);
    };
    const int x0 = draw(0, 9), y0 = draw(1, 6), x1 = x0 + 1 + draw(2, 12 - x0 - 1),
              y1 = y0 + 1 + draw(3, 8 - y0 - 1);
    write_png(picture(i), white_rectangle(12, 8, {double(x0), double(y0), double(x1), double(y1)}));
    const auto number = [](const char* name, int v) {
      return "<" + std::string(name) + ">" + std::to_string(v) + "</" + name + ">";
    };
    write_text(root_ / "ILSVRC/Annotations/CLS-LOC/val" / (name_of(i) + ".xml"),
               "<annotation><object><name>bright</name><bndbox>" + number("xmin", x0) + number("ymin", y0) +
                   number("xmax", x1) + number("ymax", y1) + "</bndbox></object></annotation>");
  }

  std::vector<std::string> arguments(const std::string& out, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"evaluate", "localization", "--model",      studio_.model, "--dataset",
                                 "ilsvrc",   "--root",       root_.string(), "--method",    "grad-cam",
                                 "--resize", "12x8",         "--out",        path(out)};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string summary(const std::string& out) const { return read_text(folder_ / out / "summary.json"); }

  ScratchFolder folder_;
  Studio studio_{folder_.path()};
  fs::path root_ = folder_ / "data";
};

const Json& method_of(const Json& summary, const std::string& name) {
  for (const Json& method : summary.at("methods"))
    if (method.at("name") == name) return method;
  throw std::out_of_range(name);
}

TEST_F(Evaluate, AveragedGradientsFindWhiteRectanglesToo) {
  auto all = arguments("run", {"--steps", "2", "--baseline", "black", "--samples", "2", "--seed", "5"});
  all[9] = "integrated-gradients,smooth-grad";
  ASSERT_EQ(run_limn(all).code, 0);
  const Json boxes = method_of(Json::parse(summary("run")), "integrated-gradients").at("boxes").at(0);
  EXPECT_EQ(boxes.at("known_class").at("successes"), kImages);
  const Json manifest = Json::parse(read_text(folder_ / "run/manifest.json"));
  EXPECT_EQ(manifest.at("methods").at(0).at("parameters").at("steps"), 2);
  EXPECT_EQ(manifest.at("methods").at(1).at("parameters").at("seed"), 5);
}

TEST_F(Evaluate, TheManifestTellsBf16) {
  if (!processor_has_bf16()) GTEST_SKIP() << "this processor does not multiply bfloat16 (AVX512_BF16)";
  ASSERT_EQ(run_limn(arguments("run", {"--precision", "bf16"})).code, 0);
  EXPECT_EQ(Json::parse(read_text(folder_ / "run/manifest.json")).at("precision"), "bf16");
  EXPECT_EQ(method_of(Json::parse(summary("run")), "grad-cam").at("boxes").at(0).at("known_class").at("successes"),
            kImages);
}

TEST_F(Evaluate, BoxesAroundWhiteRectanglesAreRight) {
  const Ran ran = run_limn(arguments("run", {"--json"}));
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json told = Json::parse(ran.out);
  EXPECT_EQ(told, Json::parse(summary("run")));
  const Json& boxes = method_of(told, "grad-cam").at("boxes").at(0);
  EXPECT_EQ(boxes.at("known_class").at("successes"), kImages);
  EXPECT_EQ(boxes.at("iou").at("mean"), 1);
  EXPECT_EQ(method_of(told, "grad-cam").at("max_box_accuracy"), 1);
  EXPECT_EQ(told.at("classification").at("top1").at("failures"), 0);
  EXPECT_LT(method_of(told, "whole-image").at("boxes").at(0).at("iou").at("mean"), 0.6);
  for (const char* control : {"centre-box", "centred-gaussian", "random-map"})
    EXPECT_TRUE(method_of(told, control).at("control").get<bool>());
  EXPECT_EQ(told.at("comparisons").at(0).at("method"), "grad-cam");
  EXPECT_THAT(names_in(folder_ / "run"), testing::ElementsAre("manifest.json", "rows.sqlite", "summary.json"));
  EXPECT_EQ(Json::parse(read_text(folder_ / "run/manifest.json")).at("precision"), "fast");
}

/// Pictures with a white rectangle each, which is outlined; the last one has a box alone.
TEST_F(Evaluate, MasksOfCocoJudgePixels) {
  constexpr int kMasked = 4;
  const fs::path coco = folder_ / "coco";
  fs::create_directories(coco / "val2017");
  fs::create_directories(coco / "annotations");
  Json instances = {{"categories", {{{"id", 7}, {"name", "bright"}}}}, {"images", Json::array()}};
  for (int i = 0; i <= kMasked; ++i) {
    const int x0 = 1 + i, y0 = 1, x1 = 4 + i, y1 = 5 + i % 2;
    const std::string name = std::to_string(i) + ".png";
    write_png(coco / "val2017" / name, white_rectangle(12, 8, {double(x0), double(y0), double(x1), double(y1)}));
    instances["images"].push_back({{"id", i}, {"file_name", name}, {"width", 12}, {"height", 8}});
    Json object = {{"image_id", i}, {"category_id", 7}, {"bbox", {x0, y0, x1 - x0, y1 - y0}}};
    if (i < kMasked) object["segmentation"] = Json::array({Json::array({x0, y0, x1, y0, x1, y1, x0, y1})});
    instances["annotations"].push_back(object);
  }
  const auto evaluate = [&](const std::string& out, const std::vector<std::string>& more = {}) {
    write_text(coco / "annotations/instances_val2017.json", instances.dump());
    auto all = arguments(out, more);
    *std::ranges::find(all, "ilsvrc") = "coco";
    *std::ranges::find(all, root_.string()) = coco.string();
    return run_limn(all);
  };
  const Ran ran = evaluate("masks");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("PxAP"), HasSubstr("1.000 (1.000-1.000)")));
  const Json told = Json::parse(summary("masks"));
  const Json &cam = method_of(told, "grad-cam"), &whole = method_of(told, "whole-image");
  EXPECT_EQ(cam.at("images"), kMasked + 1);
  EXPECT_EQ(cam.at("masked_images"), kMasked);
  EXPECT_EQ(cam.at("pxap"), 1);
  EXPECT_EQ(cam.at("pxap_of_images").at("mean"), 1);
  EXPECT_NEAR(whole.at("pxap").get<double>(), (12.0 + 15 + 12 + 15) / (kMasked * 96),
              1e-12);  // the share of objects
  EXPECT_LT(method_of(told, "random-map").at("pxap").get<double>(), 0.9);
  ASSERT_EQ(run_limn({"report", path("masks"), "--out", path("page"), "--format", "markdown"}).code, 0);
  EXPECT_THAT(read_text(folder_ / "page/report.md"), HasSubstr("PxAP"));
  ASSERT_EQ(evaluate("blocks", {"--batch", "1", "--threads", "2"}).code, 0);
  EXPECT_EQ(summary("blocks"), summary("masks"));
  // A crowd around everything hides the background: what is left is right.
  const Json everything = {{"size", {8, 12}}, {"counts", {0, 96}}};
  for (int i = 0; i < kMasked; ++i)
    instances["annotations"].push_back({{"image_id", i},
                                        {"category_id", 7},
                                        {"bbox", {0, 0, 12, 8}},
                                        {"iscrowd", 1},
                                        {"segmentation", everything}});
  ASSERT_EQ(evaluate("crowds").code, 0);
  EXPECT_EQ(method_of(Json::parse(summary("crowds")), "random-map").at("pxap"), 1);
  // A mask that cannot be right costs its image alone.
  instances["annotations"][0]["segmentation"] = Json::array({{1, 2, 3}});
  const Ran broken = evaluate("broken");
  EXPECT_EQ(broken.code, 4);
  EXPECT_THAT(broken.err, AllOf(HasSubstr("0.png"), HasSubstr("odd number of coordinates")));
  EXPECT_EQ(method_of(Json::parse(summary("broken")), "grad-cam").at("masked_images"), kMasked - 1);
  // Without masks there is nothing to say.
  ASSERT_EQ(run_limn(arguments("boxes")).code, 0);
  EXPECT_FALSE(method_of(Json::parse(summary("boxes")), "grad-cam").contains("pxap"));
}

TEST_F(Evaluate, ThresholdsOfAnotherRun) {
  ASSERT_EQ(run_limn(arguments("first", {"--shard", "1/2"})).code, 0);
  const Ran ran = run_limn(arguments("second", {"--shard", "2/2", "--calibrate-on", path("first")}));
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("calibrated at"));
  const Json told = Json::parse(summary("second")),
             manifest = Json::parse(read_text(folder_ / "second/manifest.json"));
  EXPECT_EQ(manifest.at("calibration").at("images"), 32);
  for (const Json& method : told.at("methods")) {
    const Json& calibrated = method.at("calibrated");
    EXPECT_EQ(calibrated.at("threshold"), manifest.at("calibration").at("thresholds").at(method.at("name")));
    EXPECT_EQ(calibrated.at("chosen_on"), 32);
    EXPECT_EQ(calibrated.at("box_accuracy").at("of"), kImages - 32);  // all of the images, not every other one
  }
  EXPECT_EQ(method_of(told, "grad-cam").at("calibrated").at("box_accuracy").at("rate"), 1);
  const auto fails = [&](std::vector<std::string> all, const std::string& says) {
    const Ran bad = run_limn(all);
    EXPECT_NE(bad.code, 0);
    EXPECT_THAT(bad.err, HasSubstr(says));
    EXPECT_FALSE(fs::exists(folder_ / "bad"));
  };
  const auto on = [&](const std::string& run, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--calibrate-on", path(run)});
    return arguments("bad", more);
  };
  fails(on("first"), "32 images are in both runs, such as " + name_of(0));
  fails(on("first", {"--shard", "2/2", "--upsample", "nearest"}), "differs in 'upsampling'");
  auto methods = on("first", {"--shard", "2/2"});
  *std::ranges::find(methods, "grad-cam") = "grad-cam,layer-cam";
  fails(methods, "has no layer-cam");
  fails(on("first", {"--shard", "2/2", "--range", "255"}), "differs in 'preprocessing'");
  fails(on("nowhere"), "the folder holds no run");
  fs::remove(folder_ / "first/summary.json");
  fails(on("first", {"--shard", "2/2"}), "not finished");
  auto points = on("second", {"--shard", "1/2"});
  points[1] = "pointing-game";
  fails(points, "it is for localization");
}

TEST_F(Evaluate, TheHeadlinesBoxIsAskedFor) {
  for (const char* box : {"region", "rectangle", "contour"}) {
    ASSERT_EQ(run_limn(arguments(box, {"--box", box})).code, 0);
    EXPECT_EQ(Json::parse(summary(box)).at("compared_by"), std::string("known_") + box + "_15");
  }
  const Json told = Json::parse(summary("contour"));
  EXPECT_EQ(method_of(told, "grad-cam").at("boxes").size(), 3U);
  EXPECT_EQ(method_of(told, "grad-cam").at("boxes").at(2).at("rule"), "contour");
  EXPECT_THAT(run_limn(arguments("bad", {"--box", "area"})).err, HasSubstr("region, rectangle or contour"));
}

TEST_F(Evaluate, ThePointingGameAndTheErrors) {
  auto all = arguments("points");
  all[1] = "pointing-game";
  const Ran ran = run_limn(all);
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("grad-cam"), HasSubstr("centre-point"), HasSubstr("top-1 error 0.0")));
  const Json told = Json::parse(summary("points"));
  EXPECT_EQ(method_of(told, "grad-cam").at("accuracy").at("rate"), 1);
  EXPECT_NEAR(method_of(told, "grad-cam").at("energy_inside").at("mean").get<double>(), 1, 1e-6);
  all = arguments("errors");
  all[1] = "classification";
  EXPECT_EQ(run_limn(all).code, 0);
  EXPECT_FALSE(Json::parse(summary("errors")).contains("methods"));
}

/// Pictures of 12 x 12 pixels, resized from 1024 x 1024 as they are mostly passed on.
TEST_F(Evaluate, ChestXraysByFinding) {
  const fs::path chest = folder_ / "chest", network = folder_ / "chest.onnx";
  fs::create_directories(chest / "images");
  const auto boxed = [](const char* finding, std::array<int, 4> box) {  // x, y, width, height
    std::string row = finding;
    for (const int v : box) row += "," + std::to_string(1024 * v / 12);
    return row + ",,,\n";
  };
  std::string table = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n";
  for (const std::string name : {"a.png", "b.png"}) {
    write_png(chest / "images" / name, white_rectangle(12, 12, {3, 3, 9, 6}));
    table += name + "," + boxed("Atelectasis", {3, 3, 6, 3});
  }
  table += "b.png," + boxed("Effusion", {3, 3, 3, 3}) + "b.png," + boxed("Cardiomegaly", {0, 0, 3, 3});
  write_text(chest / "BBox_List_2017.csv", table);
  brightness_network(12, 12, 14).save(network);
  const auto evaluate = [&](const std::string& protocol, const std::string& labels) {
    const Ran ran = run_limn({"evaluate", "xray", "--model", network.string(), "--labels", labels, "--dataset",
                              "chest-xray14", "--root", chest.string(), "--resize", "12x12", "--range", "1",
                              "--protocol", protocol, "--out", path(protocol + labels)});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("pixels in the box"));
    return Json::parse(summary(protocol + labels));
  };
  const Json correct = evaluate("correct", "chexnet");
  EXPECT_THAT(correct.at("classification").dump(), HasSubstr("top1"));
  const Json& map = method_of(correct, "grad-cam");
  // Atelectasis twice, all of whose heat lies in its boxes; Effusion, half of it; Cardiomegaly, whose map is empty.
  EXPECT_EQ(map.at("boxes"), 4);
  EXPECT_EQ(map.at("degenerate"), 1);
  EXPECT_EQ(map.at("shares").size(), 3U);
  EXPECT_EQ(map.at("shares").at(0).at("threshold"), 0.85);
  EXPECT_NEAR(map.at("shares").at(0).at("share").at("mean").get<double>(), 2.5 / 4, 1e-12);
  EXPECT_EQ(map.at("shares").at(0).at("all_inside"), 2);
  EXPECT_EQ(map.at("localized").at("successes"), 3);
  const Json& findings = map.at("findings");
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings.at(0).at("finding"), "Atelectasis");
  EXPECT_EQ(findings.at(0).at("shares").at(0).at("share").at("mean"), 1);
  EXPECT_NEAR(findings.at(0).at("chance").at("mean").get<double>(), 18.0 / 144, 1e-12);
  EXPECT_EQ(findings.at(1).at("finding"), "Cardiomegaly");
  EXPECT_EQ(findings.at(1).at("shares").at(0).at("share").at("mean"), 0);
  EXPECT_EQ(correct.at("comparisons").at(0).at("difference").at("n"), 2);
  // As published, an empty map scores the area of the box.
  const Json published = evaluate("as-published", "chexnet");
  EXPECT_NEAR(method_of(published, "grad-cam").at("findings").at(1).at("shares").at(0).at("share").at("mean"),
              9.0 / 144, 1e-12);
  // In the other order Atelectasis is a dark class.
  const Json mixed = evaluate("correct", "chest-study");
  EXPECT_EQ(method_of(mixed, "grad-cam").at("findings").at(0).at("shares").at(0).at("share").at("mean"), 0);
}

/// The arguments for occlusion pixel by pixel, whose map is the brightness of each.
std::vector<std::string> with_occlusion(std::vector<std::string> all, const std::vector<std::string>& more = {}) {
  all[1] = "occlusion";
  all.insert(all.end(), {"--patch", "1", "--stride", "1", "--fill", "zero", "--score", "logit"});
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST_F(Evaluate, HidingPixelsRanksThemByBrightness) {
  auto all = with_occlusion(arguments("run"));
  *std::ranges::find(all, "grad-cam") = "grad-cam,gradient";
  const Ran ran = run_limn(all);
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("rank correlation"), HasSubstr("grad-cam against")));
  const Json told = Json::parse(summary("run"));
  const Json &cam = method_of(told, "grad-cam"), &gradient = method_of(told, "gradient");
  EXPECT_EQ(cam.at("images"), kImages);
  EXPECT_GT(cam.at("spearman").at("mean").get<double>(), 0.999);
  EXPECT_GT(cam.at("argsort").at("mean").get<double>(), 0.999);
  EXPECT_GT(gradient.at("spearman").at("mean").get<double>(), 0.999);
  EXPECT_LT(method_of(told, "random-map").at("spearman").at("mean").get<double>(), 0.3);
  const Json& comparison = told.at("comparisons").at(0);
  EXPECT_EQ(told.at("compared_by"), "spearman");
  EXPECT_GT(comparison.at("difference").at("mean").get<double>(), 0.2);
  EXPECT_LT(comparison.at("p_holm").get<double>(), 1e-6);
  EXPECT_GT(comparison.at("paired_t").at("t").get<double>(), 5);
}

TEST_F(Evaluate, OcclusionDependsOnNeitherThreadsNorShards) {
  ASSERT_EQ(run_limn(with_occlusion(arguments("one"), {"--threads", "1"})).code, 0);
  ASSERT_EQ(run_limn(with_occlusion(arguments("three"), {"--threads", "3"})).code, 0);
  EXPECT_EQ(summary("one"), summary("three"));
  for (const char* shard : {"1", "2"})
    ASSERT_EQ(
        run_limn(with_occlusion(arguments(std::string("part") + shard), {"--shard", shard + std::string("/2")}))
            .code,
        0);
  ASSERT_EQ(run_limn({"merge", path("part2"), path("part1"), "--out", path("whole")}).code, 0);
  EXPECT_EQ(summary("one"), summary("whole"));
}

TEST_F(Evaluate, OcclusionByItsOwnRules) {
  ASSERT_EQ(run_limn(with_occlusion(arguments("argsort"), {"--rank", "argsort"})).code, 0);
  EXPECT_EQ(Json::parse(summary("argsort")).at("compared_by"), "argsort");
  const auto fails = [&](const std::vector<std::string>& more, const std::string& says) {
    auto all = arguments("bad", more);
    all[1] = "occlusion";
    const Ran ran = run_limn(all);
    EXPECT_NE(ran.code, 0);
    EXPECT_THAT(ran.err, HasSubstr(says));
  };
  fails({"--patch", "9"}, "does not fit");  // the images are 12 x 8
  fails({"--patch", "0"}, "--patch");
  fails({"--rank", "best"}, "correct or argsort");
  fails({"--fill", "pink"}, "mean, zero or grey");
  // A network that pools what is left sees the image in a frame, whatever size its file declares.
  ASSERT_EQ(run_limn(with_occlusion(arguments("frame"), {"--pad", "frame"})).code, 0);
  EXPECT_EQ(Json::parse(read_text(folder_ / "frame/manifest.json")).at("occlusion").at("padded"), true);
}

TEST_F(Evaluate, NumbersDoNotDependOnThreadsOrShards) {
  ASSERT_EQ(run_limn(arguments("one", {"--threads", "1"})).code, 0);
  ASSERT_EQ(run_limn(arguments("three", {"--threads", "3"})).code, 0);
  EXPECT_EQ(summary("one"), summary("three"));
  for (const char* shard : {"1", "2", "3"})
    ASSERT_EQ(run_limn(arguments(std::string("part") + shard, {"--shard", std::string(shard) + "/3"})).code, 0);
  const Ran merged = run_limn({"merge", path("part2"), path("part1"), path("part3"), "--out", path("whole")});
  ASSERT_EQ(merged.code, 0) << merged.err;
  EXPECT_EQ(summary("one"), summary("whole"));
  const Ran missing = run_limn({"merge", path("part2"), path("part1"), "--out", path("less")});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.err, HasSubstr("2 of 3 shards"));
}

TEST_F(Evaluate, FourProcessesOfMpirunMakeTheSameRun) {
  RunOptions four;
  four.processes = 4;
  const Ran ran = run_limn(arguments("four", {"--threads", "2"}), four);
  if (ran.code == 127 || !std::filesystem::exists(std::filesystem::path(LIMN_CLI).parent_path() / "limn_mpi.so"))
    GTEST_SKIP() << "there is no mpirun, or limn was built without MPI";
  ASSERT_EQ(ran.code, 0) << ran.err;
  ASSERT_EQ(run_limn(arguments("one")).code, 0);
  EXPECT_EQ(summary("four"), summary("one"));
  const auto rows_of = [&](const std::string& run) {
    RowStore rows(folder_ / run / "rows.sqlite", {});
    std::vector<std::string> ids;
    rows.for_each_image([&](const ImageRow& row) { ids.push_back(row.id); });
    return ids;
  };
  EXPECT_EQ(rows_of("four"), rows_of("one"));
  // What goes wrong is said once, and nobody is left waiting.
  const Ran again = run_limn(arguments("four"), four);
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("the folder holds a run already"));
  EXPECT_EQ(again.err.find("the folder holds"), again.err.rfind("the folder holds"));
  write_text(picture(7), "no picture");
  EXPECT_EQ(run_limn(arguments("broken"), four).code, 4);
  ASSERT_EQ(run_limn(arguments("broken-alone")).code, 4);
  EXPECT_EQ(summary("broken"), summary("broken-alone"));
}

TEST_F(Evaluate, WhatGoesWrongInAnotherProcessIsSaidByTheFirst) {
  const auto fails = [&](const std::vector<std::string>& first, const std::vector<std::string>& other,
                         const std::string& says) {
    RunOptions two;
    two.processes = 1;
    two.other = other;
    const Ran ran = run_limn(first, two);
    if (ran.code == 127 || ran.err.find("without MPI") != std::string::npos) return false;
    EXPECT_EQ(ran.code, 1) << ran.err;
    EXPECT_NE(ran.err.find(says), std::string::npos) << says << "\n" << ran.err;
    EXPECT_EQ(ran.err.find(says), ran.err.rfind(says)) << ran.err;
    return true;
  };
  // In the middle of a block: its maps have nowhere to go.
  const std::vector<std::string> saved{"--save-maps", "--threads", "1", "--batch", "1"};
  if (!fails(arguments("blocks", saved), arguments("nowhere", saved), path("nowhere/maps")))
    GTEST_SKIP() << "there is no mpirun, or limn was built without MPI";
  // Before the first block.
  auto other = arguments("model");
  *std::ranges::find(other, studio_.model) = path("none.onnx");
  fails(arguments("model"), other, "the file cannot be opened");
  fails(arguments("list"), arguments("list", {"--limit", "9"}),
        "process 1 of mpirun sees another model or dataset");
  // What was finished before is there, and goes on.
  const Ran ran = run_limn(arguments("blocks", {"--save-maps", "--batch", "1", "--resume"}));
  EXPECT_EQ(ran.code, 0) << ran.err;
}

TEST_F(Evaluate, KilledAgainAndAgainItEndsTheSame) {
  ASSERT_EQ(run_limn(arguments("undisturbed")).code, 0);
  for (std::uint64_t kill = 0; kill < 20; ++kill) {
    Process process(arguments("killed", {"--resume", "--threads", "2"}));
    ::usleep(static_cast<useconds_t>(random_unit(17, kill) * 60'000));
    process.signal(SIGKILL);
    process.finish();
  }
  const Ran ran = run_limn(arguments("killed", {"--resume"}));
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(summary("killed"), summary("undisturbed"));
}

TEST_F(Evaluate, ABrokenImageIsARowOfItsOwn) {
  write_text(picture(7), "no picture");
  fs::remove(root_ / "ILSVRC/Annotations/CLS-LOC/val" / (name_of(9) + ".xml"));
  const Ran ran = run_limn(arguments("run"));
  EXPECT_EQ(ran.code, 4) << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr(name_of(7)), HasSubstr(name_of(9) + ".xml")));
  const Json told = Json::parse(summary("run"));
  EXPECT_EQ(told.at("images").at("failed"), 2);
  EXPECT_EQ(told.at("images").at("used"), kImages - 2);
  EXPECT_EQ(run_limn(arguments("run", {"--resume"})).code, 4);  // nothing left to do; the rows still say so
}

TEST_F(Evaluate, AFullDiskStopsItAndItGoesOn) {
  ASSERT_EQ(run_limn(arguments("undisturbed")).code, 0);
  RunOptions small;
  small.file_size_limit = 60'000;
  const Ran full = run_limn(arguments("run"), small);
  EXPECT_EQ(full.code, 1);
  EXPECT_THAT(full.err, HasSubstr("rows.sqlite"));
  const Ran ran = run_limn(arguments("run", {"--resume"}));
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(summary("run"), summary("undisturbed"));
}

TEST_F(Evaluate, AFolderHoldsOneRun) {
  ASSERT_EQ(run_limn(arguments("run")).code, 0);
  const Ran again = run_limn(arguments("run"));
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("--resume"));
  const Ran other = run_limn(arguments("run", {"--resume", "--seed", "3"}));
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, HasSubstr("'seed'"));
}

TEST_F(Evaluate, WhatCannotBeRightIsSaid) {
  const auto fails = [&](int code, const std::vector<std::string>& more, const std::string& says) {
    const Ran ran = run_limn(arguments("bad", more));
    EXPECT_EQ(ran.code, code) << says << "\n" << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(says));
  };
  fails(2, {"--protocol", "wrong"}, "as-published");
  fails(2, {"--threshold", "15"}, "fractions");
  fails(2, {"--shard", "3/2"}, "I/N");
  fails(2, {"--shard", "1"}, "I/N");
  fails(1, {"--protocol", "as-published"}, "--crop N");
  fails(1, {"--split", "test"}, "val, train");
  auto all = arguments("bad");
  all[1] = "localisation";
  EXPECT_THAT(run_limn(all).err, HasSubstr("did you mean localization"));
  all = arguments("bad");
  all[5] = "mnist";
  EXPECT_THAT(run_limn(all).err, HasSubstr("needs boxes"));
  all = arguments("bad", {"--threshold", "0.5"});
  all[1] = "pointing-game";
  EXPECT_THAT(run_limn(all).err, HasSubstr("no thresholds"));
  fails(2, {"--patch", "9"}, "it is for occlusion");
  fails(2, {"--tolerance", "9"}, "it is for the pointing game");
  write_text(root_ / "LOC_synset_mapping.txt", "bright a\nblue b\n");
  fails(1, {}, "blue");
}

}  // namespace
}  // namespace limn::test
