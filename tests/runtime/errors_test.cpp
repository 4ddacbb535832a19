// What a program refuses, and what it computes for operators that have no fast kernel.

#include <gmock/gmock.h>

#include <limits>

#include "runtime/small_network.h"

namespace limn {
namespace {

Error error_of(const Graph& graph) {
  try {
    Program::compile(graph, {});
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << "the program compiled";
  return Error(ErrorCode::internal, "none");
}

Tensor with_nan(Tensor t) {
  Tensor copy(DType::f32, t.dims());
  std::ranges::copy(t.as<float>(), copy.mutable_view().as<float>().begin());
  copy.mutable_view().as<float>()[1] = std::numeric_limits<float>::quiet_NaN();
  return copy;
}

TEST(Errors, WeightsWithNaNAreNamed) {
  SmallNetwork n(1);
  const Value x = n.input(3, 8, 8);
  const Value w = n.graph().constant(with_nan(n.normal({16, 3, 3, 3}, 1.0F)), "conv1.weight");
  const Error e = error_of(n.finish({{"y", n.graph().add("Conv", {x, w}, {}, "conv1")}}));
  EXPECT_EQ(e.code(), ErrorCode::bad_input);
  EXPECT_THAT(e.message(), ::testing::HasSubstr("'conv1.weight' contain NaN"));
  EXPECT_THAT(e.where(), ::testing::HasSubstr("conv1"));
}

TEST(Errors, DenseBiasAndStatisticsWithNaNAreNamedToo) {
  SmallNetwork n(1);
  const Value x = n.graph().input("x", {DType::f32, Shape{Dim("N"), 4}});
  const Value w = n.weight(n.normal({3, 4}, 1.0F)),
              b = n.graph().constant(with_nan(n.normal({3}, 1.0F)), "fc.bias");
  const Error e = error_of(n.finish({{"y", n.graph().add("Gemm", {x, w, b}, {{"transB", std::int64_t{1}}})}}));
  EXPECT_THAT(e.message(), ::testing::HasSubstr("'fc.bias' contain NaN"));
}

TEST(Errors, ANetworkWithoutSizesIsRefused) {
  SmallNetwork n(1);
  const Value x = n.graph().input("x", {DType::f32, std::nullopt});
  EXPECT_EQ(error_of(n.finish({{"y", relu(x)}})).code(), ErrorCode::unsupported);
}

TEST(Errors, InfiniteWeightsAreNoError) {
  SmallNetwork n(1);
  const Value x = n.graph().input("x", {DType::f32, Shape{2}});
  const Value w = n.weight(Tensor::of<float>({2}, {1.0F, std::numeric_limits<float>::infinity()}));
  const Program program = Program::compile(n.finish({{"y", x * w}}), {});
  Session session(program);
  session.input("x")[1] = 1.0F;
  session.run();
  EXPECT_EQ(session.output("y")[1], std::numeric_limits<float>::infinity());
}

TEST(Programs, OutputsMayBeInputsConstantsOrIntegers) {
  SmallNetwork n(2);
  const Value x = n.graph().input("x", {DType::f32, Shape{2, 3}});
  const Value best = n.graph().add("ArgMax", {x}, {{"axis", std::int64_t{1}}});
  const Value c = n.weight(Tensor::of<float>({2}, {4.0F, 5.0F}));
  const Program program =
      Program::compile(n.finish({{"same", x}, {"constant", c}, {"best", best}, {"again", best}}), {});
  Session session(program);
  const std::vector<float> values{1, 3, 2, 9, 8, 7};
  std::ranges::copy(values, session.input("x").begin());
  session.run();
  const auto list = [&](std::string_view name) {
    const auto v = session.output(name);
    return std::vector<float>(v.begin(), v.end());
  };
  EXPECT_EQ(list("same"), values);
  EXPECT_EQ(list("constant"), (std::vector<float>{4, 5}));
  EXPECT_EQ(list("best"), (std::vector<float>{1, 0}));
  EXPECT_EQ(list("again"), (std::vector<float>{1, 0}));
}

TEST(Programs, UnusedInputsAreNotAskedFor) {
  SmallNetwork n(2);
  n.graph().input("unused", {DType::f32, Shape{2}});
  const Value x = n.graph().input("x", {DType::f32, Shape{2}});
  EXPECT_EQ(Program::compile(n.finish({{"y", relu(x)}}), {}).inputs(), std::vector<std::string>{"x"});
}

// Sums, products and masks of values that lie in different layouts or are broadcast.
TEST(Programs, MixedElementwiseOperatorsLikeReference) {
  for (const std::int64_t batch : {1, 2}) {
    SmallNetwork n(11);
    GraphBuilder& g = n.graph();
    const Value x = n.input(5, 7, 6);
    const Value a = n.conv(x, 20, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}), b = relu(n.conv(x, 20, {1, 1}, {}));
    const Value gate = g.add("Sigmoid", {n.conv(n.global_average(b), 20, {1, 1}, {})});
    const Value per_channel = n.weight(n.normal({1, 20, 1, 1}, 1.0F)),
                per_pixel = n.weight(n.normal({1, 20, 7, 6}, 1.0F));
    const Value y = (exp(a * gate) - per_channel) / (b + 2.0F) + per_pixel;
    const Value spread = expand(reduce_mean(y, {2, 3}), shape_of(y));
    const Graph graph = n.finish({{"y", y},
                                  {"spread", abs(spread) + y},
                                  {"sum", reduce_sum(spread * y, {1})},
                                  {"peak", reduce_max(y, {2, 3})}});
    expect_like_reference(graph, {{"x", n.normal({batch, 5, 7, 6}, 1.0F)}}, {{{"N", batch}}, 2});
  }
}

}  // namespace
}  // namespace limn
