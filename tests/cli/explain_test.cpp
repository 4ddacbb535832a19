// `limn explain` through the program: where boxes lie, what files are called and hold, what the JSON says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "harness.h"
#include "limn/base/npy.h"
#include "limn/runtime.h"
#include "samples.h"

namespace limn::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using Json = nlohmann::json;

class ExplainCommand : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// Runs `limn explain` with --json and answers its lines.
  std::vector<Json> explain(const std::string& model, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{"explain", model, "--out", path("maps"), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = run_limn(arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return ran.lines();
  }
  std::vector<std::string> files() const { return names_in(path("maps")); }

  ScratchFolder folder_;
  Studio studio_{folder_.path()};
};

// ---- geometry

TEST_F(ExplainCommand, ARectangleOfATurnedPictureComesBackAsItsBox) {
  const Box rectangle{20, 10, 45, 30};
  brightness_network(90, 60).save(path("wide.onnx"));
  write_turned_png(path("turned.png"), white_rectangle(90, 60, rectangle));
  const auto lines = explain(path("wide.onnx"), {path("turned.png"), "--preset", "none"});
  EXPECT_EQ(lines.at(0).at("explanations").at(0).at("box"), Json({20, 10, 45, 30}));
  const Image overlay = read_image(path("maps/turned.grad-cam.0.png"));
  EXPECT_EQ(overlay.height, 60);
  EXPECT_GE(overlay.width, 90);  // the colour bar stands to the right
}

TEST_F(ExplainCommand, ABoxIsMappedBackThroughResizeAndCrop) {
  const Box rectangle{60, 30, 110, 90};
  brightness_network(60, 60).save(path("square.onnx"));
  write_turned_png(path("turned.png"), white_rectangle(180, 120, rectangle));
  const auto lines =
      explain(path("square.onnx"), {path("turned.png"), "--resize", "60", "--crop", "60", "--range", "1"});
  const Json box = lines.at(0).at("explanations").at(0).at("box");
  const double pixel = 2;  // one pixel of the network is two of the picture
  EXPECT_NEAR(box.at(0).get<double>(), rectangle.x0, pixel);
  EXPECT_NEAR(box.at(1).get<double>(), rectangle.y0, pixel);
  EXPECT_NEAR(box.at(2).get<double>(), rectangle.x1, pixel);
  EXPECT_NEAR(box.at(3).get<double>(), rectangle.y1, pixel);
}

TEST_F(ExplainCommand, ABoxThatTheCropCutsEndsAtTheCrop) {
  brightness_network(60, 60).save(path("square.onnx"));
  write_png(path("wide.png"), white_rectangle(120, 60, {0, 0, 60, 60}));
  const auto lines = explain(path("square.onnx"), {path("wide.png"), "--crop", "60", "--range", "1"});
  EXPECT_EQ(lines.at(0).at("explanations").at(0).at("box"), Json({30, 0, 60, 60}));
}

TEST_F(ExplainCommand, HidingThePixelsOfARectangleFindsItsBox) {
  const auto lines =
      explain(studio_.model, {studio_.picture("p.png", {2, 1, 7, 5}), "--method", "occlusion", "--patch", "1",
                              "--stride", "1", "--fill", "zero", "--raw", "--target", "bright"});
  const Json& told = lines.at(0).at("explanations").at(0);
  EXPECT_EQ(told.at("box"), Json({2, 1, 7, 5}));
  const Tensor raw = read_npy(path("maps/p.occlusion.0.raw.npy"));
  EXPECT_EQ(raw.dims(), (Dims{Studio::kHeight, Studio::kWidth}));
  EXPECT_NEAR(raw.as<float>()[Studio::kWidth + 2], 3.0 / (Studio::kHeight * Studio::kWidth),
              1e-6);  // three channels
  EXPECT_EQ(raw.as<float>()[0], 0);
  for (const auto& [flag, value] :
       {std::pair("--patch", "9"), std::pair("--stride", "0"), std::pair("--fill", "pink")})
    EXPECT_NE(run_limn({"explain", studio_.model, path("p.png"), "--out", path("bad"), "--method", "occlusion",
                        flag, value})
                  .code,
              0)
        << flag;
  const Ran unheeded = run_limn({"explain", studio_.model, path("p.png"), "--out", path("bad"), "--patch", "3"});
  EXPECT_EQ(unheeded.code, 2);
  EXPECT_THAT(unheeded.err, testing::HasSubstr("--patch would do nothing here"));
}

TEST_F(ExplainCommand, AveragedGradientsOfBrightnessFindTheRectangleAndTellTheirParameters) {
  const auto lines = explain(
      studio_.model, {studio_.picture("p.png", {2, 1, 7, 5}), "--method", "integrated-gradients,smooth-grad",
                      "--target", "bright", "--steps", "3", "--quadrature", "right", "--baseline", "black",
                      "--samples", "4", "--sigma", "0.5", "--seed", "7", "--raw"});
  const Json &steps = lines.at(0).at("explanations").at(0), &noise = lines.at(0).at("explanations").at(1);
  EXPECT_EQ(steps.at("box"), Json({2, 1, 7, 5}));
  EXPECT_EQ(steps.at("parameters"), Json({{"steps", 3}, {"quadrature", "right"}, {"baseline", {0.0, 0.0, 0.0}}}));
  EXPECT_NEAR(steps.at("delta").get<double>(), 0, 1e-6);
  EXPECT_EQ(noise.at("parameters"), Json({{"samples", 4}, {"sigma", 0.5}, {"seed", 7}}));
  EXPECT_FALSE(noise.contains("delta"));
  EXPECT_EQ(read_npy(path("maps/p.smooth-grad.0.raw.npy")).dims(), (Dims{3, Studio::kHeight, Studio::kWidth}));
}

TEST_F(ExplainCommand, ABlackBaselineIsBlackBehindThePreprocessing) {
  const auto baseline = [&](const char* name) {
    const auto lines =
        explain(studio_.model, {studio_.picture("p.png"), "--method", "integrated-gradients", "--steps", "1",
                                "--baseline", name, "--range", "255", "--mean", "100,50,0", "--std", "2"});
    return lines.at(0).at("explanations").at(0).at("parameters").at("baseline");
  };
  EXPECT_EQ(baseline("black"), Json({-50.0, -25.0, 0.0}));
  EXPECT_EQ(baseline("white"), Json({77.5, 102.5, 127.5}));
  EXPECT_EQ(baseline("mean"), "mean");
  EXPECT_EQ(baseline("zero"), "zero");
}

TEST_F(ExplainCommand, OptionsOfAveragedGradientsThatCannotBeAreRefused) {
  const auto code = [&](const char* method, const char* flag, const char* value) {
    return run_limn({"explain", studio_.model, studio_.picture("p.png"), "--out", path("bad"), "--method", method,
                     flag, value})
        .code;
  };
  EXPECT_EQ(code("integrated-gradients", "--steps", "0"), 2);
  EXPECT_EQ(code("integrated-gradients", "--quadrature", "simpson"), 2);
  EXPECT_EQ(code("integrated-gradients", "--baseline", "pink"), 2);
  EXPECT_EQ(code("integrated-gradients", "--samples", "3"), 2);
  EXPECT_EQ(code("smooth-grad", "--samples", "0"), 2);
  EXPECT_EQ(code("smooth-grad", "--sigma", "-1"), 1);
  EXPECT_EQ(code("smooth-grad", "--steps", "3"), 2);
  EXPECT_EQ(code("grad-cam", "--seed", "3"), 2);
}

// ---- files

TEST_F(ExplainCommand, FilesAreNamedByImageMethodClassAndLayer) {
  explain(studio_.model, {studio_.picture("p.png"), "--method", "grad-cam,saliency", "--target", "0", "--target",
                          "dark", "--layer", "auto", "--layer", "mixed", "--format", "npy"});
  EXPECT_THAT(files(), ElementsAre("p.grad-cam.0.mixed.npy", "p.grad-cam.0.npy", "p.grad-cam.1.mixed.npy",
                                   "p.grad-cam.1.npy", "p.saliency.0.npy", "p.saliency.1.npy"));
}

TEST_F(ExplainCommand, CounterfactualsProbabilitiesAndDifferencesAreNamedToo) {
  explain(studio_.model, {studio_.picture("p.png"), "--counterfactual", "--target", "prob:dark", "--target",
                          "diff:1,0", "--format", "png", "--sheet"});
  EXPECT_THAT(files(), ElementsAre("p.grad-cam.counterfactual.diff-1-0.png", "p.grad-cam.counterfactual.prob-1.png",
                                   "p.sheet.png"));
}

TEST_F(ExplainCommand, StemsThatCollideArePrefixedByTheirFolder) {
  for (const auto* name : {"cats", "dogs"}) std::filesystem::create_directory(folder_ / name);
  explain(studio_.model, {studio_.picture("cats/01.png"), studio_.picture("dogs/01.png"), studio_.picture("02.png"),
                          "--format", "npy"});
  EXPECT_THAT(files(), ElementsAre("02.grad-cam.0.npy", "cats_01.grad-cam.0.npy", "dogs_01.grad-cam.0.npy"));
}

TEST_F(ExplainCommand, AHeatmapHasTheSizeOfTheInputAndValuesFromZeroToOne) {
  explain(studio_.model, {studio_.picture("p.png"), "--method", "grad-cam,gradient", "--format", "npy"});
  for (const auto* name : {"maps/p.grad-cam.0.npy", "maps/p.gradient.0.npy"}) {
    const Tensor heatmap = read_npy(path(name));
    EXPECT_EQ(heatmap.dims(), (Dims{8, 12})) << name;
    for (const float value : heatmap.as<float>()) EXPECT_TRUE(value >= 0 && value <= 1) << name;
  }
  const Tensor cam = read_npy(path("maps/p.grad-cam.0.npy"));
  EXPECT_EQ(cam.as<float>()[1 * 12 + 2], 1);  // in the rectangle
  EXPECT_EQ(cam.as<float>()[0], 0);
}

TEST_F(ExplainCommand, RawNumbersAreTheMethodsOwn) {
  const auto lines = explain(
      studio_.model, {studio_.picture("p.png"), "--method", "grad-cam,gradient", "--raw", "--format", "npy"});
  EXPECT_THAT(files(), ElementsAre("p.grad-cam.0.raw.npy", "p.gradient.0.raw.npy"));
  const Tensor cam = read_npy(path("maps/p.grad-cam.0.raw.npy"));
  EXPECT_EQ(cam.dims(), (Dims{8, 12}));
  EXPECT_NEAR(cam.as<float>()[1 * 12 + 2], 3.0 / (8 * 12), 1e-7);  // brightness 3 times the weight 1 / (h w)
  const Tensor gradient = read_npy(path("maps/p.gradient.0.raw.npy"));
  EXPECT_EQ(gradient.dims(), (Dims{3, 8, 12}));
  EXPECT_NEAR(gradient.as<float>()[1 * 12 + 2], 1.0 / (8 * 12), 1e-7);
  EXPECT_EQ(lines.at(0).at("explanations").at(0).at("heatmap"), path("maps/p.grad-cam.0.raw.npy"));
  EXPECT_NEAR(lines.at(0).at("explanations").at(0).at("raw_max").get<double>(), 3.0 / (8 * 12), 1e-7);
}

// ---- JSON

TEST_F(ExplainCommand, JsonTellsEverything) {
  const auto lines = explain(studio_.model, {studio_.picture("p.png")});
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].at("input"), path("p.png"));
  const Json& prediction = lines[0].at("predictions").at(0);
  EXPECT_EQ(prediction.at("index"), 0);
  EXPECT_EQ(prediction.at("label"), "bright");
  const double brightness = 3.0 * 20 / 96;
  EXPECT_NEAR(prediction.at("logit").get<double>(), brightness, 1e-6);
  EXPECT_NEAR(prediction.at("probability").get<double>(), 1 / (1 + std::exp(-2 * brightness)), 1e-6);

  const Json& e = lines[0].at("explanations").at(0);
  EXPECT_EQ(e.at("method"), "grad-cam");
  EXPECT_EQ(e.at("variant"), "paper");
  EXPECT_EQ(e.at("target"), 0);
  EXPECT_EQ(e.at("target_kind"), "logit");
  EXPECT_EQ(e.at("label"), "bright");
  EXPECT_EQ(e.at("layer"), "features");
  EXPECT_EQ(e.at("heatmap"), path("maps/p.grad-cam.0.npy"));
  EXPECT_EQ(e.at("overlay"), path("maps/p.grad-cam.0.png"));
  EXPECT_EQ(e.at("box"), Json({2, 1, 7, 5}));
  EXPECT_NEAR(e.at("score").get<double>(), brightness, 1e-6);
  EXPECT_EQ(e.at("raw_min"), 0);
  EXPECT_EQ(e.at("degenerate"), false);
  EXPECT_EQ(e.at("precision"), "exact");
  EXPECT_EQ(e.at("preprocessing").at("range"), 1);
}

TEST_F(ExplainCommand, PrecisionIsAsAskedForOrAsTheMethodsNeed) {
  const std::string picture = studio_.picture("p.png");
  const auto told = [&](std::vector<std::string> more) {
    more.insert(more.begin(), picture);
    std::vector<std::string> all;
    const auto lines = explain(studio_.model, more);
    for (const Json& e : lines.at(0).at("explanations")) all.push_back(e.at("precision").get<std::string>());
    return all;
  };
  using testing::ElementsAre;
  EXPECT_THAT(told({"--method", "grad-cam,gradient"}), ElementsAre("exact", "exact"));
  EXPECT_THAT(told({}), ElementsAre("exact"));
  EXPECT_THAT(told({"--precision", "fast"}), ElementsAre("fast"));
  std::vector<std::string> many;  // 64 with the first
  for (int i = 1; i < 64; ++i) many.push_back(studio_.picture("p" + std::to_string(i) + ".png"));
  EXPECT_THAT(told(many), ElementsAre("fast"));
  many.pop_back();
  EXPECT_THAT(told(many), ElementsAre("exact"));
  EXPECT_THAT(told({"--method", "gradient,occlusion", "--precision", "fast"}), ElementsAre("fast", "exact"));
}

TEST_F(ExplainCommand, PrecisionBf16IsToldAndLeavesOcclusionExact) {
  if (!processor_has_bf16()) GTEST_SKIP() << "this processor does not multiply bfloat16 (AVX512_BF16)";
  const auto lines =
      explain(studio_.model, {studio_.picture("p.png"), "--method", "grad-cam,occlusion", "--precision", "bf16"});
  const Json& all = lines.at(0).at("explanations");
  EXPECT_EQ(all.at(0).at("precision"), "bf16");
  EXPECT_EQ(all.at(1).at("precision"), "exact");
  EXPECT_EQ(run_limn({"predict", studio_.model, studio_.picture("q.png"), "--precision", "bf16"}).code, 0);
}

/// oneDNN's limit makes any machine one without bfloat16.
TEST_F(ExplainCommand, PrecisionBf16IsRefusedWhereTheProcessorHasNone) {
  const std::string picture = studio_.picture("p.png");
  ASSERT_EQ(setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1), 0);
  const Ran predicted = run_limn({"predict", studio_.model, picture, "--precision", "bf16"});
  const Ran explained = run_limn({"explain", studio_.model, picture, "--out", path("maps"), "--precision", "bf16"});
  ASSERT_EQ(unsetenv("ONEDNN_MAX_CPU_ISA"), 0);
  for (const Ran& ran : {predicted, explained}) {
    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, AllOf(HasSubstr("does not multiply bfloat16"), HasSubstr("precision bf16"),
                               HasSubstr("use exact or fast")));
  }
}

TEST_F(ExplainCommand, AMapWithoutEvidenceIsDegenerateAndHasNoBox) {
  const auto lines = explain(studio_.model, {studio_.picture("p.png"), "--target", "dark"});
  const Json& e = lines.at(0).at("explanations").at(0);
  EXPECT_EQ(e.at("degenerate"), true);
  EXPECT_TRUE(e.at("box").is_null());
}

TEST_F(ExplainCommand, ACounterfactualShowsWhatSpeaksAgainstTheClass) {
  const auto lines = explain(studio_.model, {studio_.picture("p.png"), "--target", "dark", "--counterfactual"});
  const Json& e = lines.at(0).at("explanations").at(0);
  EXPECT_EQ(e.at("counterfactual"), true);
  EXPECT_EQ(e.at("box"), Json({2, 1, 7, 5}));
}

TEST_F(ExplainCommand, TargetsThatMeanTheSameClassAreExplainedOnce) {
  const auto lines = explain(
      studio_.model, {studio_.picture("p.png"), "--target", "argmax", "--target", "bright", "--target", "top:2"});
  EXPECT_THAT(lines.at(0).at("explanations"), SizeIs(2));
}

TEST_F(ExplainCommand, ManyImagesComeInOrderWhateverTheBatch) {
  std::vector<std::string> pictures;
  for (int i = 0; i < 11; ++i)
    pictures.push_back(
        studio_.picture("p" + std::to_string(10 + i) + ".png", {double(i % 6), 1, double(i % 6) + 3, 4}));
  for (const auto* batch : {"1", "4", "16"}) {
    auto arguments = pictures;
    arguments.insert(arguments.end(), {"--batch", batch});
    const auto lines = explain(studio_.model, arguments);
    ASSERT_THAT(lines, SizeIs(11));
    for (int i = 0; i < 11; ++i) {
      EXPECT_EQ(lines[i].at("input"), pictures[i]);
      EXPECT_EQ(lines[i].at("explanations").at(0).at("box"), Json({i % 6, 1, i % 6 + 3, 4}));
    }
  }
}

// ---- tensors

TEST_F(ExplainCommand, ATensorEqualsTheImageItWasMadeFrom) {
  const Image picture = white_rectangle(12, 8, {2, 1, 7, 5}, 51);
  write_png(path("p.png"), picture);
  std::vector<float> tensor(3 * 8 * 12);
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < 96; ++i) tensor[c * 96 + i] = static_cast<float>(picture.pixels[3 * i + c]) / 255;
  write_npy(path("t.npy"), Dims{3, 8, 12}, tensor);
  const auto lines = explain(studio_.model, {path("p.png"), path("t.npy")});
  EXPECT_EQ(read_text(path("maps/p.grad-cam.0.npy")), read_text(path("maps/t.grad-cam.0.npy")));
  EXPECT_EQ(read_text(path("maps/p.grad-cam.0.png")), read_text(path("maps/t.grad-cam.0.png")));
  EXPECT_EQ(lines.at(0).at("predictions"), lines.at(1).at("predictions"));
  EXPECT_TRUE(lines.at(1).at("explanations").at(0).at("preprocessing").is_null());
}

TEST_F(ExplainCommand, ATensorOfManyImagesGivesALineForEach) {
  std::vector<float> tensor(3 * 3 * 8 * 12);
  for (std::size_t n = 0; n < 3; ++n) tensor[n * 288 + n] = 1;  // one bright value, in another column each time
  write_npy(path("t.npy"), Dims{3, 3, 8, 12}, tensor);
  const auto lines = explain(studio_.model, {path("t.npy"), "--format", "npy", "--batch", "2"});
  ASSERT_THAT(lines, SizeIs(3));
  for (int n = 0; n < 3; ++n) {
    EXPECT_EQ(lines[n].at("row"), n);
    EXPECT_EQ(lines[n].at("explanations").at(0).at("box"), Json({n, 0, n + 1, 1}));
  }
  EXPECT_THAT(files(), ElementsAre("t_0.grad-cam.0.npy", "t_1.grad-cam.0.npy", "t_2.grad-cam.0.npy"));
}

// ---- people

TEST_F(ExplainCommand, TextTellsPredictionsBoxesAndFiles) {
  const Ran ran = run_limn({"explain", studio_.model, studio_.picture("p.png"), "--out", path("maps"), "--stats"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("p.png\n"), HasSubstr("0  bright"), HasSubstr("grad-cam"),
                             HasSubstr("box 2,1 - 7,5"), HasSubstr("p.grad-cam.0.png")));
  for (const auto* told : {"loading limn", "import", "compile", "decode, beside", "forward", "backward",
                           "wait for files", "total", "peak memory", "scratch"})
    EXPECT_THAT(ran.err, HasSubstr(told));
}

TEST_F(ExplainCommand, AProfileHasARowForEveryStepOfTheNetworkAndOfOcclusion) {
  const Ran ran = run_limn({"explain", studio_.model, studio_.picture("p.png"), studio_.picture("q.png"), "--out",
                            path("maps"), "--method", "grad-cam,occlusion", "--batch", "1", "--profile"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, Not(HasSubstr("GFLOP/s")));
  const auto last = ran.err.rfind(" ms in ");
  ASSERT_NE(last, std::string::npos) << ran.err;
  const auto rows = std::ranges::count(ran.err, '\n') - 2;  // but for the heading and the last line
  EXPECT_EQ(std::stol(ran.err.substr(last + 7)), rows);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("Conv"), HasSubstr("Overlay"), HasSubstr("1x4x8x12"), HasSubstr("kernel")));
}

TEST_F(ExplainCommand, ATraceHoldsStagesAndStepsOneAfterTheOther) {
  explain(studio_.model, {studio_.picture("p.png"), "--trace", path("trace.json")});
  const Json events = Json::parse(read_text(path("trace.json"))).at("traceEvents");
  std::set<std::string> stages;
  double end = 0;
  int steps = 0;
  for (const Json& e : events) {
    if (e.at("ph") != "X") continue;
    EXPECT_GE(e.at("dur").get<double>(), 0);
    if (!e.contains("args")) {
      stages.insert(e.at("name").get<std::string>());
      continue;
    }
    ++steps;
    EXPECT_GE(e.at("ts").get<double>(), end - 1e-3);
    end = e.at("ts").get<double>() + e.at("dur").get<double>();
    EXPECT_FALSE(e.at("args").at("kernel").get<std::string>().empty());
  }
  EXPECT_THAT(stages,
              testing::IsSupersetOf({"import", "compile", "decode", "forward", "backward", "draw and write"}));
  EXPECT_GT(steps, 1);
}

TEST_F(ExplainCommand, AssumedPreprocessingIsTold) {
  std::filesystem::remove(folder_ / "net.limn.json");
  const Ran ran = run_limn({"explain", studio_.model, studio_.picture("p.png"), "--out", path("maps")});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("assumed as by --preset imagenet"));
  const Ran told =
      run_limn({"explain", studio_.model, studio_.picture("p.png"), "--out", path("maps"), "--preset", "tf"});
  EXPECT_THAT(told.err, IsEmpty());
}

}  // namespace
}  // namespace limn::test
