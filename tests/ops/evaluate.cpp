#include "limn/ops/evaluate.h"

#include <gmock/gmock.h>

#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/table.h"
#include "ops/gradient_check.h"

namespace limn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// y = relu(x) * 3 and z = exp(y), for x [N].
struct Small {
  Small() {
    GraphBuilder g(operators());
    x = g.input("x", {DType::f32, Shape{Dim("N")}});
    y = relu(x) * 3.0F;
    z = exp(y);
    graph = std::move(g).finish({{"y", y}, {"z", z}});
  }
  Value x, y, z;
  Graph graph;
};

std::vector<double> numbers(const Tensor& t) {
  const Tensor wide = t.converted(DType::f64);
  return {wide.as<double>().begin(), wide.as<double>().end()};
}

TEST(Evaluate, TakesAnyBatch) {
  const Small s;
  EXPECT_THAT(numbers(evaluate(s.graph, {{"x", Tensor::of<float>({2}, {-1, 2})}}).at("y")), ElementsAre(0, 6));
  EXPECT_THAT(numbers(evaluate(s.graph, {{"x", Tensor::of<float>({1}, {1})}}).at("y")), ElementsAre(3));
}

TEST(Evaluate, HoldsEveryFloatInTheChosenPrecision) {
  const Small s;
  const std::map<std::string, Tensor> feeds{{"x", Tensor::of<float>({1}, {0.1F})}};
  EXPECT_EQ(evaluate(s.graph, feeds, {FloatWidth::f32, {}}).at("z").dtype(), DType::f32);
  const Tensor z = evaluate(s.graph, feeds).at("z");
  EXPECT_EQ(z.as<double>()[0], std::exp(static_cast<double>(0.1F) * 3));
}

TEST(Evaluate, GivenValuesReplaceWhatLiesAboveThem) {
  const Small s;
  const std::vector<ValueId> wanted{s.y.id, s.z.id};
  // x is not needed, and not fed.
  const auto out = evaluate(s.graph, {}, wanted, {FloatWidth::f64, {{s.y.id, Tensor::of<float>({2}, {0, 1})}}});
  EXPECT_THAT(numbers(out[0]), ElementsAre(0, 1));
  EXPECT_THAT(numbers(out[1]), ElementsAre(1, std::exp(1.0)));
}

TEST(Evaluate, GivenBesideAComputedOutputOfTheSameNode) {
  GraphBuilder g(operators());
  const Value x = g.input("x", {DType::f32, Shape{4}});
  const auto parts = g.add_many("Split", {x}, {{"num_outputs", std::int64_t{2}}}, 2);
  const Value sum = parts[0] + parts[1];
  const Graph graph = std::move(g).finish({{"sum", sum}});
  const std::vector<ValueId> wanted{sum.id};
  const EvaluateOptions options{FloatWidth::f64, {{parts[0].id, Tensor::of<float>({2}, {100, 200})}}};
  const auto out = evaluate(graph, {{"x", Tensor::of<float>({4}, {1, 2, 3, 4})}}, wanted, options);
  EXPECT_THAT(numbers(out[0]), ElementsAre(103, 204));
}

TEST(Evaluate, SaysWhichFeedIsMissingOrWrong) {
  const Small s;
  const auto code_and_text = [&](const std::map<std::string, Tensor>& feeds) -> std::pair<ErrorCode, std::string> {
    try {
      evaluate(s.graph, feeds);
    } catch (const Error& e) {
      return {e.code(), e.what()};
    }
    return {ErrorCode::internal, "accepted"};
  };
  EXPECT_EQ(code_and_text({}).first, ErrorCode::not_found);
  EXPECT_THAT(code_and_text({}).second, HasSubstr("'x'"));
  const auto wrong_rank = code_and_text({{"x", Tensor::of<float>({1, 1}, {1})}});
  EXPECT_EQ(wrong_rank.first, ErrorCode::bad_input);
  EXPECT_THAT(wrong_rank.second, HasSubstr("[1, 1]"));
  EXPECT_EQ(code_and_text({{"x", testing::ints({1})}}).first, ErrorCode::bad_input);
}

TEST(Evaluate, KeepsWhatIsWantedAndRead) {
  // A value that is asked for twice and read on the way.
  const Small s;
  const std::vector<ValueId> wanted{s.y.id, s.x.id, s.y.id};
  const auto out = evaluate(s.graph, {{"x", Tensor::of<float>({1}, {2})}}, wanted);
  EXPECT_THAT(numbers(out[0]), ElementsAre(6));
  EXPECT_THAT(numbers(out[1]), ElementsAre(2));
  EXPECT_THAT(numbers(out[2]), ElementsAre(6));
}

TEST(Evaluate, ASingleNode) {
  const Tensor in[] = {Tensor::of<float>({2}, {1, 2}), Tensor::of<float>({2, 1}, {10, 20})};
  const Node node{"Add", "sum", {ValueId{0}, ValueId{1}}, {ValueId{2}}, {}};
  const auto out = evaluate_node(node, in, FloatWidth::f32);
  EXPECT_EQ(out[0].dims(), (Dims{2, 2}));
  EXPECT_THAT(numbers(out[0]), ElementsAre(11, 12, 21, 22));
}

TEST(Evaluate, AnUnknownOperatorIsRefusedByName) {
  GraphBuilder g(operators());
  const Value y = g.add("vendor::Grok", {g.input("x", {DType::f32, Shape{1}})});
  const Graph graph = std::move(g).finish({{"y", y}});
  try {
    evaluate(graph, {{"x", Tensor::of<float>({1}, {1})}});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
    EXPECT_THAT(e.what(), HasSubstr("vendor::Grok"));
  }
}

}  // namespace
}  // namespace limn
