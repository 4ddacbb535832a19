// Models compiled with their explanation, read back.
#include <gmock/gmock.h>

#include <algorithm>

#include "compile/fixtures.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Kind = CompiledTarget::Kind;

/// Constants that are folded are float32.
constexpr double kClose = 1e-7;

class Compile : public CompileTest {};

TEST_F(Compile, EverythingOfTheModelStays) {
  const CompiledModel result = compile(pooled_classifier());
  expect_untouched(model(), compiled());
  expect_valid(compiled());
  EXPECT_FALSE(result.rewritten);
  EXPECT_EQ(result.opset, 17);
  EXPECT_EQ(result.layer, "features");
  EXPECT_EQ(result.bytes_after, bytes_in(compiled()).size());
  const onnx::ModelProto file = proto_in(compiled());
  ASSERT_EQ(file.graph().output_size(), 4);
  EXPECT_EQ(file.graph().output(2).name(), "heatmap");
  EXPECT_EQ(file.graph().output(3).name(), "target");
  EXPECT_EQ(file.graph().node_size(), static_cast<int>(result.nodes_before + result.nodes_added));
  std::map<std::string, std::string> metadata;
  for (const auto& entry : file.metadata_props()) metadata[entry.key()] = entry.value();
  EXPECT_EQ(metadata["author"], "somebody");
  EXPECT_EQ(metadata["limn.method"], "grad-cam");
  EXPECT_EQ(metadata["limn.layer"], "features");
  EXPECT_EQ(metadata["limn.target"], "argmax");
}

TEST_F(Compile, NoWeightIsWrittenTwice) {
  compile(pooled_classifier(), {.request = {"guided-grad-cam"}});
  const onnx::ModelProto before = proto_in(model()), file = proto_in(compiled());
  // The weights that derivatives read have 288 and 864 bytes; the matrices that upsample a map have 208.
  for (int i = before.graph().initializer_size(); i < file.graph().initializer_size(); ++i)
    EXPECT_LE(file.graph().initializer(i).raw_data().size(), 208U) << file.graph().initializer(i).name();
}

/// A method that can be compiled, in an opset.
struct Case {
  std::string method, variant;
  bool counterfactual = false;
};
std::vector<Case> cases() {
  std::vector<Case> all{{"grad-cam", "", true}};
  for (const MethodInfo& info : methods())
    if (info.not_compiled.empty() && info.is_graph)
      for (const std::string_view variant : info.variants)
        all.push_back({std::string(info.name), std::string(variant)});
  return all;
}

class CompileEach : public CompileTest, public ::testing::WithParamInterface<std::tuple<Case, std::int64_t>> {};

TEST_P(CompileEach, MapsAreThoseOfTheExplanationGraph) {
  const auto& [method_case, opset] = GetParam();
  const MethodRequest request{method_case.method, method_case.variant, "auto", method_case.counterfactual};
  const bool cam = method(request.method).kind == MapKind::cam;
  for (const bool open : {false, true}) {
    CompileModelOptions options{.request = request};
    if (cam) options.size = HeatmapSize::layer;
    options.raw = !cam;
    compile(open ? pooled_classifier({opset, "H", "W"}) : pooled_classifier({opset}), options);
    expect_untouched(model(), compiled());
    if (opset <= 17) expect_valid(compiled());
    const Tensor x = images({3, 2, 13, 11});
    const auto result = run({{"image", x}});
    const auto classes = best_classes(result.at("logits"));
    const Tensor expected = expected_map(model(), request, x, classes);
    expect_near(result.at(cam ? "heatmap" : "attribution"), expected, kClose);
    for (std::size_t n = 0; n < 3; ++n)
      EXPECT_EQ(static_cast<std::size_t>(result.at("target").as<std::int64_t>()[n]), classes[n]);
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, CompileEach,
                         ::testing::Combine(::testing::ValuesIn(cases()), ::testing::Values(13, 16, 18, 21)),
                         [](const auto& info) {
                           const Case& c = std::get<0>(info.param);
                           std::string name = c.method + c.variant + (c.counterfactual ? "Counter" : "") +
                                              std::to_string(std::get<1>(info.param));
                           std::erase_if(name, [](unsigned char ch) { return !std::isalnum(ch); });
                           return (c.method == "grad-cam++" ? "PlusPlus" : "") + name;
                         });

/// Of the images [N, C, H, W] and classes, as the runtime computes them point by point.
Tensor native_maps(const std::filesystem::path& model, const MethodRequest& request, const Tensor& x,
                   const std::vector<std::size_t>& classes) {
  Explainer explainer(as_classifier(import_onnx(model).graph), {request}, {x.dims()[0], 1});
  std::ranges::copy(x.as<float>(), explainer.images().begin());
  explainer.predict();
  std::vector<Target> targets;
  for (const std::size_t c : classes) targets.push_back({Target::Kind::logit, c, 0});
  explainer.explain(targets);
  std::vector<float> maps;
  for (std::size_t n = 0; n < classes.size(); ++n) {
    const auto map = explainer.map(0, static_cast<std::int64_t>(n)).data;
    maps.insert(maps.end(), map.begin(), map.end());
  }
  return Tensor::of<float>(x.dims(), maps);
}

class CompileAverages : public CompileTest {
 protected:
  void expect_native_maps(const MethodRequest& request, const OnnxWriter& writer, std::int64_t images_count) {
    compile(writer, {.request = request, .raw = true});
    expect_untouched(model(), compiled());
    expect_valid(compiled());
    const Tensor x = images({images_count, 2, 13, 11});
    std::map<std::string, Tensor> feeds{{"image", x}};
    std::vector<float> drawn;
    for (std::int64_t m = 0; m < request.noise.samples; ++m) {
      const auto e = standard_noise(request.noise.seed, m, 2 * 13 * 11);
      drawn.insert(drawn.end(), e.begin(), e.end());
    }
    if (request.method == "smooth-grad")
      feeds.emplace("noise", Tensor::of<float>({request.noise.samples, 2, 13, 11}, drawn));
    const auto result = run(feeds);
    const Tensor found = result.at("attribution").converted(DType::f32);
    const Tensor expected = native_maps(model(), request, x, best_classes(result.at("logits")));
    double largest = 0;
    for (const float v : expected.as<float>()) largest = std::max<double>(largest, std::abs(v));
    EXPECT_GT(largest, 0);
    expect_near(found.converted(DType::f64), expected.converted(DType::f64), 1e-4 * largest);
  }
};

TEST_F(CompileAverages, AreTheNativeMaps) {
  MethodRequest path{"integrated-gradients"}, noise{"smooth-grad"};
  path.path = {5, Quadrature::gauss_legendre, IntegrationPath::Baseline::mean, {}};
  noise.noise = {4, 0.1, 3};
  for (const char* variant : {"paper", "squared", "vargrad"}) {
    noise.variant = variant;
    expect_native_maps(noise, pooled_classifier(), 2);
  }
  expect_native_maps(path, pooled_classifier(), 3);
  path.path.baseline = IntegrationPath::Baseline::colour;
  path.path.colour = {0.5F, -0.25F};
  expect_native_maps(path, pooled_classifier(), 1);
}

TEST_F(CompileAverages, LeaveSizesOpenAndWeightsShared) {
  MethodRequest path{"integrated-gradients"};
  path.path.steps = 3;
  compile(pooled_classifier(), {.request = path, .raw = true});
  const Tensor x = images({2, 2, 13, 11});
  const Tensor fixed = run({{"image", x}}).at("attribution");
  const int before = proto_in(model()).graph().initializer_size();
  const onnx::ModelProto file = proto_in(compiled());
  for (int i = before; i < file.graph().initializer_size(); ++i)
    EXPECT_LE(file.graph().initializer(i).raw_data().size(), 64U) << file.graph().initializer(i).name();
  compile(pooled_classifier({17, "H", "W"}), {.request = path, .raw = true});
  expect_near(run({{"image", x}}).at("attribution"), fixed, 1e-6);
}

TEST_F(CompileAverages, ServeEveryTarget) {
  MethodRequest path{"integrated-gradients"};
  path.path.steps = 3;
  const Tensor x = images({2, 2, 13, 11});
  compile(pooled_classifier(), {.request = path, .target = {Kind::top, 2}, .raw = true});
  const auto best = run({{"image", x}});
  EXPECT_EQ(best.at("attribution").dims(), (Dims{2, 2, 2, 13, 11}));
  const auto second = static_cast<std::size_t>(best.at("target").as<std::int64_t>()[1]);
  compile(pooled_classifier(), {.request = path, .target = {Kind::class_index, second}, .raw = true});
  const Tensor fixed = run({{"image", x}}).at("attribution");
  const auto a = best.at("attribution").as<double>().subspan(2 * 13 * 11, 2 * 13 * 11),
             b = fixed.as<double>().first(2 * 13 * 11);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-9);
}

TEST_F(CompileAverages, NeedAnOpenBatch) {
  OnnxWriter writer = pooled_classifier();
  writer.graph()
      .mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(0)
      ->set_dim_value(1);
  EXPECT_ERROR(compile(writer, {.request = {"integrated-gradients"}}), ErrorCode::unsupported,
               HasSubstr("exactly 1 image at a time"));
}

TEST_F(Compile, SizesStayOpen) {
  compile(pooled_classifier({17, "H", "W"}), {.normalize = true});
  for (const Dims& dims : {Dims{1, 2, 13, 11}, Dims{2, 2, 24, 17}}) {
    const Tensor heatmap = run({{"image", images(dims)}}).at("heatmap");
    EXPECT_EQ(heatmap.dims(), (Dims{dims[0], 1, dims[2], dims[3]}));
    const auto values = heatmap.as<double>();
    EXPECT_GE(std::ranges::min(values), 0);
    EXPECT_EQ(std::ranges::max(values), 1);
  }
}

TEST_F(Compile, AHeatmapOfTheImagesSizeIsTheBilinearOne) {
  const Tensor x = images({2, 2, 13, 11});
  compile(pooled_classifier());
  const Tensor fixed = run({{"image", x}}).at("heatmap");
  compile(pooled_classifier({17, "H", "W"}));
  expect_near(run({{"image", x}}).at("heatmap"), fixed, 1e-6);
  EXPECT_EQ(fixed.dims(), (Dims{2, 1, 13, 11}));
  compile(pooled_classifier(), {.size = HeatmapSize::layer});
  const Tensor small = run({{"image", x}}).at("heatmap");
  EXPECT_EQ(fixed.as<double>()[0], small.as<double>()[0]);  // corners keep their value
}

TEST_F(Compile, AttributionsBecomeTheLargestOverChannels) {
  compile(pooled_classifier(), {.request = {"gradient"}, .raw = true});
  const auto result = run({{"image", images({1, 2, 13, 11})}});
  const auto heat = result.at("heatmap").as<double>(), raw = result.at("attribution").as<double>();
  ASSERT_EQ(raw.size(), 2 * heat.size());
  for (std::size_t i = 0; i < heat.size(); ++i)
    EXPECT_EQ(heat[i], std::max(std::abs(raw[i]), std::abs(raw[heat.size() + i])));
}

TEST_F(Compile, AClassMayBeFixed) {
  compile(pooled_classifier(), {.target = {Kind::class_index, 3}, .size = HeatmapSize::layer});
  const Tensor x = images({2, 2, 13, 11});
  const auto result = run({{"image", x}});
  EXPECT_FALSE(result.contains("target"));
  expect_near(result.at("heatmap"), expected_map(model(), {}, x, {3, 3}), kClose);
}

TEST_F(Compile, TheBestClassesHaveAMapEach) {
  for (const char* name : {"grad-cam", "gradient"}) {
    compile(
        pooled_classifier(),
        {.request = {name}, .target = {Kind::top, 3}, .normalize = true, .raw = name == std::string("gradient")});
    expect_valid(compiled());
    const Tensor x = images({2, 2, 13, 11});
    const auto result = run({{"image", x}});
    EXPECT_EQ(result.at("heatmap").dims(), (Dims{2, 3, 13, 11}));
    EXPECT_EQ(result.at("target").dims(), (Dims{2, 3}));
    if (name == std::string("gradient")) {
      EXPECT_EQ(result.at("attribution").dims(), (Dims{2, 3, 2, 13, 11}));
    }
    const auto chosen = result.at("target").as<std::int64_t>();
    for (std::size_t k = 0; k < 3; ++k) {
      compile(pooled_classifier(), {.request = {name}, .target = {Kind::input}, .normalize = true});
      const auto one = run({{"image", x}, {"target", Tensor::of<std::int64_t>({2}, {chosen[k], chosen[3 + k]})}});
      for (std::size_t n = 0; n < 2; ++n)
        for (std::size_t i = 0; i < 143; ++i)
          ASSERT_NEAR(result.at("heatmap").as<double>()[(n * 3 + k) * 143 + i],
                      one.at("heatmap").as<double>()[n * 143 + i], kClose);
    }
  }
}

TEST_F(Compile, TheClassMayBeAnInput) {
  const Tensor x = images({3, 2, 13, 11});
  for (const Kind kind : {Kind::input, Kind::optional_input}) {
    compile(pooled_classifier(), {.target = {kind}, .size = HeatmapSize::layer});
    expect_valid(compiled());
    const onnx::ModelProto file = proto_in(compiled());
    ASSERT_EQ(file.graph().input_size(), 2);
    EXPECT_EQ(file.graph().input(1).name(), "target");
    const auto& last = file.graph().initializer();
    EXPECT_EQ(std::ranges::count(last, "target", [](const auto& t) { return t.name(); }),
              kind == Kind::input ? 0 : 1);
  }
  compile(pooled_classifier(), {.target = {Kind::input}, .size = HeatmapSize::layer});
  const auto of = [&](std::vector<std::int64_t> classes) {
    const auto count = static_cast<std::int64_t>(classes.size());
    return run(
        {{"image", x}, {"target", Tensor::of<std::int64_t>({count}, std::span<const std::int64_t>(classes))}});
  };
  expect_near(of({4, 0, 2}).at("heatmap"), expected_map(model(), {}, x, {4, 0, 2}), kClose);
  const auto best = best_classes(of({4, 0, 2}).at("logits"));
  expect_near(of({-1, 5, 1}).at("heatmap"), expected_map(model(), {}, x, {best[0], best[1], 1}), kClose);
  compile(pooled_classifier(), {.target = {Kind::optional_input}, .size = HeatmapSize::layer});
  expect_near(run({{"image", x}}).at("heatmap"), expected_map(model(), {}, x, best), kClose);
}

TEST_F(Compile, AnotherOpsetMeansWritingAnew) {
  for (const std::int64_t opset : {13, 21}) {
    const CompiledModel result = compile(pooled_classifier(), {.size = HeatmapSize::layer, .opset = opset});
    EXPECT_TRUE(result.rewritten);
    ASSERT_EQ(result.notes.size(), 1U);
    EXPECT_THAT(result.notes[0], HasSubstr("written anew"));
    EXPECT_EQ(proto_in(compiled()).opset_import(0).version(), opset);
    const Tensor x = images({2, 2, 13, 11});
    const auto result_maps = run({{"image", x}});
    expect_near(result_maps.at("heatmap"), expected_map(model(), {}, x, best_classes(result_maps.at("logits"))),
                1e-9);
    EXPECT_TRUE(result_maps.contains("probabilities"));
  }
  EXPECT_EQ(compile(pooled_classifier({11}), {}).opset, 17);
}

TEST_F(Compile, NamesMayTellWhatNodesAreAbout) {
  compile(pooled_classifier(), {.request = {"gradient"}, .explain_nodes = true});
  expect_valid(compiled());
  const onnx::ModelProto before = proto_in(model()), file = proto_in(compiled());
  bool about_first = false;
  for (int i = before.graph().node_size(); i < file.graph().node_size(); ++i) {
    const std::string& name = file.graph().node(i).name();
    EXPECT_TRUE(name.starts_with("explain/") || name == "heatmap" || name == "target") << name;
    about_first = about_first || name.starts_with("explain/first/");
  }
  EXPECT_TRUE(about_first);
}

TEST_F(Compile, NewNamesAvoidThoseOfTheModel) {
  OnnxWriter writer = pooled_classifier();
  compile(writer);
  // What was new gets taken.
  const onnx::ModelProto file = proto_in(compiled());
  for (int i = writer.graph().node_size(); i < file.graph().node_size(); ++i)
    if (const std::string& name = file.graph().node(i).output(0); name != "heatmap" && name != "target")
      writer.node("Neg", {"flat"}, {name}, name);
  compile(writer);
  expect_untouched(model(), compiled());
  expect_valid(compiled());
}

TEST_F(Compile, WhatCannotBeIsRefused) {
  const auto refuse = [&](const OnnxWriter& writer, const CompileModelOptions& options, ErrorCode code,
                          auto matcher) {
    EXPECT_ERROR(compile(writer, options), code, matcher);
    EXPECT_FALSE(std::filesystem::exists(compiled()));
  };
  refuse(pooled_classifier(), {.request = {"grad-cam", "", "featuers"}}, ErrorCode::not_found,
         HasSubstr("features"));
  refuse(pooled_classifier(), {.request = {"eigen-cam"}}, ErrorCode::unsupported, HasSubstr("decomposition"));
  refuse(pooled_classifier(), {.request = {"occlusion"}}, ErrorCode::unsupported, HasSubstr("forward passes"));
  refuse(pooled_classifier(), {.target = {Kind::class_index, 5}}, ErrorCode::bad_input, HasSubstr("0 to 4"));
  refuse(pooled_classifier(), {.target = {Kind::top, 6}}, ErrorCode::bad_input, HasSubstr("top:5"));
  refuse(pooled_classifier(), {.opset = 12}, ErrorCode::unsupported, HasSubstr("13 to 21"));
  refuse(pooled_classifier(), {.request = {"gradient"}, .size = HeatmapSize::layer}, ErrorCode::bad_input,
         HasSubstr("size"));
  refuse(pooled_classifier(), {.raw = true}, ErrorCode::bad_input, HasSubstr("attribution"));
}

TEST_F(Compile, AnOperatorThatTheOpsetLacksIsNamedWithOneThatHasIt) {
  OnnxWriter writer(18);
  writer.input("image", {"N", 1, 6, 6});
  writer.weight("w", {3, 1, 3, 3}, noise(27));
  writer.node("Conv", {"image", "w"}, {"z"}, "conv");
  writer.node("Mish", {"z"}, {"m"}, "mish");
  writer.node("GlobalAveragePool", {"m"}, {"p"}, "gap");
  writer.node("Flatten", {"p"}, {"logits"}, "flat");
  writer.output("logits");
  EXPECT_ERROR(compile(writer, {.opset = 17}), ErrorCode::unsupported,
               AllOf(HasSubstr("opset 17 has no Mish"), HasSubstr("write opset 18")));
}

TEST_F(Compile, AnOperatorWithoutDerivativeOnTheWayIsNamed) {
  OnnxWriter writer(17);
  writer.input("image", {"N", 1, 6, 6});
  writer.weight("w", {3, 1, 3, 3}, noise(27));
  writer.weight("boxes", {1, 4}, std::vector<float>{0, 0, 3, 3});
  writer.weight("which", {1}, std::vector<std::int64_t>{0});
  writer.node("Conv", {"image", "w"}, {"z"}, "conv");
  auto& align = writer.node("RoiAlign", {"z", "boxes", "which"}, {"r"}, "region");
  set(align, "output_height", 2);
  set(align, "output_width", 2);
  writer.node("GlobalAveragePool", {"r"}, {"p"}, "gap");
  writer.node("Flatten", {"p"}, {"logits"}, "flat");
  writer.output("logits");
  EXPECT_ERROR(compile(writer, {.request = {"gradient"}}), ErrorCode::unsupported,
               AllOf(HasSubstr("RoiAlign"), HasSubstr("region")));
}

TEST_F(Compile, ATakenNameIsRefused) {
  OnnxWriter writer = pooled_classifier();
  writer.node("Identity", {"flat"}, {"heatmap"}, "h");
  writer.output("heatmap");
  EXPECT_ERROR(compile(writer), ErrorCode::unsupported, HasSubstr("'heatmap'"));
  compile(pooled_classifier());
  EXPECT_ERROR(compile_model(import_onnx(compiled()), folder_ / "twice.onnx"), ErrorCode::unsupported,
               HasSubstr("compiled before"));
}

}  // namespace
}  // namespace limn
