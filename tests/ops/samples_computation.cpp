// Samples of normalizations, sums of products, quantization, bits, tables and losses.
#include <cmath>

#include "ops/gradient_check.h"

namespace limn::testing {
namespace {

using Ints = std::vector<std::int64_t>;
using Samples = std::vector<Sample>;

void join(Samples& all, Samples more) { all.insert(all.end(), more.begin(), more.end()); }

Attrs axis(std::int64_t a) { return {{"axis", a}}; }
Tensor index(std::int64_t i) { return Tensor::scalar(i); }

template <class T>
Tensor row(std::initializer_list<T> values) {
  return Tensor::of<T>({static_cast<std::int64_t>(values.size())}, values);
}

Samples trigonometric_samples() {
  Samples all;
  const auto add = [&](const std::string& op, float low, float high) {
    unsigned seed = 1;
    for (const Dims& dims : {Dims{2, 3, 2}, Dims{5}, Dims{}})
      all.push_back({op, to_string(std::span(dims)), {random_tensor(dims, seed++, low, high)}, {}, {0}});
  };
  for (const char* op : {"Sinh", "Cosh", "Atan", "Asinh", "Softsign", "Celu", "Mish", "Gelu", "Swish"})
    add(op, -2.0F, 2.0F);
  for (const char* op : {"Tan", "Asin", "Acos", "Atanh"}) add(op, -0.8F, 0.8F);
  add("Acosh", 1.3F, 4.0F);
  return all;
}

Samples activation_samples() {
  const Tensor x = distinct_tensor({2, 3, 4}, 3, 0.37F);
  return {
      {"Celu", "narrow", {x}, {{"alpha", 0.5}}, {0}},
      {"Mish", "far from zero", {row<float>({-60, -9, 9, 60})}, {}, {0}},
      {"Swish", "steep", {x}, {{"alpha", 1.75}}, {0}},
      {"Swish", "far from zero", {row<float>({-60, -9, 9, 60})}, {}, {0}},
      {"limn::SwishSlope", "plain", {x}, {}, {0}},
      {"limn::SwishSlope", "steep", {x}, {{"alpha", 1.75}}, {0}},
      {"limn::SwishAndSlope", "steep", {x}, {{"alpha", 1.75}}, {}, 1e-7, 2},
      {"Gelu", "approximate", {x}, {{"approximate", std::string("tanh")}}, {0}},
      {"limn::GeluSlope", "plain", {x}, {}, {0}},
      {"limn::GeluSlope", "approximate", {x}, {{"approximate", std::string("tanh")}}, {0}},
      {"limn::GeluAndSlope", "plain", {x}, {}, {}, 1e-7, 2},
      {"limn::GeluAndSlope", "approximate", {x}, {{"approximate", std::string("tanh")}}, {}, 1e-7, 2},
      {"Gelu", "far from zero", {row<float>({-30, -6, 6, 30})}, {}, {0}},
      {"ThresholdedRelu", "default", {x}, {}, {0}},
      {"ThresholdedRelu", "below zero", {x}, {{"alpha", -0.5}}, {0}},
      {"Shrink", "default", {x}, {}, {0}},
      {"Shrink", "with a bias", {x}, {{"lambd", 1.5}, {"bias", 1.5}}, {0}},
      {"Shrink", "integers", {ints({-4, -1, 0, 1, 4})}, {{"lambd", 1.5}, {"bias", 1.0}}},
      {"Hardmax", "last axis", {x}, {}, {0}},
      {"Hardmax", "middle axis", {x}, axis(1), {0}},
      {"limn::SoftmaxGrad", "last axis", {random_tensor({2, 3, 4}, 1), random_tensor({2, 3, 4}, 2)}, {}, {0, 1}},
      {"limn::SoftmaxGrad", "first axis", {random_tensor({3, 4}, 1), random_tensor({3, 4}, 2)}, axis(0), {0, 1}}};
}

Samples bit_samples() {
  const Tensor a = row<std::uint8_t>({0b1100, 0b1010, 255}), b = row<std::uint8_t>({0b1010, 1, 9});
  const Attrs left{{"direction", std::string("LEFT")}}, right{{"direction", std::string("RIGHT")}};
  const Attrs fmod{{"fmod", std::int64_t{1}}};
  Samples all{
      {"BitShift", "left", {a, b}, left},
      {"BitShift", "right, one amount", {a, row<std::uint8_t>({2})}, right},
      {"BitwiseNot", "signed", {ints({5, -1, 0})}},
      {"Mod", "integers of mixed signs", {ints({7, -7, 7, -7}), ints({3, 3, -3, -3})}},
      {"Mod", "integers as in C", {ints({7, -7, 7, -7}), ints({3, 3, -3, -3})}, fmod},
      {"Mod", "by minus one", {row<std::int8_t>({-128, 5}), row<std::int8_t>({-1})}},
      {"Mod", "floats", {random_tensor({2, 3}, 1, 0.2F, 0.9F), random_tensor({3}, 2, 1.0F, 2.0F)}, fmod, {0, 1}},
      {"Mod", "several turns", {row<float>({7.3F, -7.3F}), row<float>({2.0F, 2.0F})}, fmod, {0, 1}},
      {"Mod", "one dividend", {Tensor::scalar(7.3F), random_tensor({2, 2}, 2, 2.0F, 2.3F)}, fmod, {0, 1}},
      {"IsNaN", "plain", {row<float>({1, NAN, INFINITY})}},
      {"IsInf", "both", {row<float>({1, NAN, INFINITY, -INFINITY})}},
      {"IsInf", "one side", {row<float>({1, NAN, INFINITY, -INFINITY})}, {{"detect_negative", std::int64_t{0}}}},
      {"Xor", "broadcast", {Tensor::of<bool>({2, 2}, {true, false, true, true}), row<bool>({true, false})}}};
  for (const char* op : {"BitwiseAnd", "BitwiseOr", "BitwiseXor"}) {
    all.push_back({op, "plain", {a, b}});
    all.push_back({op, "broadcast", {ints({6, -3}), index(5)}});
  }
  return all;
}

Samples normalization_samples() {
  const Tensor x = random_tensor({2, 3, 4}, 1), image = random_tensor({2, 6, 2, 3}, 2);
  const Tensor scale = random_tensor({4}, 3, 0.5F, 1.5F), bias = random_tensor({4}, 4);
  const Tensor channels = random_tensor({6}, 5, 0.5F, 1.5F), shift = random_tensor({6}, 6);
  const Attrs two_groups{{"num_groups", std::int64_t{2}}};
  return {{"LayerNormalization", "last axis", {x, scale, bias}, {}, {0}},
          {"LayerNormalization", "without bias", {x, scale}, {{"epsilon", 0.1}}, {0}},
          {"LayerNormalization",
           "two axes, a scale for each",
           {x, random_tensor({3, 4}, 7), random_tensor({3, 1}, 8)},
           axis(1),
           {0}},
          {"LayerNormalization", "all axes", {x, scale, bias}, axis(-3), {0}},
          {"LayerNormalization", "with its statistics", {x, scale, bias}, {}, {0}, 1e-7, 3},
          {"LayerNormalization", "two axes with their statistics", {x, scale}, axis(1), {0}, 1e-7, 3},
          {"limn::LayerNormalizationGrad", "last axis", {random_tensor({2, 3, 4}, 9), x, scale}},
          {"limn::LayerNormalizationGrad",
           "two axes",
           {random_tensor({2, 3, 4}, 9), x, random_tensor({3, 4}, 7)},
           axis(1)},
          {"GroupNormalization", "two groups", {image, channels, shift}, two_groups, {0}},
          {"GroupNormalization", "one group", {image, channels, shift}, {{"num_groups", std::int64_t{1}}}, {0}},
          {"GroupNormalization",
           "a group per channel",
           {random_tensor({2, 6, 5}, 3), channels, shift},
           {{"num_groups", std::int64_t{6}}, {"epsilon", 0.01}},
           {0}},
          {"MeanVarianceNormalization", "default", {image}, {}, {0}, 1e-6},
          {"MeanVarianceNormalization", "last axes", {x}, {{"axes", Ints{1, -1}}}, {0}, 1e-6},
          {"LpNormalization", "p 2", {x}, {}, {0}},
          {"LpNormalization",
           "p 1",
           {distinct_tensor({2, 3, 4}, 2)},
           {{"axis", std::int64_t{1}}, {"p", std::int64_t{1}}},
           {0}},
          {"LpNormalization", "zeros", {Tensor::of<float>({2, 2}, {0, 0, 3, 4})}}};
}

Samples norm_pool_samples() {
  const Tensor image = random_tensor({2, 2, 5, 6}, 2), distinct = distinct_tensor({1, 2, 4, 4}, 3);
  const auto pool = [](std::int64_t p) {
    return Attrs{{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 1}}, {"pads", Ints{1, 0, 1, 1}}, {"p", p}};
  };
  return {{"LpPool", "p 2", {image}, pool(2), {0}, 1e-6},
          {"LpPool", "p 3", {image}, pool(3), {0}, 1e-6},
          {"LpPool", "p 1", {distinct}, pool(1), {0}},
          {"LpPool",
           "one axis",
           {random_tensor({1, 2, 7}, 1)},
           {{"kernel_shape", Ints{3}}, {"auto_pad", std::string("SAME_UPPER")}},
           {0},
           1e-6},
          {"GlobalLpPool", "p 2", {image}, {}, {0}},
          {"GlobalLpPool", "p 1", {distinct}, {{"p", std::int64_t{1}}}, {0}},
          {"GlobalLpPool", "p 4", {image}, {{"p", std::int64_t{4}}}, {0}, 1e-6}};
}

Samples einsum_samples() {
  Samples all;
  const auto add = [&](std::string equation, const std::vector<Dims>& shapes) {
    Sample s{"Einsum", equation, {}, {{"equation", equation}}, {}};
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      s.in.push_back(random_tensor(shapes[i], static_cast<unsigned>(i) + 1));
      s.wrt.push_back(i);
    }
    all.push_back(std::move(s));
  };
  add("ij->ji", {{2, 3}});
  add("ij->i", {{2, 3}});
  add("ii->i", {{3, 3}});
  add("ii", {{3, 3}});
  add("iji->j", {{2, 3, 2}});
  add("...ii->...i", {{2, 3, 3}});
  add("ij,jk->ik", {{2, 3}, {3, 2}});
  add("ij , jk", {{2, 3}, {3, 2}});
  add("bij,bjk->bik", {{2, 2, 3}, {2, 3, 2}});
  add("bhid,bhjd->bhij", {{2, 2, 3, 2}, {2, 2, 2, 2}});
  add("i,i", {{3}, {3}});
  add("i,j->ji", {{2}, {3}});
  add("i,->i", {{3}, {}});
  add("ij,kj->k", {{2, 3}, {2, 3}});
  add("abc,cd,de->abe", {{2, 1, 2}, {2, 3}, {3, 2}});
  add("...ij,...jk->...ik", {{2, 1, 2, 3}, {3, 3, 2}});
  add("...,...", {{2, 3}, {3}});
  add("i...->...", {{2, 3, 2}});
  add("i...->i", {{2, 3, 2}});
  add("ij,ij->ij", {{2, 3}, {1, 3}});
  add("ii,ij->j", {{3, 3}, {3, 2}});
  all.push_back({"Einsum", "integers", {ints({1, 2, 3}), ints({4, 5, 6})}, {{"equation", std::string("i,i->")}}});
  return all;
}

Samples cumulative_samples() {
  const Tensor x = random_tensor({2, 3, 4}, 1);
  const Attrs exclusive{{"exclusive", std::int64_t{1}}}, reverse{{"reverse", std::int64_t{1}}};
  const Attrs lower{{"upper", std::int64_t{0}}};
  return {{"CumSum", "middle axis", {x, index(1)}, {}, {0}},
          {"CumSum", "last axis, exclusive", {x, index(-1)}, exclusive, {0}},
          {"CumSum", "first axis, reversed", {x, Tensor::scalar<std::int32_t>(0)}, reverse, {0}},
          {"CumSum", "both", {x, ints({2})}, {{"exclusive", std::int64_t{1}}, {"reverse", std::int64_t{1}}}, {0}},
          {"CumSum", "integers", {ints({1, 2, 3}), index(0)}},
          {"Trilu", "upper", {x}, {}, {0}},
          {"Trilu", "upper, k 1", {x, index(1)}, {}, {0}},
          {"Trilu", "lower, k -1", {x, index(-1)}, lower, {0}},
          {"Trilu", "far diagonal", {x, index(std::int64_t{1} << 62)}, lower, {0}},
          {"Trilu", "integers", {Tensor::of<std::int64_t>({2, 2}, {1, 2, 3, 4})}},
          {"Det", "stack", {random_tensor({2, 3, 3}, 1)}},
          {"Det", "singular", {Tensor::of<float>({2, 2}, {1, 2, 2, 4})}},
          {"EyeLike", "square", {random_tensor({3, 3}, 1)}},
          {"EyeLike",
           "off the diagonal",
           {random_tensor({2, 4}, 1)},
           {{"k", std::int64_t{1}}, {"dtype", std::int64_t{7}}}},
          {"HannWindow", "periodic", {index(8)}},
          {"HannWindow", "symmetric", {index(8)}, {{"periodic", std::int64_t{0}}}},
          {"HammingWindow", "periodic", {index(7)}},
          {"BlackmanWindow", "symmetric", {index(9)}, {{"periodic", std::int64_t{0}}}},
          {"MelWeightMatrix",
           "small",
           {index(4), index(16), index(8192), Tensor::scalar(0.0F), Tensor::scalar(4096.0F)}}};
}

Samples quantization_samples() {
  const Tensor x = distinct_tensor({2, 3, 2}, 1, 0.31F), scale = row<float>({0.1F, 0.2F, 0.3F});
  const Tensor q = Tensor::of<std::int8_t>({2, 2}, {-128, -3, 5, 127});
  const Tensor a = Tensor::of<std::uint8_t>({2, 3}, {11, 7, 3, 10, 6, 2}),
               b = Tensor::of<std::uint8_t>({3, 2}, {1, 4, 2, 5, 3, 6});
  return {{"QuantizeLinear", "one scale", {x, Tensor::scalar(0.07F), Tensor::scalar<std::uint8_t>(128)}, {}, {0}},
          {"QuantizeLinear", "per axis", {x, scale, row<std::int8_t>({0, 5, -7})}, axis(1), {0}},
          {"QuantizeLinear", "without a zero point", {x, Tensor::scalar(0.07F)}},
          {"DequantizeLinear", "one scale", {q, Tensor::scalar(0.5F), Tensor::scalar<std::int8_t>(3)}, {}, {1}},
          {"DequantizeLinear", "per axis", {q, row<float>({0.5F, 2.0F})}, axis(0), {1}},
          {"DequantizeLinear", "int32", {Tensor::of<std::int32_t>({2}, {-70000, 5}), row<float>({0.5F})}, {}, {1}},
          {"DynamicQuantizeLinear", "both signs", {random_tensor({3, 4}, 5)}, {}, {}, 1e-7, 3},
          {"DynamicQuantizeLinear", "zeros", {Tensor::of<float>({2}, {0, 0})}, {}, {}, 1e-7, 3},
          {"MatMulInteger", "zero points", {a, b, row<std::uint8_t>({12}), row<std::uint8_t>({0})}},
          {"MatMulInteger", "by row and column", {a, b, row<std::uint8_t>({12, 1}), row<std::uint8_t>({3, 4})}},
          {"MatMulInteger", "plain", {a, b}},
          {"ConvInteger",
           "zero points",
           {Tensor::of<std::uint8_t>({1, 1, 3, 3}, {2, 3, 4, 5, 6, 7, 8, 9, 10}),
            Tensor::of<std::uint8_t>({2, 1, 2, 2}, {1, 1, 1, 1, 2, 2, 2, 2}), Tensor::scalar<std::uint8_t>(1),
            row<std::uint8_t>({0, 1})},
           {{"pads", Ints{1, 1, 1, 1}}}}};
}

Samples loss_samples() {
  Samples all;
  const Tensor x = random_tensor({3, 4}, 1), image = random_tensor({2, 3, 2, 2}, 2),
               weights = random_tensor({4}, 3, 0.5F, 1.5F);
  const Tensor classes = ints({0, 3, 2}), map = Tensor::of<std::int64_t>({2, 2, 2}, {0, 1, 2, 1, 0, 0, 2, -1});
  for (const char* op : {"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"}) {
    for (const char* reduction : {"none", "mean", "sum"})
      all.push_back({op,
                     std::string("weights, ") + reduction,
                     {x, classes, weights},
                     {{"reduction", std::string(reduction)}}});
    all.push_back({op, "a class ignored", {image, map}, {{"ignore_index", std::int64_t{-1}}}});
  }
  all.push_back({"SoftmaxCrossEntropyLoss", "with probabilities", {x, classes}, {}, {}, 1e-7, 2});
  return all;
}

}  // namespace

std::vector<Sample> computation_samples() {
  Samples all;
  for (auto part : {trigonometric_samples, activation_samples, bit_samples, normalization_samples,
                    norm_pool_samples, einsum_samples, cumulative_samples, quantization_samples, loss_samples})
    join(all, part());
  return all;
}

}  // namespace limn::testing
