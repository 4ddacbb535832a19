// Compiled models that take pictures: preprocessing and overlay inside.
#include <gmock/gmock.h>

#include <algorithm>

#include "compile/fixtures.h"
#include "compile/pictures.h"
#include "limn/overlay.h"
#include "limn/study/map_at_input.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = CompiledTarget::Kind;

struct Form {
  std::string image = "data";
  bool half = false, channels_last = false;
};

/// Images of 3 x 12 x 16, convolution, Relu "features" [N, 4, 12, 16], global pool, dense layer "logits" [N, 5].
OnnxWriter colour_classifier(const Form& form = {}) {
  OnnxWriter w(17);
  const std::vector<OnnxWriter::Size> first{"N", 3, 12, 16}, last{"N", 12, 16, 3};
  w.input(form.image, form.channels_last ? last : first,
          form.half ? onnx::TensorProto_DataType_FLOAT16 : onnx::TensorProto_DataType_FLOAT);
  std::string x = form.image;
  if (form.half) set(w.node("Cast", {x}, {"wide"}), "to", 1);
  if (form.half) x = "wide";
  if (form.channels_last) set(w.node("Transpose", {x}, {"turned"}), "perm", std::vector<std::int64_t>{0, 3, 1, 2});
  if (form.channels_last) x = "turned";
  w.weight("w", {4, 3, 3, 3}, noise(108, 1));
  w.weight("fc", {5, 4}, noise(20, 2));
  set(w.node("Conv", {x, "w"}, {"z"}, "conv"), "pads", std::vector<std::int64_t>{1, 1, 1, 1});
  w.node("Relu", {"z"}, {"features"}, "relu");
  w.node("GlobalAveragePool", {"features"}, {"means"}, "gap");
  w.node("Flatten", {"means"}, {"flat"}, "flatten");
  set(w.node("Gemm", {"flat", "fc"}, {"logits"}, "dense"), "transB", 1);
  auto& type = *w.output("logits").mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto_DataType_FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param("N");
  type.mutable_shape()->add_dim()->set_dim_value(5);
  return w;
}

/// To 16 x 12 by way of a shorter side of 18, with everything that a preprocessing can do.
Preprocess preprocessing() {
  Preprocess p;
  p.resize = SizeRule::side(18);
  p.crop = SizeRule::exact(16, 12);
  p.mean = {0.5F, 0.4F, 0.3F};
  p.std = {0.2F, 0.3F, 0.4F};
  p.order = ChannelOrder::bgr;
  return p;
}

Tensor preprocessed(const std::vector<Image>& pictures) {
  std::vector<float> x;
  for (const Image& p : pictures) {
    std::vector<float> one(3 * 12 * 16);
    preprocess(p, preprocessing(), one);
    x.insert(x.end(), one.begin(), one.end());
  }
  return Tensor::of<float>({static_cast<std::int64_t>(pictures.size()), 3, 12, 16}, std::span(std::as_const(x)));
}

class CompilePictures : public CompileTest {
 protected:
  CompileModelOptions options(CompileModelOptions o = {}) const {
    o.preprocess = preprocessing();
    return o;
  }
  std::vector<std::string> inputs() const {
    std::vector<std::string> names;
    const onnx::ModelProto model = proto_in(compiled());
    for (const auto& input : model.graph().input()) names.push_back(input.name());
    return names;
  }
  /// The maps of the same model compiled without a preprocessing, for the pictures preprocessed.
  std::map<std::string, Tensor> plain(CompileModelOptions o) {
    o.preprocess.reset();
    o.overlay = false;
    colour_classifier().save(folder_ / "plain.onnx");
    compile_model(import_onnx(folder_ / "plain.onnx"), folder_ / "plain.compiled.onnx", o);
    return evaluate(import_onnx(folder_ / "plain.compiled.onnx").graph, {{"data", preprocessed(pictures_)}});
  }

  std::vector<Image> pictures_{picture(33, 25, 1), picture(33, 25, 2)};
};

TEST_F(CompilePictures, HeatmapsOfPicturesAreThoseOfTheirTensors) {
  const CompiledModel result = compile(colour_classifier(), options());
  EXPECT_EQ(result.picture, "image");
  expect_valid(compiled());
  EXPECT_THAT(inputs(), ElementsAre("image"));
  const auto got = run({{"image", stacked(pictures_)}}), want = plain({});
  expect_near(got.at("heatmap"), want.at("heatmap"), 1e-6);
  expect_near(got.at("logits"), want.at("logits"), 1e-6);
  EXPECT_EQ(got.at("target").to_int64(), want.at("target").to_int64());
}

TEST_F(CompilePictures, TheModelsNodesStayBetweenNewOnes) {
  const CompiledModel result = compile(colour_classifier(), options({.overlay = true}));
  const onnx::GraphProto before = proto_in(model()).graph(), after = proto_in(compiled()).graph();
  int first = 0;
  while (after.node(first).name().starts_with("preprocess/") || after.node(first).name() == "data") ++first;
  EXPECT_GT(first, 20);
  for (int i = 0; i < before.node_size(); ++i)
    EXPECT_EQ(before.node(i).SerializeAsString(), after.node(first + i).SerializeAsString());
  EXPECT_EQ(after.node(first - 1).output(0), "data");
  EXPECT_EQ(after.node_size(), static_cast<int>(result.nodes_before + result.nodes_added));
  EXPECT_EQ(before.output(0).SerializeAsString(), after.output(0).SerializeAsString());
  std::map<std::string, std::string> metadata;
  const onnx::ModelProto written = proto_in(compiled());
  for (const auto& entry : written.metadata_props()) metadata[entry.key()] = entry.value();
  EXPECT_EQ(preprocess_from_json(metadata["limn.preprocess"], "the file"), preprocessing());
  EXPECT_EQ(metadata["limn.overlay"], "inferno");
}

TEST_F(CompilePictures, EveryFormOfImage) {
  const auto want = plain({}).at("heatmap");
  for (const Form& form :
       {Form{"image"}, Form{"data", true}, Form{"data", false, true}, Form{"image", true, true}}) {
    SCOPED_TRACE(form.image + (form.half ? " half" : "") + (form.channels_last ? " channels last" : ""));
    const CompiledModel result = compile(colour_classifier(form), options({.overlay = true}));
    EXPECT_EQ(result.picture, form.image == "image" ? "picture" : "image");
    expect_valid(compiled());
    const auto got = run({{result.picture, stacked(pictures_)}});
    expect_near(got.at("heatmap"), want, form.half ? 2e-3 : 1e-6);
  }
}

TEST_F(CompilePictures, OtherOpsets) {
  const auto want = plain({}).at("heatmap");
  for (const std::int64_t opset : {13, 16, 21}) {
    const CompiledModel result = compile(colour_classifier(), options({.opset = opset, .overlay = true}));
    EXPECT_TRUE(result.rewritten);
    if (opset <= 17) expect_valid(compiled());
    EXPECT_THAT(inputs(), ElementsAre("image"));
    expect_near(run({{"image", stacked(pictures_)}}).at("heatmap"), want, 1e-6);
  }
}

/// The largest difference between an overlay in a tensor [.., height, width, 3] at image n and a picture.
int difference(const Tensor& overlays, std::size_t n, const Image& want) {
  const auto got = overlays.as<std::uint8_t>().subspan(n * want.pixels.size(), want.pixels.size());
  int largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) largest = std::max(largest, std::abs(got[i] - want.pixels[i]));
  return largest;
}

TEST_F(CompilePictures, OverlaysAreThoseOfTheHeatmaps) {
  const OverlayOptions look{Colormap::viridis, OverlayOptions{}.opacity, false, {}};
  const Geometry at = geometry(preprocessing(), 33, 25);
  for (const char* name : {"grad-cam", "saliency"})
    for (const Kind kind : {Kind::argmax, Kind::top}) {
      SCOPED_TRACE(name);
      const std::size_t maps = kind == Kind::top ? 3 : 1;
      const CompileModelOptions o{.request = {name}, .target = {kind, maps}, .normalize = true};
      CompileModelOptions with = options(o);
      with.overlay = true;
      with.colormap = Colormap::viridis;
      compile(colour_classifier(), with);
      const Tensor heat = plain(o).at("heatmap").converted(DType::f32);
      const Tensor got = run({{"image", stacked(pictures_)}}).at("overlay");
      EXPECT_EQ(got.dims(), kind == Kind::top ? (Dims{2, 3, 25, 33, 3}) : (Dims{2, 25, 33, 3}));
      for (std::size_t n = 0; n < 2 * maps; ++n) {
        const Heatmap map = for_display({16, 12, heat.as<float>().subspan(n * 192, 192)}, method(name).kind);
        EXPECT_LE(difference(got, n, overlay(pictures_[n / maps], map, at, look)), 2);
      }
    }
}

TEST_F(CompilePictures, ScoresAreWhatEntersTheLastActivation) {
  OnnxWriter w = colour_classifier();
  w.node("Softmax", {"logits"}, {"probabilities"}, "softmax");
  w.graph().mutable_output(0)->set_name("probabilities");
  compile(w, options({.target = {Kind::input, 0}, .scores = true}));
  expect_valid(compiled());
  const auto got = run({{"image", stacked(pictures_)}, {"target", Tensor::of<std::int64_t>({1}, {-1})}});
  expect_near(got.at("class_scores"), plain({}).at("logits"), 1e-6);
  EXPECT_THAT(inputs(), ElementsAre("image", "target"));
}

TEST_F(CompilePictures, WhatCannotBeIsRefused) {
  EXPECT_ERROR(compile(colour_classifier(), {.overlay = true}), ErrorCode::bad_input, HasSubstr("no picture"));
  CompileModelOptions small = options();
  small.preprocess->crop = SizeRule::exact(12, 12);
  EXPECT_ERROR(compile(colour_classifier(), small), ErrorCode::bad_input,
               HasSubstr("makes images [N, 3, 12, 12], but the network takes [N, 3, 12, 16]"));
}

}  // namespace
}  // namespace limn
