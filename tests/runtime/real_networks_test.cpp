// The ImageNet networks at hand: what serves them, and what they compute.

#include <filesystem>

#include "limn/model.h"
#include "limn/passes/fold_batch_norm.h"
#include "runtime/small_network.h"

namespace limn {
namespace {

std::filesystem::path model_path(const std::string& name) {
  return std::filesystem::path(LIMN_SHARED_DATA) / "models" / (name + ".onnx");
}

/// Logits and, by the rules of guided backpropagation, the cotangent of the input.
Graph guided_graph(const Model& model) {
  GraphBuilder g(fold_batch_norm(model.graph));
  const Value logits = g.find(model.graph.value(model.graph.outputs()[0].value).name), x = g.handle(g.inputs()[0]);
  const Value target = g.input("target", logits.type());
  const Value d = pull_back(logits, target, std::span(&x, 1), guided_backprop()).front();
  return std::move(g).finish({{"logits", logits}, {"dx", d}});
}

class RealNetworks : public ::testing::TestWithParam<std::string> {};

TEST_P(RealNetworks, EveryConvolutionHasAFastKernel) {
  if (!std::filesystem::exists(model_path(GetParam()))) GTEST_SKIP() << "the networks of shared/data are not here";
  const Graph graph = guided_graph(import_onnx(model_path(GetParam())));
  for (const std::int64_t batch : {1, 8})
    for (const StepInfo& step : Program::compile(graph, {{{"N", batch}}, 2}).steps()) {
      EXPECT_EQ(step.kernel.find("ref"), std::string::npos) << step.label << ": " << step.kernel;
      EXPECT_EQ(step.label.find("Concat"), std::string::npos) << step.label << " copies";
    }
}

TEST_P(RealNetworks, LikeReference) {
  if (!std::filesystem::exists(model_path(GetParam()))) GTEST_SKIP() << "the networks of shared/data are not here";
  const Model model = import_onnx(model_path(GetParam()));
  SmallNetwork n(1);
  Dims x = known_dims([&] {
    Shape s = model.graph.shape(model.graph.inputs()[0]);
    s[0] = 1;
    return s;
  }());
  std::vector<float> target(1000);
  target[281] = 1.0F;
  expect_like_reference(guided_graph(model),
                        {{model.graph.value(model.graph.inputs()[0]).name, n.normal(x, 1.0F)},
                         {"target", Tensor::of<float>({1, 1000}, target)}},
                        {{}, 2});
}

INSTANTIATE_TEST_SUITE_P(Networks, RealNetworks,
                         ::testing::Values("squeezenet1_0_imagenet", "mobilenetv2_imagenet"));

}  // namespace
}  // namespace limn
