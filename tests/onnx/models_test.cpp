// Three real networks, as files that this project did not write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "limn/model.h"
#include "limn/passes/summary.h"
#include "limn/passes/target_layer.h"

namespace limn {
namespace {

using ::testing::Contains;
using ::testing::Pair;

struct Expected {
  const char* file;
  std::size_t nodes;
  const char* input;
  const char* shape;
  const char* logits;
  const char* layer;
  const char* layer_shape;
  std::int64_t parameters, multiply_adds;
  std::size_t candidates;
};

class RealModel : public ::testing::TestWithParam<Expected> {
 protected:
  std::filesystem::path path() const {
    return std::filesystem::path(LIMN_SHARED_DATA) / "models" / GetParam().file;
  }
  void SetUp() override {
    if (!std::filesystem::exists(path())) GTEST_SKIP() << path() << " is not there";
  }
};

TEST_P(RealModel, IsImportedAndUnderstood) {
  const Expected& want = GetParam();
  const Model model = import_onnx(path());
  const Graph& g = model.graph;
  EXPECT_EQ(model.opset, 13);
  EXPECT_EQ(model.ir_version, 7);
  EXPECT_EQ(model.file_bytes, std::filesystem::file_size(path()));
  EXPECT_EQ(model.path, path());
  EXPECT_TRUE(model.unsupported.empty());
  EXPECT_EQ(g.nodes().size(), want.nodes);
  ASSERT_EQ(g.inputs().size(), 1U);
  EXPECT_EQ(g.value(g.inputs()[0]).name, want.input);
  EXPECT_EQ(to_string(g.shape(g.inputs()[0])), want.shape);

  const Logits logits = find_logits(g);
  EXPECT_EQ(g.value(logits.value).name, "logits");
  EXPECT_EQ(logits.activation, "");
  EXPECT_EQ(to_string(g.shape(logits.value)), want.logits);
  const auto layer = auto_target_layer(g, logits.value);
  ASSERT_TRUE(layer);
  EXPECT_EQ(g.value(*layer).name, want.layer);
  EXPECT_EQ(to_string(g.shape(*layer)), want.layer_shape);
  const auto candidates = candidate_layers(g, logits.value);
  EXPECT_EQ(candidates.size(), want.candidates);
  EXPECT_THAT(candidates, Contains(*layer));

  const Summary summary = summarize(g);
  EXPECT_EQ(summary.parameters, want.parameters);
  EXPECT_EQ(summary.multiply_adds, want.multiply_adds);
}

// Parameters and sizes as data/README.md and the papers give them.
INSTANTIATE_TEST_SUITE_P(
    Shared, RealModel,
    ::testing::Values(Expected{"squeezenet1_0_imagenet.onnx", 65, "data", "[N, 3, 227, 227]", "[N, 1000]",
                               "fire9/concat", "[N, 512, 13, 13]", 1248424, 861339936, 37},
                      Expected{"mobilenetv2_imagenet.onnx", 100, "input", "[N, 3, 224, 224]", "[N, 1000]",
                               "out_relu", "[N, 1280, 7, 7]", 3487816, 300774272, 52},
                      Expected{"mnist_study.onnx", 7, "input", "[N, 1, 28, 28]", "[N, 10]", "conv_layers",
                               "[N, 20, 12, 12]", 145080, 432500, 2}),
    [](const auto& model) { return std::string(model.param.file).substr(0, 5); });

TEST(RealModels, HaveTheirOperatorsCounted) {
  const auto path = std::filesystem::path(LIMN_SHARED_DATA) / "models/squeezenet1_0_imagenet.onnx";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const Summary summary = summarize(import_onnx(path).graph);
  ASSERT_FALSE(summary.operators.empty());
  EXPECT_EQ(summary.operators.front().second, 26U);
  EXPECT_THAT(summary.operators, Contains(Pair("Concat", 8U)));
}

}  // namespace
}  // namespace limn
