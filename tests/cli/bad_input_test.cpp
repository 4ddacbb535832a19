// What people get wrong, and what limn says then: the message, and the exit code.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <limits>
#include <thread>

#include "harness.h"
#include "limn/base/npy.h"
#include "samples.h"

namespace limn::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;

class BadInput : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Ran explain(const std::string& model, const std::string& input, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"explain", model, input, "--out", path("maps")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_limn(arguments);
  }
  /// Explaining with this model fails.
  void expect_bad_model(const std::string& model, const testing::Matcher<std::string>& message) const {
    const Ran ran = explain(model, studio_.picture("p.png"));
    EXPECT_EQ(ran.code, 1) << ran.err;
    EXPECT_THAT(ran.err, AllOf(StartsWith("limn: "), message));
    EXPECT_THAT(ran.out, IsEmpty());
  }
  /// Explaining this image alone fails.
  void expect_bad_image(const std::string& image, const testing::Matcher<std::string>& message) const {
    const Ran ran = explain(studio_.model, image);
    EXPECT_EQ(ran.code, 1) << ran.err;
    EXPECT_THAT(ran.err, AllOf(StartsWith("limn: "), HasSubstr(image), message));
  }
  void expect_bad_option(const std::vector<std::string>& options, int code,
                         const testing::Matcher<std::string>& message) const {
    const Ran ran = explain(studio_.model, studio_.picture("p.png"), options);
    EXPECT_EQ(ran.code, code) << ran.err;
    EXPECT_THAT(ran.err, AllOf(StartsWith("limn: "), message));
    EXPECT_THAT(ran.out, IsEmpty());
  }

  ScratchFolder folder_;
  Studio studio_{folder_.path()};
};

// ---- models

TEST_F(BadInput, ModelIsMissing) {
  expect_bad_model(path("absent.onnx"), AllOf(HasSubstr("absent.onnx"), HasSubstr("No such file or directory")));
}

TEST_F(BadInput, ModelIsAFolder) {
  expect_bad_model(folder_.path().string(), AllOf(HasSubstr("folder"), HasSubstr(folder_.path().string())));
}

TEST_F(BadInput, ModelIsTruncated) {
  const std::string whole = read_text(studio_.model);
  write_text(path("cut.onnx"), whole.substr(0, whole.size() / 2));
  expect_bad_model(path("cut.onnx"), HasSubstr("cut.onnx"));
}

TEST_F(BadInput, ModelIsGarbage) {
  write_text(path("garbage.onnx"), "this was never a network \xff\xfe\x01");
  expect_bad_model(path("garbage.onnx"), HasSubstr("garbage.onnx"));
}

TEST_F(BadInput, ModelIsEmpty) {
  write_text(path("empty.onnx"), "");
  expect_bad_model(path("empty.onnx"), HasSubstr("empty.onnx"));
}

TEST_F(BadInput, OperatorsAreUnknown) {
  OnnxWriter network = brightness_network(12, 8);
  for (auto& node : *network.graph().mutable_node())
    if (node.op_type() == "Relu" || node.op_type() == "Flatten") node.set_op_type("My" + node.op_type());
  network.save(path("odd.onnx"));
  expect_bad_model(path("odd.onnx"),
                   AllOf(HasSubstr("MyRelu"), HasSubstr("features"), HasSubstr("MyFlatten"), HasSubstr("flat")));
  const Ran inspected = run_limn({"inspect", path("odd.onnx")});
  EXPECT_EQ(inspected.code, 0) << inspected.err;
  EXPECT_THAT(inspected.out, AllOf(HasSubstr("unsupported"), HasSubstr("MyRelu")));
}

TEST_F(BadInput, ExternalDataAreMissing) {
  OnnxWriter network = brightness_network(12, 8);
  make_external(*network.graph().mutable_initializer(0), "weights.bin");
  network.graph().mutable_initializer(0)->clear_raw_data();
  network.save(path("external.onnx"));
  expect_bad_model(path("external.onnx"), HasSubstr("weights.bin"));
}

TEST_F(BadInput, ExternalDataLieOutsideTheFolder) {
  OnnxWriter network = brightness_network(12, 8);
  make_external(*network.graph().mutable_initializer(0), "../../etc/passwd");
  network.graph().mutable_initializer(0)->clear_raw_data();
  network.save(path("escape.onnx"));
  expect_bad_model(path("escape.onnx"), HasSubstr("../../etc/passwd"));
}

TEST_F(BadInput, AWeightIsNaN) {
  OnnxWriter network = brightness_network(12, 8);
  network.graph().mutable_initializer()->RemoveLast();
  network.weight("bias", {2}, std::vector<float>{0, std::numeric_limits<float>::quiet_NaN()});
  network.save(path("nan.onnx"));
  expect_bad_model(path("nan.onnx"), AllOf(HasSubstr("bias"), HasSubstr("NaN")));
}

TEST_F(BadInput, ADimensionIsZero) {
  OnnxWriter network = brightness_network(0, 8);
  network.save(path("zero.onnx"));
  expect_bad_model(path("zero.onnx"), HasSubstr("0"));
}

TEST_F(BadInput, LabelsAreTooFew) {
  write_text(path("labels.txt"), "bright\n");
  expect_bad_option({"--labels", path("labels.txt")}, 1, AllOf(HasSubstr("1 label"), HasSubstr("2 classes")));
}

// ---- images

TEST_F(BadInput, ImageIsMissing) { expect_bad_image(path("absent.png"), HasSubstr("No such file or directory")); }

TEST_F(BadInput, ImageIsEmpty) {
  write_text(path("empty.jpg"), "");
  expect_bad_image(path("empty.jpg"), HasSubstr("empty"));
}

TEST_F(BadInput, TextIsNamedLikeAnImage) {
  write_text(path("text.jpg"), "Dear reader, this is no photograph.\n");
  expect_bad_image(path("text.jpg"), HasSubstr("text.jpg"));
}

TEST_F(BadInput, ImageOfOnePixelShowsNothing) {
  write_png(path("dot.png"), white_rectangle(1, 1, {0, 0, 1, 1}));
  const Ran ran = explain(studio_.model, path("dot.png"), {"--resize", "12x8", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto explanation = ran.lines().at(0).at("explanations").at(0);
  EXPECT_TRUE(explanation.at("degenerate"));
  EXPECT_TRUE(explanation.at("box").is_null());
}

TEST_F(BadInput, ImageHasAnotherSizeAndNothingResizesIt) {
  write_png(path("large.png"), white_rectangle(30, 30, {0, 0, 9, 9}));
  expect_bad_image(path("large.png"), AllOf(HasSubstr("30x30"), HasSubstr("--resize 12x8")));
}

TEST_F(BadInput, FolderHoldsNoImages) {
  std::filesystem::create_directory(path("bare"));
  expect_bad_image(path("bare"), HasSubstr("no images"));
}

TEST_F(BadInput, TensorHasAnotherShape) {
  write_npy(path("t.npy"), Dims{3, 4, 4}, std::vector<float>(48));
  expect_bad_image(path("t.npy"), AllOf(HasSubstr("[3, 4, 4]"), HasSubstr("[N, 3, 8, 12]")));
}

TEST_F(BadInput, TensorHoldsNaN) {
  std::vector<float> values(3 * 8 * 12);
  values[7] = std::numeric_limits<float>::quiet_NaN();
  write_npy(path("t.npy"), Dims{3, 8, 12}, values);
  expect_bad_image(path("t.npy"), HasSubstr("NaN"));
}

TEST_F(BadInput, OneBrokenImageAmongManyIsReportedAndTheOthersAreDone) {
  studio_.picture("a.png");
  write_text(path("b.png"), "no picture");
  studio_.picture("c.png");
  const Ran ran = run_limn({"explain", studio_.model, folder_.path().string(), "--out", path("maps"), "--json"});
  EXPECT_EQ(ran.code, 4) << ran.err;
  EXPECT_THAT(ran.err, AllOf(StartsWith("limn: "), HasSubstr("b.png")));
  const auto lines = ran.lines();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[0].contains("explanations"));
  EXPECT_TRUE(lines[1].at("error").contains("what"));
  EXPECT_TRUE(lines[2].contains("explanations"));
  EXPECT_THAT(names_in(path("maps")),
              ElementsAre("a.grad-cam.0.npy", "a.grad-cam.0.png", "c.grad-cam.0.npy", "c.grad-cam.0.png"));
}

// ---- targets, layers, methods

TEST_F(BadInput, ClassIndexIsOutOfRange) {
  expect_bad_option({"--target", "2"}, 1, AllOf(HasSubstr("2"), HasSubstr("classes")));
}

TEST_F(BadInput, ClassNameIsUnknown) {
  expect_bad_option({"--target", "brigt"}, 1, AllOf(HasSubstr("brigt"), HasSubstr("bright")));
}

TEST_F(BadInput, ClassNameIsAmbiguous) {
  write_text(path("labels.txt"), "crane, a bird\ncrane, a machine\n");
  expect_bad_option({"--labels", path("labels.txt"), "--target", "crane"}, 1,
                    AllOf(HasSubstr("crane"), HasSubstr("0"), HasSubstr("1")));
}

TEST_F(BadInput, TargetGrammarIsWrong) { expect_bad_option({"--target", "top:many"}, 2, HasSubstr("top:")); }

TEST_F(BadInput, LayerIsUnknown) {
  expect_bad_option({"--layer", "featurs"}, 1, AllOf(HasSubstr("featurs"), HasSubstr("features")));
}

TEST_F(BadInput, LayerHasNoSpatialExtent) { expect_bad_option({"--layer", "flat"}, 1, HasSubstr("flat")); }

TEST_F(BadInput, MethodIsUnknown) {
  expect_bad_option({"--method", "grad-cam,gradcam"}, 2, AllOf(HasSubstr("gradcam"), HasSubstr("grad-cam")));
}

TEST_F(BadInput, VariantIsUnknown) {
  expect_bad_option({"--method", "grad-cam++", "--variant", "home"}, 2,
                    AllOf(HasSubstr("home"), HasSubstr("study")));
}

TEST_F(BadInput, NoMethodHasACounterfactual) {
  expect_bad_option({"--method", "saliency", "--counterfactual"}, 2, HasSubstr("counterfactual"));
}

// ---- options

TEST_F(BadInput, OptionsThatCannotBeRight) {
  expect_bad_option({"--preset", "imagnet"}, 2, AllOf(HasSubstr("imagnet"), HasSubstr("imagenet")));
  expect_bad_option({"--order", "grb"}, 2, HasSubstr("grb"));
  expect_bad_option({"--range", "256"}, 2, AllOf(HasSubstr("256"), HasSubstr("255")));
  expect_bad_option({"--mean", "1,two,3"}, 2, HasSubstr("1,two,3"));
  expect_bad_option({"--mean", "1,2"}, 1, HasSubstr("mean"));
  expect_bad_option({"--std", "0"}, 1, HasSubstr("std"));
  expect_bad_option({"--resize", "large"}, 2, HasSubstr("large"));
  expect_bad_option({"--format", "gif"}, 2, HasSubstr("gif"));
  expect_bad_option({"--colormap", "rainbow"}, 2, HasSubstr("rainbow"));
  expect_bad_option({"--upsample", "cubic"}, 2, HasSubstr("cubic"));
  expect_bad_option({"--precision", "double"}, 2, AllOf(HasSubstr("double"), HasSubstr("exact")));
  expect_bad_option({"--batch", "0"}, 2, HasSubstr("--batch"));
  expect_bad_option({"--threads", "0"}, 2, HasSubstr("--threads"));
}

TEST_F(BadInput, CommandsAndOptionsThatDoNotExistSuggestCloseOnes) {
  const Ran command = run_limn({"explian", "x"});
  EXPECT_EQ(command.code, 2);
  EXPECT_THAT(command.err,
              AllOf(StartsWith("limn: 'explian' is not a command"), HasSubstr("did you mean explain")));
  const Ran option = run_limn({"explain", "x", "y", "--out", "z", "--methd", "cam"});
  EXPECT_EQ(option.code, 2);
  EXPECT_THAT(option.err, AllOf(StartsWith("limn: --methd is not"), HasSubstr("did you mean --method")));
  EXPECT_EQ(run_limn({}).code, 2);
  EXPECT_EQ(run_limn({"explain", "x"}).code, 2);
  EXPECT_EQ(run_limn({"explain", "x", "y"}).code, 2);
}

TEST_F(BadInput, OptionsWithTooManyValuesOrTooFew) {
  const auto refused = [](std::vector<std::string> options, const auto& says) {
    std::vector<std::string> arguments{"explain", "x", "y"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Ran ran = run_limn(arguments);
    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, says);
  };
  refused({"--out", "z", "--method", "cam", "--method", "gradient"},
          AllOf(StartsWith("limn: --method is given more than once"), HasSubstr("commas between: A,B")));
  refused({"--out", "z", "-m", "cam", "--method=gradient"}, StartsWith("limn: --method is given more than once"));
  refused({"--out", "z", "--top", "1", "--top", "2"},
          AllOf(StartsWith("limn: --top is given more than once"), HasSubstr("give it once")));
  refused({"--out", "z", "--batch"}, StartsWith("limn: --batch needs a value"));
  refused({"--batch", "--out", "z"}, StartsWith("limn: --batch does not take '--out'"));
  // What may be repeated is not the trouble.
  refused({"--target", "1", "--target", "2"}, StartsWith("limn: --out is required"));
}

// ---- the system

TEST_F(BadInput, OutputFolderCannotBeMade) {
  write_text(path("file"), "in the way");
  for (const auto& out : {path("file"), path("file") + "/maps", std::string("/proc/maps")}) {
    const Ran ran = run_limn({"explain", studio_.model, studio_.picture("p.png"), "--out", out});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, AllOf(StartsWith("limn: "), HasSubstr(out)));
  }
}

TEST_F(BadInput, DiskIsFull) {
  write_png(path("large.png"), white_rectangle(2000, 2000, {100, 100, 400, 300}, 40));
  const Ran ran = run_limn({"explain", studio_.model, path("large.png"), "--resize", "12x8", "--out", path("maps")},
                           {.standard_output = {}, .file_size_limit = 8000});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, AllOf(StartsWith("limn: "), HasSubstr("large.grad-cam.0.png"), HasSubstr("File too large")));
  EXPECT_THAT(names_in(path("maps")), ElementsAre("large.grad-cam.0.npy"));  // the whole one; no part of the other
}

TEST_F(BadInput, StandardOutputIsFull) {
  const Ran ran = run_limn({"predict", studio_.model, studio_.picture("p.png")},
                           {.standard_output = "/dev/full", .file_size_limit = {}});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, AllOf(StartsWith("limn: cannot write to standard output"), HasSubstr("No space left")));
}

/// Every file that lies under its final name is whole: pictures decode, arrays have all their bytes.
void expect_whole_files(const std::filesystem::path& folder) {
  for (const auto& name : names_in(folder)) {
    const auto path = folder / name;
    if (name.ends_with(".png"))
      EXPECT_NO_THROW(read_image(path)) << name;
    else if (name.ends_with(".npy"))
      EXPECT_NO_THROW(read_npy(path)) << name;
    else
      ADD_FAILURE() << "left behind: " << name;
  }
}

TEST_F(BadInput, InterruptedInTheMiddleOfAHundredImages) {
  for (const int number : {SIGINT, SIGTERM}) {
    const auto maps = path("maps" + std::to_string(number));
    const auto photos = folder_ / ("photos" + std::to_string(number));
    std::filesystem::create_directory(photos);
    for (int i = 0; i < 100; ++i)
      write_png(photos / ("p" + std::to_string(100 + i) + ".png"),
                white_rectangle(900, 600, {100, 100, 400, 300}, 40));
    Process process({"explain", studio_.model, photos.string(), "--resize", "12x8", "--out", maps, "--batch", "1"});
    for (int wait = 0; wait < 3000; ++wait) {
      if (std::filesystem::exists(maps) && names_in(maps).size() > 6) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    process.signal(number);
    const Ran ran = process.finish();
    EXPECT_EQ(ran.code, 130);
    EXPECT_THAT(ran.err, AllOf(StartsWith("limn: interrupted"), HasSubstr("of 100")));
    const auto count = names_in(maps).size();
    EXPECT_GT(count, 6U);
    EXPECT_LT(count, 200U) << "all was done before the signal came";
    expect_whole_files(maps);
  }
}

}  // namespace
}  // namespace limn::test
