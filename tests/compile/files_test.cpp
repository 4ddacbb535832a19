// Models whose files are out of the ordinary: half precision, external weights, channels last, scores of another
// shape.
#include <gmock/gmock.h>

#include <cstring>

#include "compile/fixtures.h"
#include "limn/base/short_floats.h"
#include "support/expect_error.h"

namespace limn {
namespace {

using namespace test;
using ::testing::HasSubstr;

class CompileFiles : public CompileTest {};

/// The same weights in half precision; sizes and indices stay.
OnnxWriter in_half(OnnxWriter writer) {
  for (auto& tensor : *writer.graph().mutable_initializer()) {
    if (tensor.data_type() != onnx::TensorProto_DataType_FLOAT) continue;
    std::string halves;
    for (std::size_t i = 0; i < tensor.raw_data().size(); i += 4) {
      float v = 0;
      std::memcpy(&v, tensor.raw_data().data() + i, 4);
      // Multiples of 1/64 below 2 are exact.
      const auto scaled = static_cast<int>(std::lround(v * 64));
      std::uint16_t bits = 0;
      for (int candidate = 0; candidate < 0x7C00; ++candidate)
        if (from_half(static_cast<std::uint16_t>(candidate)) * 64 == static_cast<float>(std::abs(scaled)))
          bits = static_cast<std::uint16_t>(candidate | (scaled < 0 ? 0x8000 : 0));
      halves.append(reinterpret_cast<const char*>(&bits), 2);
    }
    tensor.set_raw_data(halves);
    tensor.set_data_type(onnx::TensorProto_DataType_FLOAT16);
  }
  writer.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(
      onnx::TensorProto_DataType_FLOAT16);
  for (auto& output : *writer.graph().mutable_output())
    output.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto_DataType_FLOAT16);
  return writer;
}

TEST_F(CompileFiles, HalvesAreCastWhereTheyAreRead) {
  for (const char* name : {"grad-cam", "gradient"}) {
    compile(in_half(pooled_classifier()), {.request = {name}});
    expect_untouched(model(), compiled());
    expect_valid(compiled());  // types must agree: a float32 node on a half value would be an error
    const onnx::ModelProto file = proto_in(compiled());
    EXPECT_EQ(file.graph().output(2).type().tensor_type().elem_type(), onnx::TensorProto_DataType_FLOAT);
    const Tensor x = images({2, 2, 13, 11});
    const auto result = run({{"image", x}});
    if (name == std::string("gradient")) continue;
    compile(in_half(pooled_classifier()), {.size = HeatmapSize::layer});
    expect_near(run({{"image", x}}).at("heatmap"), expected_map(model(), {}, x, best_classes(result.at("logits"))),
                1e-6);
  }
}

/// The pooled classifier with its second convolution's weights in a file beside it.
void save_with_external_weights(const std::filesystem::path& path) {
  OnnxWriter writer = pooled_classifier();
  for (auto& tensor : *writer.graph().mutable_initializer()) {
    if (tensor.name() != "w2") continue;
    std::filesystem::create_directories(path.parent_path() / "weights");
    std::ofstream(path.parent_path() / "weights/w2.bin", std::ios::binary) << tensor.raw_data();
    tensor.clear_raw_data();
    make_external(tensor, "weights/w2.bin");
  }
  writer.save(path);
}

TEST_F(CompileFiles, ExternalWeightsStayOutside) {
  save_with_external_weights(model());
  std::filesystem::create_directory(folder_ / "elsewhere");
  const Tensor x = images({1, 2, 13, 11});
  const Tensor expected = [&] {
    compile_model(import_onnx(model()), compiled());
    return run({{"image", x}}).at("heatmap");
  }();
  expect_untouched(model(), compiled());
  const auto elsewhere = folder_ / "elsewhere/compiled.onnx";
  compile_model(import_onnx(model()), elsewhere);
  EXPECT_EQ(bytes_in(folder_ / "elsewhere/weights/w2.bin"), bytes_in(folder_ / "weights/w2.bin"));
  expect_near(evaluate(import_onnx(elsewhere).graph, {{"image", x}}).at("heatmap"), expected, 0);
  EXPECT_ERROR(compile_model(import_onnx(model()), elsewhere), ErrorCode::io, HasSubstr("replace"));
}

TEST_F(CompileFiles, ChannelsMayComeLast) {
  OnnxWriter writer(17);
  writer.input("image", {"N", 9, 8, 2});
  writer.weight("w", {4, 2, 3, 3}, noise(72));
  writer.weight("fc", {4, 3}, noise(12, 2));
  set(writer.node("Transpose", {"image"}, {"first"}, "to_first"), "perm", std::vector<std::int64_t>{0, 3, 1, 2});
  writer.node("Conv", {"first", "w"}, {"z"}, "conv");
  writer.node("Relu", {"z"}, {"features"}, "relu");
  writer.node("GlobalAveragePool", {"features"}, {"p"}, "gap");
  writer.node("Flatten", {"p"}, {"flat"}, "flatten");
  writer.node("MatMul", {"flat", "fc"}, {"logits"}, "dense");
  writer.output("logits");
  const Tensor x = images({2, 9, 8, 2});
  Tensor first(DType::f32, {2, 2, 9, 8});
  for (std::size_t n = 0, i = 0; n < 2; ++n)
    for (std::size_t p = 0; p < 72; ++p)
      for (std::size_t c = 0; c < 2; ++c, ++i)
        first.mutable_view().as<float>()[(n * 2 + c) * 72 + p] = x.as<float>()[i];
  for (const char* name : {"input-x-gradient", "hires-cam"}) {
    const bool cam = name == std::string("hires-cam");
    compile(writer, {.request = {name}, .size = cam ? HeatmapSize::layer : HeatmapSize::input, .raw = !cam});
    expect_untouched(model(), compiled());
    const auto result = run({{"image", x}});
    const Tensor expected = expected_map(model(), {name}, first, best_classes(result.at("logits")));
    expect_near(result.at(cam ? "heatmap" : "attribution"), expected, 1e-7);
    EXPECT_EQ(result.at("heatmap").dims()[1], 1);
  }
}

/// A 1x1 convolution with padding, a rectifier and a pool at the end: SqueezeNet's head.
TEST_F(CompileFiles, ScoresMayComeFromAConvolution) {
  OnnxWriter writer(17);
  writer.input("image", {"N", 2, 9, 8});
  writer.weight("w", {4, 2, 3, 3}, noise(72));
  writer.weight("classes", {5, 4, 1, 1}, noise(20, 2));
  writer.weight("bias", {5}, noise(5, 3));
  writer.node("Conv", {"image", "w"}, {"z"}, "conv");
  writer.node("Relu", {"z"}, {"features"}, "relu");
  set(writer.node("Conv", {"features", "classes", "bias"}, {"scores"}, "last"), "pads",
      std::vector<std::int64_t>{1, 1, 1, 1});
  writer.node("Relu", {"scores"}, {"positive"}, "relu_last");
  writer.node("GlobalAveragePool", {"positive"}, {"logits"}, "gap");
  writer.node("Softmax", {"logits"}, {"probabilities"}, "softmax");
  writer.output("probabilities");
  const Tensor x = images({3, 2, 9, 8});
  for (const char* name : {"grad-cam", "cam", "gradient", "guided-backprop"}) {
    const bool cam = std::string(name).ends_with("cam");
    compile(writer, {.request = {name}, .size = cam ? HeatmapSize::layer : HeatmapSize::input, .raw = !cam});
    const auto result = run({{"image", x}});
    std::vector<std::size_t> classes;
    for (const std::int64_t t : result.at("target").as<std::int64_t>())
      classes.push_back(static_cast<std::size_t>(t));
    expect_near(result.at(cam ? "heatmap" : "attribution"), expected_map(model(), {name}, x, classes), 1e-7);
    // One row of the weights is read, not all of them.
    const onnx::ModelProto file = proto_in(compiled());
    for (const auto& node : file.graph().node())
      if (name == std::string("grad-cam")) {
        EXPECT_NE(node.op_type(), "ConvTranspose");
      }
  }
  // A layer behind the convolution still is explained.
  compile(writer, {.request = {"grad-cam", "", "scores"}, .size = HeatmapSize::layer});
  const auto result = run({{"image", x}});
  std::vector<std::size_t> classes;
  for (const std::int64_t t : result.at("target").as<std::int64_t>())
    classes.push_back(static_cast<std::size_t>(t));
  expect_near(result.at("heatmap"), expected_map(model(), {"grad-cam", "", "scores"}, x, classes), 1e-7);
}

TEST_F(CompileFiles, ABatchOfOneStaysOne) {
  OnnxWriter writer = pooled_classifier();
  auto& batch =
      *writer.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0);
  batch.set_dim_value(1);
  compile(writer, {.target = {CompiledTarget::Kind::input}});
  const onnx::ModelProto file = proto_in(compiled());
  EXPECT_EQ(file.graph().input(1).type().tensor_type().shape().dim(0).dim_value(), 1);
}

}  // namespace
}  // namespace limn
