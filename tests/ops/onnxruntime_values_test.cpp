// Numbers that onnxruntime 1.30 computes, for operators newer than ONNX's cases in Debian or without any.
#include <gmock/gmock.h>

#include "limn/ops/evaluate.h"

namespace limn {
namespace {

using Floats = std::vector<float>;

void expect_values(const std::string& op, const std::vector<Tensor>& in, Attrs attrs, const Floats& want) {
  Node node{op, "node", std::vector<ValueId>(in.size(), kAbsent), {kAbsent}, std::move(attrs)};
  for (const FloatWidth width : {FloatWidth::f32, FloatWidth::f64}) {
    std::vector<Tensor> held;
    for (const Tensor& t : in) held.push_back(t.converted(width == FloatWidth::f32 ? DType::f32 : DType::f64));
    const Tensor y = evaluate_node(node, held, width).front().converted(DType::f32);
    EXPECT_THAT(y.as<float>(), ::testing::Pointwise(::testing::FloatNear(2e-6F), want)) << op;
  }
}

Tensor tensor(Dims dims, const Floats& values) { return Tensor::of<float>(std::move(dims), std::span(values)); }

const Floats kLine{-7, -3, -1.5, -0.5, -0.01F, 0, 0.01F, 0.5, 1.5, 3, 7, 30};

/// [2, 4, 2]: 0, 7, 14, 5, ... in quarters from -1.5.
Tensor image() {
  Floats v;
  for (int i = 0; i < 16; ++i) v.push_back(static_cast<float>(i * 7 % 16) / 4 - 1.5F);
  return tensor({2, 4, 2}, v);
}

TEST(OnnxruntimeValues, Mish) {
  expect_values("Mish", {tensor({12}, kLine)}, {},
                {-0.00638026232F, -0.145647451F, -0.298099697F, -0.220743775F, -0.00596798444F, 0, 0.00603198400F,
                 0.375245243F, 1.40337825F, 2.98653555F, 6.99998903F, 30});
}

TEST(OnnxruntimeValues, Celu) {
  expect_values("Celu", {tensor({12}, kLine)}, {{"alpha", 0.5}},
                {-0.499999583F, -0.498760611F, -0.475106478F, -0.316060275F, -0.00990065932F, 0, 0.01F, 0.5F, 1.5F,
                 3, 7, 30});
}

TEST(OnnxruntimeValues, Gelu) {
  expect_values("Gelu", {tensor({12}, kLine)}, {},
                {0, -0.00404968858F, -0.100210816F, -0.154268771F, -0.00496010622F, 0, 0.00503989309F, 0.345731229F,
                 1.39978921F, 2.99595022F, 7, 30});
}

TEST(OnnxruntimeValues, GeluByTanh) {
  expect_values("Gelu", {tensor({12}, kLine)}, {{"approximate", std::string("tanh")}},
                {0, -0.00363752246F, -0.100428432F, -0.154285997F, -0.00496010622F, 0, 0.00503989309F, 0.345714003F,
                 1.39957154F, 2.99636269F, 7, 30});
}

TEST(OnnxruntimeValues, GroupNormalization) {
  const std::vector<Tensor> in{image(), tensor({4}, {1, 2, 0.5F, -1}), tensor({4}, {0, 0.5F, -1, 2})};
  expect_values("GroupNormalization", in, {{"num_groups", std::int64_t{2}}},
                {-1.29354417F, 0.0995033979F, 3.48510194F, -0.0970203876F, -0.403443456F, -1.37962687F, 1.24074626F,
                 3.19311309F, -0.686798692F, 1.23623765F, -1.97247529F, 1.87359738F, -1.34339929F, -0.381881177F,
                 3.23623753F, 1.31320131F});
  expect_values("GroupNormalization", in, {{"num_groups", std::int64_t{1}}, {"epsilon", 0.1}},
                {-1.30391765F, 0.100301363F, 3.50904083F, -0.101808190F, -0.448342502F, -1.35105479F, 1.29789042F,
                 3.10331488F, -0.115163364F, 1.49712372F, -0.651633620F, 2.57294059F, -1.51823521F, -0.712091565F,
                 3.49712372F, 1.88483667F});
}

TEST(OnnxruntimeValues, MeanVarianceNormalization) {
  expect_values("MeanVarianceNormalization", {tensor({2, 2, 1, 2}, {1, -2, 2, 3, 0, -4, 1, 1})}, {},
                {1.17170024F, -0.390566736F, 0.301511347F, 1.50755668F, 0.650944591F, -1.43207800F, -0.904533982F,
                 -0.904533982F});
}

TEST(OnnxruntimeValues, LpNormalization) {
  const Tensor x = tensor({2, 3}, {1, -2, 2, 3, 0, -4});
  expect_values("LpNormalization", {x}, {{"p", std::int64_t{1}}, {"axis", std::int64_t{1}}},
                {0.2F, -0.4F, 0.4F, 0.428571433F, 0, -0.571428597F});
  expect_values("LpNormalization", {x}, {{"axis", std::int64_t{1}}},
                {0.333333343F, -0.666666687F, 0.666666687F, 0.6F, 0, -0.8F});
}

TEST(OnnxruntimeValues, GlobalLpPool) {
  expect_values("GlobalLpPool", {tensor({1, 2, 2, 2}, {1, -2, 2, 3, 0, -4, 1, 1})}, {{"p", std::int64_t{3}}},
                {3.53034854F, 4.04124022F});
}

}  // namespace
}  // namespace limn
