// GoogLeNet (Szegedy et al. 2015) and Inception v3 (Szegedy et al. 2016), without their auxiliary heads.

#include "limn/zoo/families.h"

namespace limn {
namespace {

/// A convolution without bias, batch normalisation, ReLU; the value of the last has the module's name.
Value basic(Layers& net, Value x, const std::string& module, Convolution c) {
  c.bias = false;
  x = net.convolution(x, module + ".conv", c);
  return net.relu(net.batch_norm(x, module + ".bn", 1e-3), module);
}

Value pooled_3x3(Layers& net, Value x, const std::string& module) {
  return net.average_pool(x, module, {.kernel = 3, .stride = 1, .pad = 1});
}

BuiltNetwork finish(Layers& net, Value x, const std::vector<std::string_view>& heads) {
  x = net.flatten(net.global_average_pool(x, "avgpool"));
  return std::move(net).finish(net.classifier(x, "fc"), "logits", heads);
}

// ---- GoogLeNet

/// Channels of the four branches, those of the narrow layers before 3x3 and "5x5" (which torchvision made 3x3).
struct Branches {
  int one, narrow_three, three, narrow_five, five, pool;
};

Value inception(Layers& net, Value x, const std::string& module, const Branches& b) {
  const Value one = basic(net, x, module + ".branch1", {.out = b.one, .kernel = 1});
  Value three = basic(net, x, module + ".branch2.0", {.out = b.narrow_three, .kernel = 1});
  three = basic(net, three, module + ".branch2.1", {.out = b.three, .kernel = 3, .pad = 1});
  Value five = basic(net, x, module + ".branch3.0", {.out = b.narrow_five, .kernel = 1});
  five = basic(net, five, module + ".branch3.1", {.out = b.five, .kernel = 3, .pad = 1});
  Value pool = net.max_pool(x, module + ".branch4.0", {.kernel = 3, .stride = 1, .pad = 1, .ceil = true});
  pool = basic(net, pool, module + ".branch4.1", {.out = b.pool, .kernel = 1});
  return net.concat({one, three, five, pool}, module);
}

// ---- Inception v3; the letters are torchvision's

Value mixed_a(Layers& net, Value x, const std::string& module, int pool_channels) {
  const Value one = basic(net, x, module + ".branch1x1", {.out = 64, .kernel = 1});
  Value five = basic(net, x, module + ".branch5x5_1", {.out = 48, .kernel = 1});
  five = basic(net, five, module + ".branch5x5_2", {.out = 64, .kernel = 5, .pad = 2});
  Value twice = basic(net, x, module + ".branch3x3dbl_1", {.out = 64, .kernel = 1});
  twice = basic(net, twice, module + ".branch3x3dbl_2", {.out = 96, .kernel = 3, .pad = 1});
  twice = basic(net, twice, module + ".branch3x3dbl_3", {.out = 96, .kernel = 3, .pad = 1});
  Value pool = pooled_3x3(net, x, module + ".pool");
  pool = basic(net, pool, module + ".branch_pool", {.out = pool_channels, .kernel = 1});
  return net.concat({one, five, twice, pool}, module);
}

Value mixed_b(Layers& net, Value x, const std::string& module) {
  const Value three = basic(net, x, module + ".branch3x3", {.out = 384, .kernel = 3, .stride = 2});
  Value twice = basic(net, x, module + ".branch3x3dbl_1", {.out = 64, .kernel = 1});
  twice = basic(net, twice, module + ".branch3x3dbl_2", {.out = 96, .kernel = 3, .pad = 1});
  twice = basic(net, twice, module + ".branch3x3dbl_3", {.out = 96, .kernel = 3, .stride = 2});
  const Value pool = net.max_pool(x, module + ".pool", {.kernel = 3, .stride = 2});
  return net.concat({three, twice, pool}, module);
}

Convolution wide(int out) { return {.out = out, .kernel = {1, 7}, .pad = {0, 3}}; }
Convolution tall(int out) { return {.out = out, .kernel = {7, 1}, .pad = {3, 0}}; }

Value mixed_c(Layers& net, Value x, const std::string& module, int narrow) {
  const Value one = basic(net, x, module + ".branch1x1", {.out = 192, .kernel = 1});
  Value seven = basic(net, x, module + ".branch7x7_1", {.out = narrow, .kernel = 1});
  seven = basic(net, seven, module + ".branch7x7_2", wide(narrow));
  seven = basic(net, seven, module + ".branch7x7_3", tall(192));
  Value twice = basic(net, x, module + ".branch7x7dbl_1", {.out = narrow, .kernel = 1});
  twice = basic(net, twice, module + ".branch7x7dbl_2", tall(narrow));
  twice = basic(net, twice, module + ".branch7x7dbl_3", wide(narrow));
  twice = basic(net, twice, module + ".branch7x7dbl_4", tall(narrow));
  twice = basic(net, twice, module + ".branch7x7dbl_5", wide(192));
  Value pool = pooled_3x3(net, x, module + ".pool");
  pool = basic(net, pool, module + ".branch_pool", {.out = 192, .kernel = 1});
  return net.concat({one, seven, twice, pool}, module);
}

Value mixed_d(Layers& net, Value x, const std::string& module) {
  Value three = basic(net, x, module + ".branch3x3_1", {.out = 192, .kernel = 1});
  three = basic(net, three, module + ".branch3x3_2", {.out = 320, .kernel = 3, .stride = 2});
  Value seven = basic(net, x, module + ".branch7x7x3_1", {.out = 192, .kernel = 1});
  seven = basic(net, seven, module + ".branch7x7x3_2", wide(192));
  seven = basic(net, seven, module + ".branch7x7x3_3", tall(192));
  seven = basic(net, seven, module + ".branch7x7x3_4", {.out = 192, .kernel = 3, .stride = 2});
  const Value pool = net.max_pool(x, module + ".pool", {.kernel = 3, .stride = 2});
  return net.concat({three, seven, pool}, module);
}

/// A 1x3 and a 3x1 convolution side by side.
Value split_3x3(Layers& net, Value x, const std::string& module, const std::string& step) {
  const Value flat = basic(net, x, module + step + "a", {.out = 384, .kernel = {1, 3}, .pad = {0, 1}});
  const Value high = basic(net, x, module + step + "b", {.out = 384, .kernel = {3, 1}, .pad = {1, 0}});
  return net.concat({flat, high}, module + step);
}

Value mixed_e(Layers& net, Value x, const std::string& module) {
  const Value one = basic(net, x, module + ".branch1x1", {.out = 320, .kernel = 1});
  Value three = basic(net, x, module + ".branch3x3_1", {.out = 384, .kernel = 1});
  three = split_3x3(net, three, module, ".branch3x3_2");
  Value twice = basic(net, x, module + ".branch3x3dbl_1", {.out = 448, .kernel = 1});
  twice = basic(net, twice, module + ".branch3x3dbl_2", {.out = 384, .kernel = 3, .pad = 1});
  twice = split_3x3(net, twice, module, ".branch3x3dbl_3");
  Value pool = pooled_3x3(net, x, module + ".pool");
  pool = basic(net, pool, module + ".branch_pool", {.out = 192, .kernel = 1});
  return net.concat({one, three, twice, pool}, module);
}

}  // namespace

BuiltNetwork googlenet(Layers& net) {
  constexpr Pooling kPool{.kernel = 3, .stride = 2, .ceil = true};
  Value x = basic(net, net.input(), "conv1", {.out = 64, .kernel = 7, .stride = 2, .pad = 3});
  x = net.max_pool(x, "maxpool1", kPool);
  x = basic(net, x, "conv2", {.out = 64, .kernel = 1});
  x = basic(net, x, "conv3", {.out = 192, .kernel = 3, .pad = 1});
  x = net.max_pool(x, "maxpool2", kPool);
  x = inception(net, x, "inception3a", {64, 96, 128, 16, 32, 32});
  x = inception(net, x, "inception3b", {128, 128, 192, 32, 96, 64});
  x = net.max_pool(x, "maxpool3", kPool);
  x = inception(net, x, "inception4a", {192, 96, 208, 16, 48, 64});
  x = inception(net, x, "inception4b", {160, 112, 224, 24, 64, 64});
  x = inception(net, x, "inception4c", {128, 128, 256, 24, 64, 64});
  x = inception(net, x, "inception4d", {112, 144, 288, 32, 64, 64});
  x = inception(net, x, "inception4e", {256, 160, 320, 32, 128, 128});
  x = net.max_pool(x, "maxpool4", {.kernel = 2, .stride = 2, .ceil = true});
  x = inception(net, x, "inception5a", {256, 160, 320, 32, 128, 128});
  x = inception(net, x, "inception5b", {384, 192, 384, 48, 128, 128});
  return finish(net, x, {"aux1.", "aux2."});
}

BuiltNetwork inception_v3(Layers& net) {
  constexpr Pooling kPool{.kernel = 3, .stride = 2};
  Value x = basic(net, net.input(), "Conv2d_1a_3x3", {.out = 32, .kernel = 3, .stride = 2});
  x = basic(net, x, "Conv2d_2a_3x3", {.out = 32, .kernel = 3});
  x = basic(net, x, "Conv2d_2b_3x3", {.out = 64, .kernel = 3, .pad = 1});
  x = net.max_pool(x, "maxpool1", kPool);
  x = basic(net, x, "Conv2d_3b_1x1", {.out = 80, .kernel = 1});
  x = basic(net, x, "Conv2d_4a_3x3", {.out = 192, .kernel = 3});
  x = net.max_pool(x, "maxpool2", kPool);
  x = mixed_a(net, x, "Mixed_5b", 32);
  x = mixed_a(net, x, "Mixed_5c", 64);
  x = mixed_a(net, x, "Mixed_5d", 64);
  x = mixed_b(net, x, "Mixed_6a");
  x = mixed_c(net, x, "Mixed_6b", 128);
  x = mixed_c(net, x, "Mixed_6c", 160);
  x = mixed_c(net, x, "Mixed_6d", 160);
  x = mixed_c(net, x, "Mixed_6e", 192);
  x = mixed_d(net, x, "Mixed_7a");
  x = mixed_e(net, x, "Mixed_7b");
  x = mixed_e(net, x, "Mixed_7c");
  return finish(net, x, {"AuxLogits."});
}

}  // namespace limn
