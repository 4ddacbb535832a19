// An activation and its slope become one node where they belong together, and only there.
#include "limn/passes/join_slopes.h"

#include <gmock/gmock.h>

#include "limn/ops/build.h"
#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"

namespace limn {
namespace {

using ::testing::ElementsAre;

class JoinSlopes : public ::testing::Test {
 protected:
  Value input(const char* name = "x") { return g_.input(name, {DType::f32, Shape{2, 3}}); }
  Value node(const char* op, Value x, Attrs attrs = {}) { return g_.add(op, {x}, std::move(attrs)); }

  /// Operators after the pass, whose graph must compute what the one before does.
  std::vector<std::string> joined(std::vector<std::pair<std::string, Value>> outputs) {
    const Graph before = std::move(g_).finish(std::move(outputs)), after = join_slopes(before);
    std::map<std::string, Tensor> feeds;
    for (const ValueId id : before.inputs())
      feeds.emplace(before.value(id).name, Tensor::of<float>({2, 3}, {-3, -1, -0.25F, 0, 0.5F, 2}));
    const auto want = evaluate(before, feeds), got = evaluate(after, feeds);
    for (const auto& [name, value] : want) {
      const auto a = value.as<double>(), b = got.at(name).as<double>();
      for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i], b[i]) << name;
    }
    std::vector<std::string> ops;
    for (const Node& n : after.nodes()) ops.push_back(n.op);
    return ops;
  }

  GraphBuilder g_{operators()};
};

TEST_F(JoinSlopes, WhereAnActivationStands) {
  const Value x = input(), y = node("Swish", x), z = node("Relu", y);
  EXPECT_THAT(joined({{"z", z}, {"slope", node("limn::SwishSlope", x)}}),
              ElementsAre("limn::SwishAndSlope", "Relu"));
}

TEST_F(JoinSlopes, WhereASlopeStandsThatComesFirst) {
  const Value x = input(), slope = node("limn::GeluSlope", x), z = node("Relu", slope);
  EXPECT_THAT(joined({{"z", z}, {"y", node("Gelu", x)}}), ElementsAre("limn::GeluAndSlope", "Relu"));
}

TEST_F(JoinSlopes, EachWithItsOwnInputAndAttributes) {
  const Value a = input("a"), b = input("b");
  const Attrs steep{{"alpha", 1.75}}, approximate{{"approximate", std::string("tanh")}};
  const Value ya = node("Swish", a), yb = node("Swish", b, steep), g = node("Gelu", a, approximate);
  EXPECT_THAT(joined({{"ya", ya},
                      {"yb", yb},
                      {"g", g},
                      {"sa", node("limn::SwishSlope", a)},
                      {"sb", node("limn::SwishSlope", b, steep)},
                      {"sg", node("limn::GeluSlope", a, approximate)}}),
              ElementsAre("limn::SwishAndSlope", "limn::SwishAndSlope", "limn::GeluAndSlope"));
}

TEST_F(JoinSlopes, NotWithAnotherInputOrOtherAttributes) {
  const Value a = input("a"), b = input("b"), ya = node("Swish", a), g = node("Gelu", b);
  EXPECT_THAT(joined({{"ya", ya},
                      {"g", g},
                      {"sb", node("limn::SwishSlope", b)},
                      {"sa", node("limn::SwishSlope", a, {{"alpha", 1.75}})},
                      {"sg", node("limn::GeluSlope", b, {{"approximate", std::string("tanh")}})}}),
              ElementsAre("Swish", "Gelu", "limn::SwishSlope", "limn::SwishSlope", "limn::GeluSlope"));
}

}  // namespace
}  // namespace limn
