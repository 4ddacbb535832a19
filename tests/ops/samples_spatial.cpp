// Samples of convolution, pooling, normalisation over channels, padding and scattering.
#include <utility>

#include "ops/gradient_check.h"

namespace limn::testing {
namespace {

using Ints = std::vector<std::int64_t>;
using Samples = std::vector<Sample>;

const std::string kUpper = "SAME_UPPER", kLower = "SAME_LOWER";

/// One way to slide a window over a picture: the attributes, and the picture's sizes.
struct Slide {
  std::string label;
  Dims x;
  Attrs attrs;
};

/// What convolutions are tried on; each entry with its weights.
struct Convolution {
  std::string label;
  Dims x, w;
  Attrs attrs;
};

std::vector<Convolution> convolutions() {
  return {
      {"3x3", {2, 3, 5, 4}, {4, 3, 3, 3}, {}},
      {"1x1", {1, 3, 3, 3}, {2, 3, 1, 1}, {}},
      {"pads 1", {1, 2, 4, 4}, {3, 2, 3, 3}, {{"pads", Ints{1, 1, 1, 1}}}},
      {"asymmetric pads", {1, 2, 4, 5}, {2, 2, 3, 3}, {{"pads", Ints{0, 2, 1, 0}}}},
      {"pads beyond the kernel", {1, 1, 2, 3}, {2, 1, 2, 2}, {{"pads", Ints{3, 2, 2, 4}}}},
      {"stride 2, tail unused", {1, 2, 6, 6}, {2, 2, 3, 3}, {{"strides", Ints{2, 2}}}},
      {"stride 2, pads 1", {2, 2, 6, 5}, {2, 2, 3, 3}, {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}},
      {"strides 3 and 1", {1, 2, 8, 4}, {2, 2, 2, 3}, {{"strides", Ints{3, 1}}}},
      {"stride beyond the kernel", {1, 2, 6, 6}, {2, 2, 1, 1}, {{"strides", Ints{2, 3}}}},
      {"dilation 2", {1, 2, 6, 7}, {2, 2, 3, 2}, {{"dilations", Ints{2, 2}}, {"pads", Ints{1, 0, 2, 1}}}},
      {"dilation and stride", {1, 1, 8, 8}, {2, 1, 3, 3}, {{"dilations", Ints{2, 1}}, {"strides", Ints{2, 2}}}},
      {"same upper", {1, 2, 5, 4}, {2, 2, 3, 2}, {{"auto_pad", kUpper}}},
      {"same upper, stride 2", {1, 2, 6, 5}, {2, 2, 3, 3}, {{"auto_pad", kUpper}, {"strides", Ints{2, 2}}}},
      {"same lower, stride 2", {1, 2, 6, 5}, {2, 2, 3, 2}, {{"auto_pad", kLower}, {"strides", Ints{2, 2}}}},
      {"valid", {1, 1, 4, 4}, {1, 1, 3, 3}, {{"auto_pad", std::string("VALID")}}},
      {"2 groups", {2, 4, 4, 4}, {6, 2, 3, 3}, {{"group", std::int64_t{2}}, {"pads", Ints{1, 1, 1, 1}}}},
      {"2 groups, stride 2", {1, 4, 5, 5}, {2, 2, 2, 2}, {{"group", std::int64_t{2}}, {"strides", Ints{2, 2}}}},
      {"depthwise", {1, 3, 4, 4}, {3, 1, 3, 3}, {{"group", std::int64_t{3}}, {"pads", Ints{1, 1, 1, 1}}}},
      {"depthwise times 2, stride 2",
       {1, 3, 5, 5},
       {6, 1, 3, 3},
       {{"group", std::int64_t{3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}},
      {"kernel larger than the input", {1, 2, 3, 2}, {2, 2, 5, 5}, {{"pads", Ints{2, 2, 2, 2}}}},
      {"1-D", {2, 3, 7}, {2, 3, 3}, {{"strides", Ints{2}}, {"pads", Ints{1, 0}}}},
      {"3-D", {1, 2, 3, 4, 3}, {2, 2, 2, 3, 2}, {{"strides", Ints{1, 2, 1}}, {"pads", Ints{0, 1, 1, 1, 0, 0}}}},
      {"wide rows", {1, 1, 2, 300}, {2, 1, 1, 3}, {{"strides", Ints{1, 2}}}},
  };
}

Samples conv_samples() {
  Samples all;
  for (const auto& [label, x, w, attrs] : convolutions()) {
    const Tensor input = random_tensor(x, 1), weights = random_tensor(w, 2), bias = random_tensor({w[0]}, 3);
    all.push_back({"Conv", label, {input, weights, bias}, attrs, {0}});
    Sample plain{"Conv", label + ", no bias", {input, weights}, attrs};
    const Tensor dy = run_sample(plain)[0].converted(DType::f32);
    all.push_back({"limn::ConvGrad", label, {dy, weights, ints(x)}, attrs, {0}});
  }
  return all;
}

Samples conv_transpose_samples() {
  const auto sample = [](std::string label, Dims x, Dims w, Attrs attrs) {
    const std::int64_t channels = w[1] * attrs.integer("group", 1);
    return Sample{"ConvTranspose",
                  std::move(label),
                  {random_tensor(std::move(x), 4), random_tensor(std::move(w), 5), random_tensor({channels}, 6)},
                  std::move(attrs),
                  {0}};
  };
  const Ints two{2, 2};
  return {
      sample("3x3", {2, 2, 3, 4}, {2, 3, 3, 3}, {}),
      sample("stride 2", {1, 2, 3, 3}, {2, 2, 2, 2}, {{"strides", two}}),
      sample("stride 2, pads", {1, 2, 3, 4}, {2, 3, 3, 3}, {{"strides", two}, {"pads", Ints{1, 0, 0, 1}}}),
      sample("output padding", {1, 2, 3, 3}, {2, 2, 3, 3},
             {{"strides", Ints{2, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"output_padding", Ints{1, 2}}}),
      sample("output padding of the stride", {1, 1, 3, 2}, {1, 2, 2, 2},
             {{"strides", two}, {"dilations", Ints{3, 3}}, {"output_padding", two}}),
      sample("2 groups, dilation", {1, 4, 3, 3}, {4, 2, 2, 3}, {{"group", std::int64_t{2}}, {"dilations", two}}),
      sample("depthwise", {1, 3, 3, 3}, {3, 1, 2, 2}, {{"group", std::int64_t{3}}, {"strides", two}}),
      sample("output shape", {1, 2, 3, 3}, {2, 2, 3, 3}, {{"strides", two}, {"output_shape", Ints{6, 5}}}),
      sample("larger output shape", {1, 1, 3, 3}, {1, 2, 3, 3},
             {{"strides", Ints{3, 2}}, {"output_shape", Ints{10, 8}}}),
      sample("same upper", {1, 2, 3, 3}, {2, 2, 3, 3}, {{"strides", two}, {"auto_pad", kUpper}}),
      sample("same lower", {1, 2, 3, 4}, {2, 2, 4, 3}, {{"strides", two}, {"auto_pad", kLower}}),
      sample("1-D", {1, 2, 4}, {2, 2, 3}, {{"strides", Ints{2}}}),
      sample("3-D", {1, 1, 2, 2, 3}, {1, 2, 2, 2, 2}, {{"strides", Ints{1, 2, 1}}}),
  };
}

/// Windows for both kinds of pooling.
std::vector<Slide> pools() {
  const Ints two{2, 2}, three{3, 3}, around{1, 1, 1, 1};
  const Attr ceil = std::int64_t{1};
  return {
      {"2x2 stride 2", {2, 2, 4, 4}, {{"kernel_shape", two}, {"strides", two}}},
      {"2x2 stride 2, tail unused", {1, 2, 5, 5}, {{"kernel_shape", two}, {"strides", two}}},
      {"overlapping 3x3 stride 2, pads 1",
       {1, 2, 6, 6},
       {{"kernel_shape", three}, {"strides", two}, {"pads", around}}},
      {"3x3 stride 1, pads 1", {1, 2, 4, 3}, {{"kernel_shape", three}, {"pads", around}}},
      {"3x3 stride 2, ceil", {1, 2, 6, 6}, {{"kernel_shape", three}, {"strides", two}, {"ceil_mode", ceil}}},
      {"3x3 stride 2, pads 1, ceil",
       {1, 2, 6, 5},
       {{"kernel_shape", three}, {"strides", two}, {"pads", around}, {"ceil_mode", ceil}}},
      {"2x2 stride 3, ceil drops a window",
       {1, 1, 5, 6},
       {{"kernel_shape", two}, {"strides", three}, {"pads", around}, {"ceil_mode", ceil}}},
      {"larger than the input, ceil",
       {1, 2, 2, 3},
       {{"kernel_shape", three}, {"strides", two}, {"ceil_mode", ceil}}},
      {"larger than the input, padded",
       {1, 1, 2, 2},
       {{"kernel_shape", Ints{5, 4}}, {"pads", Ints{2, 1, 1, 3}}, {"strides", Ints{1, 2}}}},
      {"asymmetric",
       {1, 2, 5, 6},
       {{"kernel_shape", Ints{3, 2}}, {"strides", Ints{1, 3}}, {"pads", Ints{0, 1, 2, 0}}}},
      {"dilation 2", {1, 2, 6, 7}, {{"kernel_shape", two}, {"dilations", Ints{2, 3}}, {"pads", around}}},
      {"same upper, stride 2", {1, 2, 5, 6}, {{"kernel_shape", three}, {"strides", two}, {"auto_pad", kUpper}}},
      {"same lower, stride 2",
       {1, 2, 6, 5},
       {{"kernel_shape", Ints{3, 2}}, {"strides", two}, {"auto_pad", kLower}}},
      {"same upper", {1, 1, 3, 4}, {{"kernel_shape", Ints{2, 3}}, {"auto_pad", kUpper}}},
      {"1-D", {2, 2, 7}, {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}, {"pads", Ints{1, 0}}}},
      {"3-D",
       {1, 1, 3, 4, 4},
       {{"kernel_shape", Ints{2, 3, 2}}, {"strides", Ints{1, 2, 2}}, {"pads", Ints{0, 1, 0, 1, 1, 0}}}},
  };
}

Tensor cotangent_of(const std::string& op, const Tensor& x, const Attrs& attrs) {
  return random_tensor(run_sample({op, "forward", {x}, attrs})[0].dims(), 8);
}

Samples max_pool_samples() {
  Samples all;
  for (const auto& [label, dims, attrs] : pools()) {
    const Tensor x = distinct_tensor(dims, 7);
    all.push_back({"MaxPool", label, {x}, attrs, {0}});
    all.push_back({"MaxPool", label + ", with indices", {x}, attrs, {0}, 1e-7, 2});
    all.push_back({"limn::MaxPoolGrad", label, {cotangent_of("MaxPool", x, attrs), x}, attrs, {0}});
  }
  const Attrs columns{{"kernel_shape", Ints{2, 3}}, {"storage_order", std::int64_t{1}}};
  all.push_back({"MaxPool", "indices by columns", {distinct_tensor({2, 1, 3, 4}, 7)}, columns, {0}, 1e-7, 2});
  const Tensor bytes = Tensor::of<std::uint8_t>({1, 1, 3}, {5, 200, 7});
  all.push_back({"MaxPool", "bytes", {bytes}, {{"kernel_shape", Ints{2}}}});
  // Ties have no derivative to compare with: the values alone, against the rewriting with indices.
  const Tensor tied = Tensor::of<float>({1, 1, 4, 4}, {1, 1, 1, 1, 1, 1, 1, 1, 0, 2, 2, 0, 0, 2, 2, 0});
  const Attrs overlapping{{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}};
  all.push_back({"limn::MaxPoolGrad", "ties", {cotangent_of("MaxPool", tied, overlapping), tied}, overlapping});
  const Attrs overhanging{{"kernel_shape", Ints{2, 3}}, {"strides", Ints{3, 2}}, {"ceil_mode", std::int64_t{1}}};
  all.push_back(
      {"limn::MaxPoolGrad", "ties, ceil", {cotangent_of("MaxPool", tied, overhanging), tied}, overhanging});
  return all;
}

Samples average_pool_samples() {
  Samples all;
  for (const auto& [label, dims, attrs] : pools())
    for (const std::int64_t padding : {0, 1}) {
      Attrs a = attrs;
      a.set("count_include_pad", padding);
      const std::string name = label + (padding ? ", padding counts" : "");
      const Tensor x = random_tensor(dims, 9);
      all.push_back({"AveragePool", name, {x}, a, {0}});
      all.push_back({"limn::AveragePoolGrad", name, {cotangent_of("AveragePool", x, a), ints(dims)}, a, {0}});
    }
  return all;
}

Samples global_pool_samples() {
  return {
      {"GlobalAveragePool", "2-D", {random_tensor({2, 3, 3, 7}, 10)}, {}, {0}},
      {"GlobalAveragePool", "1-D", {random_tensor({1, 3, 5}, 11)}, {}, {0}},
      {"GlobalMaxPool", "2-D", {distinct_tensor({2, 3, 3, 4}, 12)}, {}, {0}},
      {"GlobalMaxPool", "3-D", {distinct_tensor({1, 2, 2, 2, 3}, 13)}, {}, {0}},
  };
}

Samples normalization_samples() {
  const auto of_channels = [](unsigned seed, float low, float high) { return random_tensor({3}, seed, low, high); };
  const auto batch = [&](std::string label, Dims x, Attrs attrs) {
    return Sample{"BatchNormalization",
                  std::move(label),
                  {random_tensor(std::move(x), 14), of_channels(15, 0.5F, 2), of_channels(16, -1, 1),
                   of_channels(17, -1, 1), of_channels(18, 0.5F, 2)},
                  std::move(attrs),
                  {0}};
  };
  const Tensor x = random_tensor({2, 3, 3, 4}, 19);
  return {
      batch("2-D", {2, 3, 3, 2}, {}),
      batch("no spatial axes", {4, 3}, {{"epsilon", 1e-3}}),
      batch("3-D", {1, 3, 2, 2, 2}, {{"epsilon", 0.1}}),
      {"InstanceNormalization", "2-D", {x, of_channels(20, 0.5F, 2), of_channels(21, -1, 1)}, {}, {0}},
      {"InstanceNormalization",
       "1-D",
       {random_tensor({2, 3, 6}, 22), of_channels(23, 0.5F, 2), of_channels(24, -1, 1)},
       {{"epsilon", 0.1}},
       {0}},
  };
}

Samples lrn_samples() {
  Samples all;
  const auto add = [&](const std::string& label, Dims dims, Attrs attrs) {
    const Tensor x = random_tensor(dims, 25), dy = random_tensor(dims, 26);
    all.push_back({"LRN", label, {x}, attrs, {0}});
    all.push_back({"limn::LRNGrad", label, {dy, x}, attrs});
  };
  const auto strong = [](std::int64_t size) {
    return Attrs{{"size", size}, {"alpha", 0.5}, {"beta", 0.75}, {"bias", 1.5}};
  };
  add("defaults", {1, 6, 2, 2}, {{"size", std::int64_t{5}}});
  add("size 1", {1, 4, 2, 2}, strong(1));
  add("size 2", {2, 5, 2, 2}, strong(2));
  add("size 3", {2, 5, 2, 2}, strong(3));
  add("size 4", {1, 6, 1, 2}, strong(4));
  add("size 5", {1, 7, 1, 2}, strong(5));
  add("wider than the channels", {1, 3, 2, 1}, strong(8));
  add("1-D", {2, 4, 3}, strong(3));
  add("no spatial axes", {2, 4}, strong(3));
  return all;
}

Samples pad_samples() {
  Samples all;
  const auto add = [&](const std::string& mode, const std::string& label, std::vector<Tensor> in) {
    all.push_back({"Pad", mode + ", " + label, std::move(in), {{"mode", mode}}, {0}});
  };
  const Tensor x = random_tensor({2, 2, 3, 4}, 27), absent;
  for (const std::string mode : {"constant", "reflect", "edge", "wrap"}) {
    add(mode, "around", {x, ints({0, 0, 1, 2, 0, 0, 2, 1})});
    add(mode, "negative", {x, ints({0, 0, -1, -1, 0, 0, 0, -1})});
    add(mode, "mixed signs", {x, ints({0, 0, -1, 2, 0, 0, 1, -2})});
    add(mode, "axes", {x, ints({1, 2, 0, 1}), absent, ints({-1, 2})});
    add(mode, "nothing", {x, ints({0, 0, 0, 0, 0, 0, 0, 0})});
    add(mode, "one element", {random_tensor({1, 1, 1, 3}, 28), ints({0, 0, 2, 0, 0, 0, 1, 0})});
  }
  add("constant", "value", {x, ints({0, 1, 1, 1, 0, 0, 0, 2}), Tensor::scalar(1.5F)});
  add("constant", "batch and channels", {x, ints({1, 2, 0, 0, 0, 1, 0, 0})});
  add("edge", "channels", {x, ints({0, 1, 0, 0, 0, 1, 0, 0})});
  add("reflect", "1-D", {random_tensor({2, 5}, 29), ints({0, 4, 0, 3})});
  add("wrap", "twice around", {random_tensor({1, 3}, 30), ints({0, 4, 0, 7})});
  return all;
}

Samples scatter_samples() {
  const Tensor data = distinct_tensor({3, 4}, 31), updates = distinct_tensor({2, 4}, 32, 0.031F);
  const Tensor rows = Tensor::of<std::int64_t>({2, 4}, {0, 2, 1, -1, 1, 0, -3, 1});
  const Tensor repeated = Tensor::of<std::int64_t>({2, 4}, {0, 2, 1, -1, 0, 2, -2, 2});
  const Tensor columns = Tensor::of<std::int32_t>({2, 4}, {3, 0, 1, 2, -1, 2, 1, 0});
  const auto with = [](std::int64_t axis, std::string reduction) {
    return Attrs{{"axis", axis}, {"reduction", std::move(reduction)}};
  };
  return {
      {"GatherElements", "rows", {data, rows}, {}, {0}},
      {"GatherElements", "columns", {data, columns}, {{"axis", std::int64_t{-1}}}, {0}},
      {"ScatterElements", "none", {data, rows, updates}, {}, {0, 2}},
      {"ScatterElements", "none, columns", {data, columns, updates}, {{"axis", std::int64_t{-1}}}, {0, 2}},
      {"ScatterElements", "add", {data, repeated, updates}, with(0, "add"), {0, 2}},
      {"ScatterElements", "add, columns", {data, columns, updates}, with(1, "add"), {0, 2}},
      {"ScatterElements", "mul", {data, repeated, updates}, with(0, "mul"), {0, 2}},
      {"ScatterElements", "mul, columns", {data, columns, updates}, with(1, "mul"), {0, 2}},
      {"ScatterElements", "max", {data, repeated, updates}, with(0, "max"), {0, 2}},
      {"ScatterElements", "min", {data, repeated, updates}, with(0, "min"), {0, 2}},
  };
}

}  // namespace

std::vector<Sample> spatial_samples() {
  Samples all;
  for (Samples some :
       {conv_samples(), conv_transpose_samples(), max_pool_samples(), average_pool_samples(), global_pool_samples(),
        normalization_samples(), lrn_samples(), pad_samples(), scatter_samples()})
    for (Sample& s : some) all.push_back(std::move(s));
  return all;
}

}  // namespace limn::testing
