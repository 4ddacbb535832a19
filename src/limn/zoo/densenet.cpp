// DenseNet (Huang et al. 2017), and CheXNet, its use for chest X-rays (Rajpurkar et al. 2017).

#include <fmt/format.h>

#include "limn/zoo/families.h"

namespace limn {
namespace {

constexpr int kBottleneck = 4;  ///< channels before each 3x3 convolution, times the growth

Value activated(Layers& net, Value x, const std::string& module, const std::string& n) {
  return net.relu(net.batch_norm(x, module + ".norm" + n), module + ".relu" + n);
}

Value dense_layer(Layers& net, Value x, const std::string& module, int growth) {
  x = activated(net, x, module, "1");
  x = net.convolution(x, module + ".conv1", {.out = kBottleneck * growth, .kernel = 1, .bias = false});
  x = activated(net, x, module, "2");
  return net.convolution(x, module + ".conv2", {.out = growth, .kernel = 3, .pad = 1, .bias = false});
}

/// Every layer sees what all before it made.
Value dense_block(Layers& net, Value x, const std::string& module, int layers, int growth) {
  std::vector<Value> made{x};
  for (int i = 1; i <= layers; ++i) {
    const std::string layer = fmt::format("{}.denselayer{}", module, i);
    const Value all = i == 1 ? x : net.concat(made, layer + ".concat");
    made.push_back(dense_layer(net, all, layer, growth));
  }
  return net.concat(made, module);
}

Value transition(Layers& net, Value x, const std::string& module) {
  x = activated(net, x, module, "");
  x = net.convolution(x, module + ".conv", {.out = Layers::channels(x) / 2, .kernel = 1, .bias = false});
  return net.average_pool(x, module + ".pool", {.kernel = 2, .stride = 2});
}

/// Up to the vector of features.
Value features(Layers& net, const DenseNetPlan& plan) {
  Value x = net.convolution(net.input(), "features.conv0",
                            {.out = plan.first_channels, .kernel = 7, .stride = 2, .pad = 3, .bias = false});
  x = activated(net, x, "features", "0");
  x = net.max_pool(x, "features.pool0", {.kernel = 3, .stride = 2, .pad = 1});
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    x = dense_block(net, x, fmt::format("features.denseblock{}", i + 1), plan.layers[i], plan.growth);
    if (i + 1 < plan.layers.size()) x = transition(net, x, fmt::format("features.transition{}", i + 1));
  }
  x = activated(net, x, "features", "5");
  return net.flatten(net.global_average_pool(x, "avgpool"));
}

}  // namespace

BuiltNetwork densenet(Layers& net, const DenseNetPlan& plan) {
  const Value x = features(net, plan);
  return std::move(net).finish(net.classifier(x, "classifier"), "logits");
}

BuiltNetwork chexnet(Layers& net) {
  const Value x = features(net, {32, {6, 12, 24, 16}, 64});
  const Value logits = net.classifier(x, "classifier.0");
  const Value probabilities = net.named("Sigmoid", "classifier.1", {logits}, {}, "probabilities");
  return std::move(net).finish(probabilities, "probabilities");
}

}  // namespace limn
