// Networks made to be small: SqueezeNet (Iandola et al. 2016), MobileNet v2 (Sandler et al. 2018).

#include <fmt/format.h>

#include "limn/zoo/families.h"

namespace limn {
namespace {

constexpr Pooling kCeilPool{.kernel = 3, .stride = 2, .ceil = true};

Value fire(Layers& net, Value x, int index, int squeeze, int expand) {
  const std::string module = fmt::format("features.{}", index);
  const auto part = [&](Value in, const std::string& name, const Convolution& c) {
    return net.relu(net.convolution(in, module + name, c), module + name + "_activation");
  };
  const Value narrow = part(x, ".squeeze", {.out = squeeze, .kernel = 1});
  const Value one = part(narrow, ".expand1x1", {.out = expand, .kernel = 1});
  const Value three = part(narrow, ".expand3x3", {.out = expand, .kernel = 3, .pad = 1});
  return net.concat({one, three}, module);
}

BuiltNetwork finish_squeezenet(Layers& net, Value x) {
  x = net.relu(net.class_convolution(x, "classifier.1"), "classifier.2");
  x = net.global_average_pool(x, "classifier.3");
  x = net.named("Flatten", "flatten", {x}, {{"axis", std::int64_t{1}}}, "logits");
  return std::move(net).finish(x, "logits");
}

/// One stage of MobileNet v2: n blocks of which the first has that stride.
struct Stage {
  int expansion, channels, n, stride;
};

/// A convolution with batch normalisation, modules i and i + 1 of `module`.
Value normalised(Layers& net, Value x, const std::string& module, int i, Convolution c) {
  c.bias = false;
  x = net.convolution(x, fmt::format("{}.{}", module, i), c);
  return net.batch_norm(x, fmt::format("{}.{}", module, i + 1));
}

/// The same with ReLU6; the result has the module's name.
Value activated(Layers& net, Value x, const std::string& module, const Convolution& c) {
  return net.relu6(normalised(net, x, module, 0, c), module);
}

Value inverted_residual(Layers& net, Value x, const std::string& module, const Stage& s, int stride) {
  const std::int64_t in = Layers::channels(x), wide = s.expansion * in;
  Value y = x;
  int i = 0;
  if (s.expansion != 1) y = activated(net, y, fmt::format("{}.conv.{}", module, i++), {.out = wide, .kernel = 1});
  y = activated(net, y, fmt::format("{}.conv.{}", module, i++),
                {.out = wide, .kernel = 3, .stride = stride, .pad = 1, .groups = wide});
  y = normalised(net, y, module + ".conv", i, {.out = s.channels, .kernel = 1});
  return stride == 1 && in == s.channels ? net.add(x, y, module) : y;
}

}  // namespace

BuiltNetwork squeezenet1_0(Layers& net) {
  Value x =
      net.relu(net.convolution(net.input(), "features.0", {.out = 96, .kernel = 7, .stride = 2}), "features.1");
  x = net.max_pool(x, "features.2", kCeilPool);
  x = fire(net, fire(net, fire(net, x, 3, 16, 64), 4, 16, 64), 5, 32, 128);
  x = net.max_pool(x, "features.6", kCeilPool);
  x = fire(net, fire(net, x, 7, 32, 128), 8, 48, 192);
  x = fire(net, fire(net, x, 9, 48, 192), 10, 64, 256);
  x = net.max_pool(x, "features.11", kCeilPool);
  return finish_squeezenet(net, fire(net, x, 12, 64, 256));
}

BuiltNetwork squeezenet1_1(Layers& net) {
  Value x =
      net.relu(net.convolution(net.input(), "features.0", {.out = 64, .kernel = 3, .stride = 2}), "features.1");
  x = net.max_pool(x, "features.2", kCeilPool);
  x = fire(net, fire(net, x, 3, 16, 64), 4, 16, 64);
  x = net.max_pool(x, "features.5", kCeilPool);
  x = fire(net, fire(net, x, 6, 32, 128), 7, 32, 128);
  x = net.max_pool(x, "features.8", kCeilPool);
  x = fire(net, fire(net, x, 9, 48, 192), 10, 48, 192);
  return finish_squeezenet(net, fire(net, fire(net, x, 11, 64, 256), 12, 64, 256));
}

BuiltNetwork mobilenet_v2(Layers& net) {
  constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                               {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  Value x = activated(net, net.input(), "features.0", {.out = 32, .kernel = 3, .stride = 2, .pad = 1});
  int index = 1;
  for (const Stage& stage : kStages)
    for (int i = 0; i < stage.n; ++i)
      x = inverted_residual(net, x, fmt::format("features.{}", index++), stage, i == 0 ? stage.stride : 1);
  x = activated(net, x, fmt::format("features.{}", index), {.out = 1280, .kernel = 1});
  x = net.flatten(net.global_average_pool(x, "avgpool"));
  return std::move(net).finish(net.classifier(x, "classifier.1"), "logits");
}

}  // namespace limn
