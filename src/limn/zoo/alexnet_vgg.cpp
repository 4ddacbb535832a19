// Networks that end in three dense layers: AlexNet (Krizhevsky 2014), VGG (Simonyan and Zisserman 2015), and the
// small one for digits.

#include <fmt/format.h>

#include "limn/zoo/families.h"

namespace limn {
namespace {

/// "features.7"
std::string feature(int i) { return fmt::format("features.{}", i); }

}  // namespace

BuiltNetwork alexnet(Layers& net) {
  constexpr Pooling kPool{.kernel = 3, .stride = 2};
  Value x = net.input();
  x = net.relu(net.convolution(x, feature(0), {.out = 64, .kernel = 11, .stride = 4, .pad = 2}), feature(1));
  x = net.max_pool(x, feature(2), kPool);
  x = net.relu(net.convolution(x, feature(3), {.out = 192, .kernel = 5, .pad = 2}), feature(4));
  x = net.max_pool(x, feature(5), kPool);
  x = net.relu(net.convolution(x, feature(6), {.out = 384, .kernel = 3, .pad = 1}), feature(7));
  x = net.relu(net.convolution(x, feature(8), {.out = 256, .kernel = 3, .pad = 1}), feature(9));
  x = net.relu(net.convolution(x, feature(10), {.out = 256, .kernel = 3, .pad = 1}), feature(11));
  x = net.flatten(net.max_pool(x, feature(12), kPool));
  x = net.relu(net.linear(x, "classifier.1", 4096), "classifier.2");
  x = net.relu(net.linear(x, "classifier.4", 4096), "classifier.5");
  return std::move(net).finish(net.classifier(x, "classifier.6"), "logits");
}

BuiltNetwork vgg(Layers& net, const VggPlan& plan, bool batch_norm) {
  Value x = net.input();
  int i = 0;
  for (const int channels : plan) {
    if (channels == 0) {
      x = net.max_pool(x, feature(i++), {.kernel = 2, .stride = 2});
      continue;
    }
    x = net.convolution(x, feature(i++), {.out = channels, .kernel = 3, .pad = 1});
    if (batch_norm) x = net.batch_norm(x, feature(i++));
    x = net.relu(x, feature(i++));
  }
  x = net.relu(net.linear(net.flatten(x), "classifier.0", 4096), "classifier.1");
  x = net.relu(net.linear(x, "classifier.3", 4096), "classifier.4");
  return std::move(net).finish(net.classifier(x, "classifier.6"), "logits");
}

BuiltNetwork digits_cnn(Layers& net) {
  Value x = net.convolution(net.input(), "conv_layers.0", {.out = 20, .kernel = 5});
  x = net.max_pool(x, "conv_layers.1", {.kernel = 2, .stride = 2});
  x = net.flatten(net.relu(x, "conv_layers"));
  x = net.relu(net.linear(x, "fc_layers.0", 50), "fc_layers.1");
  return std::move(net).finish(net.classifier(x, "fc_layers.2"), "logits");
}

}  // namespace limn
