// Shapes with symbolic sizes, and what is said about inputs that cannot be right.
#include <gmock/gmock.h>

#include "limn/ops/build.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/infer.h"
#include "limn/ops/table.h"
#include "ops/gradient_check.h"

namespace limn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const Dim kN{"N"};

class Inference : public ::testing::Test {
 protected:
  Value input(Shape shape, DType dtype = DType::f32) {
    return g_.input("x" + std::to_string(g_.inputs().size()), {dtype, std::move(shape)});
  }
  Value vector(std::vector<std::int64_t> v) { return int64_constant(g_, std::move(v)); }
  Value index(std::int64_t i) { return g_.constant(Tensor::scalar(i)); }
  std::string shape(Value v) { return to_string(v.shape()); }

  /// The message of the Error{bad_input} that appending the node raises.
  std::string refusal(std::string_view op, std::vector<Value> in, Attrs attrs = {}) {
    try {
      g_.add(op, std::move(in), std::move(attrs), "culprit");
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::bad_input);
      return e.what();
    }
    return "nothing was refused";
  }

  GraphBuilder g_{operators()};
};

// view(x.size(0), -1), as PyTorch exports it.
TEST_F(Inference, BatchPassesThroughShapeArithmetic) {
  const Value x = input({kN, 256, 6, 6});
  const Value n = emit("Gather", {emit("Shape", {x}), index(0)}, {{"axis", std::int64_t{0}}});
  const Value sizes = emit("Concat", {unsqueeze(n, {0}), vector({-1})}, {{"axis", std::int64_t{0}}});
  EXPECT_EQ(shape(reshape(x, sizes)), "[N, 9216]");
}

TEST_F(Inference, BatchPassesThroughFlatten) {
  const Value x = input({kN, 256, 6, 6});
  EXPECT_EQ(shape(emit("Flatten", {x})), "[N, 9216]");
  EXPECT_EQ(shape(emit("Flatten", {x}, {{"axis", std::int64_t{2}}})), "[N*256, 36]");
  EXPECT_EQ(shape(reshape(x, {-1, 9216})), "[N, 9216]");
  EXPECT_EQ(shape(reshape(x, {0, -1})), "[N, 9216]");
  EXPECT_EQ(shape(reshape(emit("Flatten", {x}, {{"axis", std::int64_t{2}}}), {-1, 256, 6, 6})), "[N, 256, 6, 6]");
}

// Channel shuffle with a symbolic batch: [N, g, c/g, h, w] and back, sizes computed from Shape.
TEST_F(Inference, ArithmeticOnSizes) {
  const Value x = input({kN, 8, 5, 5});
  const Value sizes = emit("Shape", {x});
  const auto at = [&](std::int64_t i) { return emit("Slice", {sizes, vector({i}), vector({i + 1}), vector({0})}); };
  const Value per_group = emit("Div", {at(1), vector({2})});
  const Value apart = emit("Concat", {at(0), vector({2}), per_group, at(2), at(3)}, {{"axis", std::int64_t{0}}});
  EXPECT_EQ(shape(reshape(x, apart)), "[N, 2, 4, 5, 5]");
  const Value area = emit("Mul", {at(2), at(3)});
  const Value flat = emit("Concat", {emit("Mul", {at(0), at(1)}), area}, {{"axis", std::int64_t{0}}});
  EXPECT_EQ(shape(reshape(x, flat)), "[N*8, 25]");
  const Value all = emit("ReduceProd", {sizes}, {{"keepdims", std::int64_t{1}}});
  EXPECT_EQ(shape(reshape(x, all)), "[N*200]");
}

TEST_F(Inference, ElementwiseAndJoinedShapes) {
  const Value x = input({kN, 3, 4, 4}), one = input({1, 3, 1, 1}), other = input({kN, 5, 4, 4});
  EXPECT_EQ(shape(x * one), "[N, 3, 4, 4]");
  EXPECT_EQ(shape(one * x), "[N, 3, 4, 4]");
  EXPECT_EQ(shape(emit("Concat", {x, other}, {{"axis", std::int64_t{1}}})), "[N, 8, 4, 4]");
  EXPECT_EQ(shape(reduce_mean(x, {2, 3}, false)), "[N, 3]");
  EXPECT_EQ(shape(transpose(x, {0, 2, 3, 1})), "[N, 4, 4, 3]");
  EXPECT_EQ(shape(matmul(input({kN, 9}), input({9, 2}))), "[N, 2]");
  const auto parts = g_.add_many("Split", {x}, {{"axis", std::int64_t{1}}, {"num_outputs", std::int64_t{2}}}, 2);
  EXPECT_EQ(shape(parts[0]) + shape(parts[1]), "[N, 2, 4, 4][N, 1, 4, 4]");
}

TEST_F(Inference, ProductsAndQuotientsOfSizes) {
  const Dim h("H");
  EXPECT_EQ(product(kN, Dim(4)), Dim("N*4"));
  EXPECT_EQ(product(Dim("N*4"), Dim("H*3")), Dim("H*N*12"));
  EXPECT_EQ(product(kN, h), product(h, kN));
  EXPECT_EQ(product(kN, Dim(0)), Dim(0));
  EXPECT_EQ(product(kN, Dim()), Dim());
  EXPECT_EQ(quotient(Dim("H*N*12"), Dim("N*4")), Dim("H*3"));
  EXPECT_EQ(quotient(kN, Dim(2)), Dim());
  EXPECT_EQ(quotient(kN, h), Dim());
  EXPECT_EQ(quotient(Dim(12), Dim(5)), Dim());
  EXPECT_EQ(product(Dim("(H*2+1)"), Dim(3)), Dim("(H*2+1)*3"));
}

TEST_F(Inference, UnknownOperatorsLeaveEverythingBehindThemUntyped) {
  const Value y = relu(g_.add("vendor::Grok", {input({kN, 3})}));
  EXPECT_EQ(y.type(), Type{});
}

TEST_F(Inference, SumsOfGradientsOverABroadcast) {
  const Value dy = input({kN, 3, 4, 4}), same = input({kN, 3, 4, 4}), channel = input({3, 1, 1});
  EXPECT_EQ(unbroadcast(dy, same).id, dy.id);
  EXPECT_EQ(shape(unbroadcast(dy, channel)), "[3, 1, 1]");
  EXPECT_EQ(shape(unbroadcast(dy, input({1, 3, 4, 1}))), "[1, 3, 4, 1]");
  EXPECT_EQ(shape(unbroadcast(dy, input({}))), "[]");
}

TEST_F(Inference, RefusalsNameNodeAndShapes) {
  const Value x = input({2, 3}), y = input({4, 5}), n = input({3}, DType::i64);
  EXPECT_THAT(refusal("Add", {x, y}), AllOf(HasSubstr("culprit"), HasSubstr("[2, 3]"), HasSubstr("[4, 5]")));
  EXPECT_THAT(refusal("Add", {x, n}), AllOf(HasSubstr("float32"), HasSubstr("int64")));
  EXPECT_THAT(refusal("MatMul", {x, y}), AllOf(HasSubstr("culprit"), HasSubstr("[2, 3]"), HasSubstr("[4, 5]")));
  EXPECT_THAT(refusal("Gemm", {x, y}), AllOf(HasSubstr("(Gemm)"), HasSubstr("[4, 5]")));
  EXPECT_THAT(refusal("Gemm", {x, input({3})}), AllOf(HasSubstr("[2, 3]"), HasSubstr("[3]")));
  EXPECT_THAT(refusal("Reshape", {x, vector({4, 2})}), AllOf(HasSubstr("[2, 3]"), HasSubstr("[4, 2]")));
  EXPECT_THAT(refusal("Reshape", {x, vector({4, -1})}), AllOf(HasSubstr("culprit"), HasSubstr("[2, 3]")));
  EXPECT_THAT(refusal("Softmax", {x}, {{"axis", std::int64_t{2}}}),
              AllOf(HasSubstr("axis 2"), HasSubstr("[2, 3]")));
  EXPECT_THAT(refusal("Concat", {x, y}, {{"axis", std::int64_t{0}}}),
              AllOf(HasSubstr("[2, 3]"), HasSubstr("[4, 5]")));
  EXPECT_THAT(refusal("Transpose", {x}, {{"perm", std::vector<std::int64_t>{0, 1, 2}}}), HasSubstr("culprit"));
  EXPECT_THAT(refusal("Squeeze", {x, vector({1})}), HasSubstr("[2, 3]"));
  EXPECT_THAT(refusal("Not", {x}), HasSubstr("float32"));
  EXPECT_THAT(refusal("Add", {x}), HasSubstr("culprit"));
  EXPECT_THAT(refusal("Relu", {x, x}), HasSubstr("at most 1"));
  EXPECT_THAT(refusal("Split", {x}), HasSubstr("num_outputs"));
}

// What the samples leave open: who wins where elements are equal.
std::vector<double> cotangent(std::string_view op, std::vector<Tensor> in, std::size_t of) {
  GraphBuilder g(operators());
  std::vector<Value> values;
  for (const Tensor& t : in) values.push_back(g.constant(t));
  const std::vector<Value> out{g.add(op, values)}, dout{expand_like(float_constant(g, 1), out[0])};
  std::vector<char> wants(in.size(), 1);
  const auto din = find_op(op)->vjp({g.node(0), values, out, dout, wants});
  const Graph graph = std::move(g).finish({{"d", din[of]}});
  const Tensor d = evaluate(graph, {}).at("d");
  return {d.as<double>().begin(), d.as<double>().end()};
}

TEST(Ties, MaxGivesAllToTheFirst) {
  const Tensor a = Tensor::of<float>({3}, {1, 2, 3}), b = Tensor::of<float>({3}, {1, 5, 0});
  EXPECT_THAT(cotangent("Max", {a, b}, 0), ::testing::ElementsAre(1, 0, 1));
  EXPECT_THAT(cotangent("Max", {a, b}, 1), ::testing::ElementsAre(0, 1, 0));
  EXPECT_THAT(cotangent("Min", {a, b, a}, 0), ::testing::ElementsAre(1, 1, 0));
  EXPECT_THAT(cotangent("Min", {a, b, a}, 2), ::testing::ElementsAre(0, 0, 0));
}

TEST(Ties, ReduceMaxSharesEqually) {
  EXPECT_THAT(cotangent("ReduceMax", {Tensor::of<float>({4}, {3, 1, 3, 2})}, 0),
              ::testing::ElementsAre(0.5, 0, 0.5, 0));
}

TEST(Ties, DerivativesOfLengthZeroAndOfBounds) {
  EXPECT_THAT(cotangent("ReduceL2", {Tensor::of<float>({2}, {0, 0})}, 0), ::testing::ElementsAre(0, 0));
  const Tensor bounds[] = {Tensor::scalar(0.0F), Tensor::scalar(6.0F)};
  EXPECT_THAT(cotangent("Clip", {Tensor::of<float>({5}, {-1, 0, 3, 6, 7}), bounds[0], bounds[1]}, 0),
              ::testing::ElementsAre(0, 0, 1, 0, 0));
}

}  // namespace
}  // namespace limn
