// The other commands through the program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "harness.h"
#include "limn/base/npy.h"
#include "samples.h"

namespace limn::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

using Json = nlohmann::json;

class Commands : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  ScratchFolder folder_;
  Studio studio_{folder_.path()};
};

TEST_F(Commands, PredictSavesTheLogitsOfAllImages) {
  const Ran ran =
      run_limn({"predict", studio_.model, studio_.picture("a.png", {0, 0, 12, 8}),
                studio_.picture("b.png", {0, 0, 6, 8}), "--json", "--top", "1", "--save-logits", path("l.npy")});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Tensor logits = read_npy(path("l.npy"));
  EXPECT_EQ(logits.dims(), (Dims{2, 2}));
  const auto values = logits.as<float>();
  EXPECT_NEAR(values[0], 3, 1e-6);
  EXPECT_NEAR(values[1], -3, 1e-6);
  EXPECT_NEAR(values[2], 1.5, 1e-6);
  const auto lines = ran.lines();
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0].at("predictions"), SizeIs(1));
  EXPECT_FALSE(lines[0].contains("explanations"));
}

TEST_F(Commands, InspectFindsTheLayers) {
  const Ran text = run_limn({"inspect", studio_.model});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("[N, 3, 8, 12]"), HasSubstr("2 classes"), HasSubstr("<- auto")));
  const Ran json = run_limn({"inspect", studio_.model, "--json"});
  ASSERT_EQ(json.code, 0) << json.err;
  const Json told = json.lines().at(0);
  EXPECT_EQ(told.at("inputs").at(0), Json({{"name", "image"}, {"type", "float32"}, {"shape", {"N", 3, 8, 12}}}));
  EXPECT_EQ(told.at("auto_layer"), "features");
  EXPECT_EQ(told.at("classes"), 2);
  EXPECT_EQ(told.at("parameters"), 12 + 8 + 2);
  EXPECT_EQ(told.at("multiply_adds"), 12 * 96 + 8);
  EXPECT_EQ(told.at("operators").at("Relu"), 1);
  EXPECT_EQ(told.at("card"), path("net.limn.json"));
}

TEST_F(Commands, CompileWritesOneFile) {
  const Ran ran = run_limn({"compile", studio_.model, "--target", "dark", "--normalize", "-o", path("c.onnx")});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, path("c.onnx") + "\n");
  EXPECT_THAT(ran.err, IsEmpty());
  const Json told = run_limn({"inspect", path("c.onnx"), "--json"}).lines().at(0);
  const auto names = [&] {
    std::vector<std::string> found;
    for (const Json& output : told.at("outputs")) found.push_back(output.at("name"));
    return found;
  }();
  EXPECT_THAT(names, testing::ElementsAre("logits", "heatmap"));
  EXPECT_EQ(told.at("outputs").at(1).at("shape"), Json({"N", 1, 8, 12}));
  // What is compiled is a classifier still.
  const Ran predicted = run_limn({"predict", path("c.onnx"), studio_.picture("a.png", {0, 0, 12, 8}), "--json"});
  EXPECT_EQ(predicted.code, 0) << predicted.err;
}

TEST_F(Commands, CompileTellsWhichMethodsItCan) {
  const Ran list = run_limn({"compile", "--list"});
  ASSERT_EQ(list.code, 0) << list.err;
  EXPECT_THAT(list.out, testing::ContainsRegex("grad-cam +yes"));
  EXPECT_THAT(list.out, testing::ContainsRegex("eigen-cam +no: ONNX has no operator"));
  EXPECT_THAT(list.out, testing::ContainsRegex("occlusion +no: "));
}

TEST_F(Commands, CompileRefusesWhatItCannotDo) {
  const auto refuse = [&](std::vector<std::string> more, int code, const auto& matcher) {
    std::vector<std::string> arguments{"compile", studio_.model, "-o", path("c.onnx")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = run_limn(arguments);
    EXPECT_EQ(ran.code, code) << ran.err;
    EXPECT_THAT(ran.err, matcher);
    EXPECT_THAT(ran.out, IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(path("c.onnx")));
  };
  refuse({"--layer", "featuers"}, 1, HasSubstr("features"));
  refuse({"--method", "eigen-cam"}, 1, HasSubstr("--list"));
  refuse({"--opset", "12"}, 1, HasSubstr("13 to 21"));
  refuse({"--target", "prob:1"}, 2, HasSubstr("cannot be compiled"));
  refuse({"--target", "7"}, 1, HasSubstr("2 classes"));
  refuse({"--size", "huge"}, 2, HasSubstr("input or layer"));
  EXPECT_EQ(run_limn({"compile", studio_.model, "-o", studio_.model}).code, 2);
  EXPECT_EQ(run_limn({"compile", studio_.model}).code, 2);
  EXPECT_EQ(run_limn({"compile", "-o", path("c.onnx")}).code, 2);
}

TEST_F(Commands, ACardIsWrittenReadAndChanged) {
  std::filesystem::remove(path("net.limn.json"));
  write_text(path("names.txt"), "hell\ndunkel\n");
  const Ran written = run_limn({"card", studio_.model, "--resize", "12x8", "--mean", "0.5", "--std", "0.25",
                                "--labels", path("names.txt"), "--layer", "mixed"});
  ASSERT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(written.out, path("net.limn.json") + "\n");
  EXPECT_THAT(written.err, IsEmpty());

  const Ran changed = run_limn({"card", studio_.model, "--std", "0.125", "--print"});
  ASSERT_EQ(changed.code, 0) << changed.err;
  const Json card = Json::parse(changed.out);
  EXPECT_EQ(card.at("resize"), "12x8");
  EXPECT_EQ(card.at("labels"), Json({"hell", "dunkel"}));
  EXPECT_EQ(card.at("layer"), "mixed");
  EXPECT_NE(read_text(path("net.limn.json")), changed.out);  // printed, not written

  const Ran explained = run_limn(
      {"explain", studio_.model, studio_.picture("p.png"), "--target", "hell", "--out", path("maps"), "--json"});
  ASSERT_EQ(explained.code, 0) << explained.err;
  const Json explanation = explained.lines().at(0).at("explanations").at(0);
  EXPECT_EQ(explanation.at("layer"), "mixed");
  EXPECT_EQ(explanation.at("heatmap"),
            path("maps/p.grad-cam.0.npy"));  // the default layer leaves no trace in names
  EXPECT_EQ(explanation.at("preprocessing").at("resize"), "12x8");
}

TEST_F(Commands, ACardWithAWrongLayerIsRefused) {
  const Ran ran = run_limn({"card", studio_.model, "--layer", "feature"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("features"));
}

TEST_F(Commands, AModelWithoutABatchOfItsOwnChoiceTakesItsOwn) {
  OnnxWriter network = brightness_network(12, 8);
  network.graph()
      .mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(0)
      ->set_dim_value(1);
  network.save(path("net.onnx"));
  const Ran ran =
      run_limn({"predict", studio_.model, studio_.picture("a.png"), studio_.picture("b.png"), "--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.lines(), SizeIs(2));
  EXPECT_EQ(run_limn({"predict", studio_.model, path("a.png"), "--batch", "2"}).code, 2);
}

TEST_F(Commands, AModelOfAnySizeTakesTheSizeOfThePreprocessing) {
  OnnxWriter network = brightness_network(12, 8);
  auto& shape = *network.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape.mutable_dim(2)->set_dim_param("H");
  shape.mutable_dim(3)->set_dim_param("W");
  network.save(path("open.onnx"));
  const auto picture = studio_.picture("p.png");
  const Ran ran = run_limn(
      {"explain", path("open.onnx"), picture, "--resize", "24x16", "--range", "1", "--raw", "--out", path("maps")});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(read_npy(path("maps/p.grad-cam.0.raw.npy")).dims(), (Dims{16, 24}));
  write_npy(path("t.npy"), Dims{3, 5, 7}, std::vector<float>(105, 1));
  EXPECT_EQ(run_limn({"predict", path("open.onnx"), path("t.npy")}).code, 0);
  const Ran unsaid = run_limn({"predict", path("open.onnx"), picture, "--resize", "none", "--crop", "none"});
  EXPECT_EQ(unsaid.code, 1);
  EXPECT_THAT(unsaid.err, HasSubstr("--crop"));
}

TEST_F(Commands, AClosedPipeEndsQuietly) {
  const std::string command = std::string(LIMN_CLI) + " predict " + studio_.model + " " + studio_.picture("p.png") +
                              " 2> " + path("err") + " | true; exit ${PIPESTATUS[0]}";
  const int status = std::system(("bash -c '" + command + "'").c_str());
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_LE(WEXITSTATUS(status), 1);  // 0 when the text went into the pipe before it was closed
  EXPECT_THAT(read_text(path("err")), IsEmpty());
}

TEST_F(Commands, VersionMethodsAndOpsAreListed) {
  EXPECT_THAT(run_limn({"version"}).out, StartsWith("limn "));
  EXPECT_THAT(run_limn({"--version"}).out, StartsWith("limn "));
  const auto methods = run_limn({"methods", "--json"}).lines();
  EXPECT_THAT(methods, Contains(testing::Truly([](const Json& m) { return m.at("name") == "grad-cam++"; })));
  EXPECT_THAT(run_limn({"methods"}).out, HasSubstr("arXiv 1610.02391"));
  EXPECT_THAT(run_limn({"ops"}).out, HasSubstr("Conv"));
}

TEST_F(Commands, EveryCommandHasHelpWithExamples) {
  for (const auto* command :
       {"inspect", "predict", "explain", "card", "demo", "methods", "ops", "cache", "completion"}) {
    const Ran ran = run_limn({command, "--help"});
    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.out, HasSubstr("Examples:\n  ")) << command;
  }
}

TEST_F(Commands, CompletionsKnowEveryOptionOfExplain) {
  const Ran help = run_limn({"explain", "--help"});
  for (const auto* shell : {"bash", "zsh", "fish"}) {
    const Ran ran = run_limn({"completion", shell});
    EXPECT_EQ(ran.code, 0) << ran.err;
    for (const std::string option : {"counterfactual", "save-logits", "method", "preset", "labels"})
      EXPECT_THAT(ran.out, HasSubstr(option)) << shell;
  }
  EXPECT_EQ(run_limn({"completion", "tcsh"}).code, 2);
}

/// An environment variable for the programs that are run until the end of the scope.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name), before_(std::getenv(name)) {
    if (before_ != nullptr) old_ = before_;
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() { before_ != nullptr ? ::setenv(name_, old_.c_str(), 1) : ::unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  const char* before_;
  std::string old_;
};

TEST_F(Commands, TheCacheIsToldAndCleared) {
  std::filesystem::create_directory(path("cache"));
  write_text(path("cache/a.weights"), "0123456789");
  write_text(path("cache/mine.txt"), "mine");
  const Environment here("LIMN_CACHE", path("cache"));
  EXPECT_EQ(run_limn({"cache"}).out, path("cache") + ": 0.0 MB of transformed weights in 1 file\n");
  EXPECT_EQ(run_limn({"cache", "--json"}).lines().front().at("bytes"), 10);
  EXPECT_EQ(run_limn({"cache", "--clear"}).out, path("cache") + ": removed 0.0 MB of transformed weights in 1 file\n");
  EXPECT_EQ(run_limn({"cache", "--json"}).lines().front().at("files"), 0);
  EXPECT_TRUE(std::filesystem::exists(path("cache/mine.txt")));
}

TEST_F(Commands, TheCacheLiesWhereTheEnvironmentSays) {
  const auto folder = [] { return run_limn({"cache", "--json"}).lines().front().at("folder"); };
  const Environment home("HOME", path("home"));
  {
    const Environment off("LIMN_CACHE", "off");
    EXPECT_TRUE(folder().is_null());
    EXPECT_THAT(run_limn({"cache"}).out, StartsWith("no cache"));
  }
  const Environment unset("LIMN_CACHE", "");
  {
    const Environment caches("XDG_CACHE_HOME", path("caches"));
    EXPECT_EQ(folder(), path("caches/limn"));
  }
  const Environment relative("XDG_CACHE_HOME", "caches");
  EXPECT_EQ(folder(), path("home/.cache/limn"));
}

/// What bash offers after these words.
std::string offered(const std::filesystem::path& script, const std::string& words, int position) {
  const std::string out = script.string() + ".words";
  const std::string code = "source " + script.string() + "; compopt() { :; }; COMP_WORDS=(" + words +
                           "); COMP_CWORD=" + std::to_string(position) + "; _limn; echo ${COMPREPLY[@]}";
  EXPECT_EQ(std::system(("bash -c '" + code + "' > " + out).c_str()), 0);
  return read_text(out);
}

TEST_F(Commands, BashCompletesCommandsOptionsAndLists) {
  write_text(path("limn.bash"), run_limn({"completion", "bash"}).out);
  EXPECT_EQ(offered(path("limn.bash"), "limn exp", 1), "explain\n");
  EXPECT_EQ(offered(path("limn.bash"), "limn explain --cou", 2), "--counterfactual\n");
  EXPECT_EQ(offered(path("limn.bash"), "limn explain --method grad-cam,sal", 3), "grad-cam,saliency\n");
  EXPECT_EQ(offered(path("limn.bash"), "limn predict --preset ca", 3), "caffe\n");
}

TEST_F(Commands, TheManPageHasEveryCommand) {
  const Ran ran = run_limn({"manual"});
  EXPECT_EQ(ran.code, 0);
  for (const auto* command :
       {"inspect", "predict", "explain", "card", "demo", "methods", "ops", "cache", "version", "completion"})
    EXPECT_THAT(ran.out, HasSubstr(std::string(".SS limn ") + command + "\n"));
  EXPECT_THAT(ran.out, AllOf(HasSubstr(".SH EXIT STATUS"), HasSubstr("\\-\\-counterfactual")));
}

TEST_F(Commands, TheDemoFindsTheGarments) {
  if (!std::filesystem::exists(LIMN_SOURCE_DIR "/data/demo/demo.onnx"))
    GTEST_SKIP() << "data/demo/demo.onnx is missing";
  const Ran ran = run_limn({"demo", "--out", path("demo")});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("guided-grad-cam"), HasSubstr("centre box"), HasSubstr("random maps"),
                             HasSubstr(path("demo/index.html"))));
  const std::string page = read_text(path("demo/index.html"));
  EXPECT_THAT(page,
              AllOf(StartsWith("<!doctype html>"), HasSubstr("data:image/png;base64,"), HasSubstr("</html>")));
  EXPECT_THAT(page, Not(HasSubstr("src=\"http")));
  EXPECT_THAT(names_in(path("demo")), testing::ElementsAre("index.html"));
}

}  // namespace
}  // namespace limn::test
