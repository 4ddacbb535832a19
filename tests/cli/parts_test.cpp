// The parts of the command line that can be tested without running it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "class_names.h"
#include "demo/scenes.h"
#include "demo/score.h"
#include "demo/xml.h"
#include "explain_plan.h"
#include "failure.h"
#include "file_names.h"
#include "harness.h"
#include "input_reader.h"
#include "inputs.h"
#include "limn/study/map_at_input.h"
#include "preprocess_choice.h"
#include "rendering.h"
#include "support/expect_error.h"

namespace limn::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> stems(std::vector<std::filesystem::path> paths) { return unique_stems(paths); }

TEST(Inputs, StemsAreUnique) {
  EXPECT_THAT(stems({"a/1.jpg", "b/2.png"}), ElementsAre("1", "2"));
  EXPECT_THAT(stems({"a/1.jpg", "b/1.jpg", "c/2.jpg"}), ElementsAre("a_1", "b_1", "2"));
  EXPECT_THAT(stems({"/x/a/1.jpg", "/x/a/1.png"}), ElementsAre("a_1.jpg", "a_1.png"));
  EXPECT_THAT(stems({"/x/a/1.jpg", "/y/a/1.jpg"}), ElementsAre("a_1.jpg", "a_1.jpg-2"));
  EXPECT_THAT(stems({"/x/a/1.jpg", "/x/a/1.jpg"}), ElementsAre("a_1.jpg", "a_1.jpg-2"));
}

TEST(Inputs, AFolderIsItsImagesInOrder) {
  const ScratchFolder folder;
  for (const auto* name : {"b.JPG", "a.png", "notes.txt", "c.tiff"}) test::write_text(folder / name, "x");
  std::filesystem::create_directory(folder / "d.png");
  const std::vector<std::string> inputs{folder.path().string(), "tensor.npy"};
  std::vector<std::string> found;
  for (const auto& source : expand_inputs(inputs))
    found.push_back(source.stem + (source.tensor ? " (tensor)" : ""));
  EXPECT_THAT(found, ElementsAre("a", "b", "c", "tensor (tensor)"));
}

TEST(FileNames, FollowTheirPattern) {
  const Target seven{Target::Kind::logit, 7, 0};
  EXPECT_EQ(file_name("p", {"grad-cam", false, seven, "auto"}, ".png"), "p.grad-cam.7.png");
  EXPECT_EQ(file_name("p", {"grad-cam", true, seven, "fire9/concat"}, ".raw.npy"),
            "p.grad-cam.counterfactual.7.fire9_concat.raw.npy");
  EXPECT_EQ(file_name("p", {"gradient", false, {Target::Kind::difference, 7, 3}}, ".npy"),
            "p.gradient.diff-7-3.npy");
}

TEST(ExplainPlan, ListsAreSplitAndCleaned) {
  EXPECT_THAT(split_list("a,b,,a,c,"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_list(""), IsEmpty());
}

TEST(ExplainPlan, LayersGoToTheMethodsThatUseOne) {
  ExplainFlags flags;
  flags.methods = "saliency,grad-cam";
  flags.layers = {"x", "y", "x"};
  const auto plan = read_plan(flags);
  ASSERT_EQ(plan.requests.size(), 3U);
  EXPECT_EQ(plan.requests[0].layer, "auto");
  EXPECT_EQ(plan.requests[1].layer, "x");
  EXPECT_EQ(plan.requests[2].layer, "y");
  EXPECT_EQ(requests_for(plan, "card")[1].layer, "x");
  flags.layers.clear();
  EXPECT_EQ(requests_for(read_plan(flags), "card")[1].layer, "card");
}

TEST(ExplainPlan, VariantsGoToTheMethodsThatHaveThem) {
  ExplainFlags flags;
  flags.methods = "hires-cam,grad-cam++";
  flags.variant = "study";
  const auto plan = read_plan(flags);
  EXPECT_EQ(plan.requests[0].variant, "");
  EXPECT_EQ(plan.requests[1].variant, "study");
  flags.methods = "hires-cam";
  EXPECT_THROW(read_plan(flags), UsageError);
}

// ---- preprocessing

TEST(PreprocessChoice, WithoutAWordTheDefaultPresetIsAssumedAndTold) {
  const auto colour = choose_preprocess({}, {}, {3, 224, 224});
  EXPECT_EQ(colour.preprocess, preset("imagenet", {3, 224, 224}));
  EXPECT_THAT(colour.note, HasSubstr("imagenet"));
  const auto grey = choose_preprocess({}, {}, {1, 28, 28});
  EXPECT_EQ(grey.preprocess, preset("mnist", {1, 28, 28}));
  EXPECT_THAT(grey.note, HasSubstr("mnist"));
}

TEST(PreprocessChoice, FlagsAloneStartFromNothing) {
  PreprocessFlags flags;
  flags.resize = "256";
  flags.crop = "227";
  flags.range = "255";
  flags.mean = "123,117,104";
  const auto choice = choose_preprocess(read_flags(flags), {}, {3, 227, 227});
  EXPECT_EQ(choice.preprocess.resize, SizeRule::side(256));
  EXPECT_EQ(choice.preprocess.crop, SizeRule::side(227));
  EXPECT_THAT(choice.preprocess.mean, ElementsAre(123, 117, 104));
  EXPECT_THAT(choice.preprocess.std, IsEmpty());
  EXPECT_THAT(choice.note, IsEmpty());
}

TEST(PreprocessChoice, AFlagChangesOneStepOfAPresetOrACard) {
  PreprocessFlags flags;
  flags.preset = "caffe";
  flags.order = "rgb";
  Preprocess expected = preset("caffe", {3, 224, 224});
  expected.order = ChannelOrder::rgb;
  EXPECT_EQ(choose_preprocess(read_flags(flags), {}, {3, 224, 224}).preprocess, expected);

  const ModelCard card = card_of(preset("tf", {3, 224, 224}), {3, 224, 224});
  flags.preset.reset();
  expected = preset("tf", {3, 224, 224});
  EXPECT_EQ(choose_preprocess({}, card, {3, 224, 224}).preprocess, expected);
  EXPECT_EQ(choose_preprocess(read_flags(flags), card, {3, 224, 224}).preprocess, expected);
  flags.crop = "200";
  expected.crop = SizeRule::side(200);
  EXPECT_EQ(choose_preprocess(read_flags(flags), card, {3, 224, 224}).preprocess, expected);
  flags.preset = "imagenet";
  expected = preset("imagenet", {3, 224, 224});
  expected.crop = SizeRule::side(200);
  EXPECT_EQ(choose_preprocess(read_flags(flags), card, {3, 224, 224}).preprocess, expected);
}

TEST(PreprocessChoice, AMeanOf123WithPixelsUpTo1IsSuspicious) {
  PreprocessFlags flags;
  flags.resize = "227x227";
  flags.mean = "123,117,104";
  EXPECT_THAT(choose_preprocess(read_flags(flags), {}, {3, 227, 227}).note, HasSubstr("--range 255"));
}

TEST(PreprocessChoice, UndoingItGivesThePictureBack) {
  Image picture(2, 1);
  picture.pixels = {10, 20, 30, 200, 210, 220};
  for (const auto* name : {"imagenet", "caffe", "tf", "none"}) {
    Preprocess p = preset(name, {3, 1, 2});
    p.resize = p.crop = {};
    std::vector<float> values(6);
    preprocess(picture, p, values);
    EXPECT_EQ(undo_preprocess(values, {3, 1, 2}, p), picture) << name;
  }
}

// ---- names

TEST(ClassNames, WordNetIdsAreKnownButNotShown) {
  const ClassNames names = imagenet_names();
  ASSERT_EQ(names.size(), 1000U);
  EXPECT_EQ(names[0], "tench, Tinca tinca");
  EXPECT_EQ(names.full()[0], "n01440764 tench, Tinca tinca");
  EXPECT_EQ(names.short_name(999), "toilet tissue");
  EXPECT_EQ(ClassNames().short_name(3), "class 3");
}

TEST(ClassNames, AFileMayHoldWordNetIds) {
  const ScratchFolder folder;
  test::write_text(folder / "names.txt", "n01440764 tench, Tinca tinca\r\nn01443537 goldfish\n");
  const auto names = find_class_names((folder / "names.txt").string(), {}, {}, 2);
  EXPECT_EQ(names[0], "tench, Tinca tinca");
  EXPECT_EQ(names.full()[1], "n01443537 goldfish");
  EXPECT_ERROR(find_class_names((folder / "names.txt").string(), {}, {}, 3), ErrorCode::bad_input,
               HasSubstr("2 labels"));
}

// ---- heatmaps and boxes

TEST(Rendering, BoxesLieOnWholePixelsInsideTheImage) {
  const Geometry g = identity_geometry(10, 8);
  EXPECT_EQ(on_whole_pixels({1.4, 2.6, 3.5, 7.9}, g), (Box{1, 3, 4, 8}));
  EXPECT_EQ(on_whole_pixels({9.8, 7.7, 9.9, 7.8}, g), (Box{9, 7, 10, 8}));
  EXPECT_EQ(on_whole_pixels({0.1, 0.1, 0.2, 0.2}, g), (Box{0, 0, 1, 1}));
}

TEST(Rendering, AnAttributionIsItsLargestMagnitudeOverChannels) {
  const std::vector<float> gradient{0, -4, 1, 0, 0, 2, -1, 0};
  const auto map =
      render({MapKind::attribution, {2, 2, 2}, gradient}, identity_geometry(2, 2), Upsampling::bilinear);
  EXPECT_THAT(map.heatmap.values, ElementsAre(0, 1, 0.25F, 0));
  EXPECT_EQ(map.raw_min, -4);
  EXPECT_EQ(map.raw_max, 2);
  EXPECT_EQ(map.box, (Box{0, 0, 2, 2}));  // its two pixels touch at a corner
}

TEST(Rendering, OverlaysShowTheBrightestHalfPercentOfAnAttributionAtFullHeat) {
  Heatmap heatmap(20, 20);
  std::ranges::fill(heatmap.values, 0.1F);
  heatmap.values[5] = 1;
  EXPECT_EQ(for_display(heatmap, MapKind::cam), heatmap);
  const Heatmap shown = for_display(heatmap, MapKind::attribution);
  EXPECT_THAT(shown.values, testing::Each(1));
}

// ---- the demo

TEST(DemoScore, PeaksAndBoxesAreCountedByTheGarmentTheyMeet) {
  EXPECT_DOUBLE_EQ(iou({0, 0, 2, 2}, {1, 0, 3, 2}), 1.0 / 3);
  EXPECT_DOUBLE_EQ(iou({0, 0, 2, 2}, {2, 0, 3, 2}), 0);
  const Box asked{0, 0, 10, 10}, other{20, 0, 30, 10};
  Tally tally;
  tally.add({Point{5, 5}, Box{0, 0, 10, 5}}, asked, other);
  tally.add({Point{20, 0}, Box{20, 0, 30, 4}}, asked, other);
  tally.add({Point{10, 5}, std::nullopt}, asked, other);
  tally.add({}, asked, other);
  EXPECT_EQ(tally.count, 4U);
  EXPECT_EQ(tally.peak_asked, 1U);
  EXPECT_EQ(tally.peak_other, 1U);
  EXPECT_EQ(tally.box_asked, 1U);
  EXPECT_EQ(tally.box_other, 0U);
}

TEST(DemoScenes, AnAnnotationIsRead) {
  const Scene scene = parse_scene(
      "<?xml version=\"1.0\"?>\n<annotation><filename>a.png</filename><!-- one --><object><name>T-shirt &amp; "
      "co</name>"
      "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>\n",
      "scenes/a.xml");
  EXPECT_EQ(scene.picture, "scenes/a.png");
  ASSERT_EQ(scene.garments.size(), 1U);
  EXPECT_EQ(scene.garments[0].name, "T-shirt & co");
  EXPECT_EQ(scene.garments[0].box, (Box{1, 2, 3, 4}));
}

TEST(DemoScenes, BrokenAnnotationsAreRefused) {
  for (const auto* xml :
       {"", "text", "<a>", "<a></b>", "<a/>", "<a x=\"1\"></a>", "<a></a><b></b>", "<a>&x;</a>", "<a><b></a></b>"})
    EXPECT_ERROR(parse_xml(xml), ErrorCode::bad_input, HasSubstr("line 1"));
  EXPECT_ERROR(parse_scene("<annotation></annotation>", "x.xml"), ErrorCode::bad_input, HasSubstr("x.xml"));
}

}  // namespace
}  // namespace limn::cli
