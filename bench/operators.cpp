// Single operators on sizes that networks have: of a vision transformer (197 tokens of 768 features, 12 heads), an
// EfficientNet (96 channels of 112 x 112), ResNet and VGG.

#include <algorithm>

#include "kernels.h"
#include "limn/autodiff.h"
#include "limn/ops/build.h"
#include "limn/ops/table.h"

namespace limn::bench {
namespace {

const Shape kTokens{1, 197, 768}, kWide{1, 197, 3072}, kHeads{1, 12, 197, 197}, kImage{1, 96, 112, 112};
const Shape kStem{1, 3, 224, 224}, kEarly{1, 64, 112, 112}, kMiddle{1, 64, 56, 56}, kLate{1, 2048, 7, 7};

struct Case {
  const char* name;
  Shape shape;
  std::function<Value(Value)> make;
  double multiply_adds = 0;  ///< of the forward computation; the gradient at its input has as many
  bool gradient = false;     ///< time that, too
};

Value constant(Value like, const Dims& dims, float value) {
  Tensor t(DType::f32, dims);
  std::ranges::fill(t.mutable_view().as<float>(), value);
  return like.in->constant(t);
}
Value row(Value x) { return constant(x, {x.shape().back().value}, 1.0F); }
Value layer_norm(Value x) { return emit("LayerNormalization", {x, row(x), row(x)}); }
/// As PyTorch exports it.
Value erf_gelu(Value x) {
  return x * (emit("Erf", {x / float_constant(*x.in, 1.4142135F)}) + 1.0F) * float_constant(*x.in, 0.5F);
}
auto op(const char* name, Attrs attrs = {}) {
  return [=](Value x) { return emit(name, {x}, attrs); };
}
auto times(Dims weights) {
  return [=](Value x) { return emit("MatMul", {x, constant(x, weights, 0.01F)}); };
}
auto convolution(Dims weights, std::int64_t stride, std::int64_t padding, std::int64_t group) {
  const std::vector<std::int64_t> strides(2, stride), pads(4, padding);
  return [=](Value x) {
    return emit("Conv", {x, constant(x, weights, 0.01F)}, {{"strides", strides}, {"pads", pads}, {"group", group}});
  };
}
Attrs window(std::int64_t size, std::int64_t stride, std::int64_t padding) {
  using List = std::vector<std::int64_t>;
  return {{"kernel_shape", List(2, size)}, {"strides", List(2, stride)}, {"pads", List(4, padding)}};
}

std::vector<Case> cases() {
  constexpr double kMega = 1e6;
  return {{"Relu", kEarly, op("Relu"), 0, true},
          {"Add", kEarly, [](Value x) { return x + emit("Neg", {x}); }},
          {"Sigmoid", kImage, op("Sigmoid")},
          {"SiLU", kImage, op("Swish"), 0, true},
          {"HardSwish", kImage, op("HardSwish")},
          {"Tanh", kImage, op("Tanh")},
          {"Exp", kImage, op("Exp")},
          {"Gelu", kWide, op("Gelu")},
          {"Gelu by Erf", kWide, erf_gelu, 0, true},
          {"bias of a row", kWide, [](Value x) { return x + row(x); }},
          {"Softmax", kHeads, [](Value x) { return softmax(x, -1); }, 0, true},
          {"LayerNormalization", kTokens, layer_norm, 0, true},
          {"MaxPool 3x3/2", kEarly, op("MaxPool", window(3, 2, 1)), 0, true},
          {"AveragePool 2x2/2", kMiddle, op("AveragePool", window(2, 2, 0)), 0, true},
          {"GlobalAveragePool", kLate, op("GlobalAveragePool")},
          {"Conv 7x7/2, 3 to 64", kStem, convolution({64, 3, 7, 7}, 2, 3, 1), 118.01 * kMega, true},
          {"Conv 3x3, 64 to 64", kMiddle, convolution({64, 64, 3, 3}, 1, 1, 1), 115.61 * kMega, true},
          {"Conv 1x1, 64 to 256", kMiddle, convolution({256, 64, 1, 1}, 1, 0, 1), 51.38 * kMega, true},
          {"Conv 3x3 depthwise", kImage, convolution({96, 1, 3, 3}, 1, 1, 96), 10.84 * kMega, true},
          {"MatMul, weights 768 x 3072", kTokens, times({768, 3072}), 464.78 * kMega, true},
          {"MatMul, weights 25088 x 4096", {1, 25088}, times({25088, 4096}), 102.76 * kMega, true},
          {"MatMul of heads", kHeads,
           [](Value x) {
             return emit("MatMul", {x, constant(x, {1, 12, 197, 64}, 0.01F)});
           },
           29.81 * kMega, true}};
}

/// y, or the cotangent of x for that of y.
Graph build(const Case& c, bool gradient) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, c.shape});
  Value y = c.make(x);
  if (gradient) {
    const Value wrt[] = {x};
    y = pull_back(y, g.input("dy", y.type()), wrt).front();
  }
  return std::move(g).finish({{"y", y}});
}

}  // namespace

void register_operators(int threads) {
  for (const Case& c : cases())
    for (const bool gradient : {false, true})
      if (!gradient || c.gradient)
        register_graph(
            std::string("operator/") + c.name + "/" + to_string(c.shape) + (gradient ? "/gradient" : "/forward"),
            [=] { return build(c, gradient); }, c.multiply_adds, {}, threads);
}

}  // namespace limn::bench
