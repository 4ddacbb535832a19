// ResNet (He et al. 2016), ResNeXt (Xie et al. 2017), Wide ResNet (Zagoruyko and Komodakis 2016).

#include <fmt/format.h>

#include "limn/zoo/families.h"

namespace limn {
namespace {

/// Convolution `n` of a block with its batch normalisation.
Value normalised(Layers& net, Value x, const std::string& block, int n, Convolution c) {
  c.bias = false;
  x = net.convolution(x, fmt::format("{}.conv{}", block, n), c);
  return net.batch_norm(x, fmt::format("{}.bn{}", block, n));
}

Value shortcut(Layers& net, Value x, const std::string& block, std::int64_t out, int stride) {
  if (stride == 1 && Layers::channels(x) == out) return x;
  x = net.convolution(x, block + ".downsample.0", {.out = out, .kernel = 1, .stride = stride, .bias = false});
  return net.batch_norm(x, block + ".downsample.1");
}

Value two_convolutions(Layers& net, Value x, const std::string& block, int width, int stride) {
  x = normalised(net, x, block, 1, {.out = width, .kernel = 3, .stride = stride, .pad = 1});
  x = net.relu(x, block + ".relu1");
  return normalised(net, x, block, 2, {.out = width, .kernel = 3, .pad = 1});
}

Value narrow_in_between(Layers& net, Value x, const std::string& block, int width, int stride,
                        const ResNetPlan& plan) {
  const int narrow = width * plan.width_per_group / 64 * plan.groups;
  x = net.relu(normalised(net, x, block, 1, {.out = narrow, .kernel = 1}), block + ".relu1");
  x = normalised(net, x, block, 2, {.out = narrow, .kernel = 3, .stride = stride, .pad = 1, .groups = plan.groups});
  x = net.relu(x, block + ".relu2");
  return normalised(net, x, block, 3, {.out = 4 * width, .kernel = 1});
}

/// `value` names the result: the block, or the stage that ends with it.
Value residual_block(Layers& net, Value x, const std::string& block, const std::string& value, int width,
                     int stride, const ResNetPlan& plan) {
  const Value branch = plan.bottleneck ? narrow_in_between(net, x, block, width, stride, plan)
                                       : two_convolutions(net, x, block, width, stride);
  const Value around = shortcut(net, x, block, Layers::channels(branch), stride);
  const Value sum = net.add(branch, around, block + ".add");
  return net.named("Relu", block + ".relu", {sum}, {}, value);
}

}  // namespace

BuiltNetwork resnet(Layers& net, const ResNetPlan& plan) {
  Value x = net.convolution(net.input(), "conv1", {.out = 64, .kernel = 7, .stride = 2, .pad = 3, .bias = false});
  x = net.relu(net.batch_norm(x, "bn1"), "relu");
  x = net.max_pool(x, "maxpool", {.kernel = 3, .stride = 2, .pad = 1});
  int width = 64;
  for (std::size_t stage = 0; stage < plan.blocks.size(); ++stage, width *= 2) {
    const std::string layer = fmt::format("layer{}", stage + 1);
    for (int i = 0; i < plan.blocks[stage]; ++i) {
      const std::string block = fmt::format("{}.{}", layer, i);
      const bool last = i + 1 == plan.blocks[stage];
      const int stride = i == 0 && stage > 0 ? 2 : 1;
      x = residual_block(net, x, block, last ? layer : block, width, stride, plan);
    }
  }
  x = net.flatten(net.global_average_pool(x, "avgpool"));
  return std::move(net).finish(net.classifier(x, "fc"), "logits");
}

}  // namespace limn
