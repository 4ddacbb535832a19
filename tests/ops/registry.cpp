// The table of operators is closed under tests: every row is sampled, and differentiated or excused.
#include "limn/ops/table.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "ops/gradient_check.h"

namespace limn {
namespace {

using testing::Sample;

std::vector<Sample> samples_of(std::string_view op) {
  static const std::vector<Sample> all = [] {
    std::vector<Sample> joined = testing::elementwise_samples();
    for (auto part : {testing::tensor_samples, testing::computation_samples, testing::spatial_samples,
                      testing::places_samples}) {
      const auto more = part();
      joined.insert(joined.end(), more.begin(), more.end());
    }
    return joined;
  }();
  std::vector<Sample> found;
  std::ranges::copy_if(all, std::back_inserter(found), [&](const Sample& s) { return s.op == op; });
  return found;
}

class EveryOperator : public ::testing::TestWithParam<const OpDef*> {
 protected:
  const OpDef& op() const { return *GetParam(); }
  std::vector<Sample> samples() const { return samples_of(op().name); }
};

TEST_P(EveryOperator, HasSamplesWithLabelsOfTheirOwn) {
  ASSERT_FALSE(samples().empty());
  std::set<std::string> labels;
  for (const Sample& s : samples()) EXPECT_TRUE(labels.insert(s.label).second) << s.label;
}

TEST_P(EveryOperator, IsDifferentiatedOrSaysWhyNot) {
  const auto all = samples();
  const bool differentiated = std::ranges::any_of(all, [](const Sample& s) { return !s.wrt.empty(); });
  EXPECT_TRUE(op().vjp != nullptr || !op().note.empty());
  EXPECT_EQ(op().vjp != nullptr, differentiated);
}

TEST_P(EveryOperator, HasItsParts) {
  EXPECT_NE(op().infer, nullptr);
  EXPECT_NE(op().reference, nullptr);
  EXPECT_EQ(op().name.starts_with("limn::"), op().decompose != nullptr);
}

TEST_P(EveryOperator, DerivativeAgreesWithCentralDifferences) {
  for (const Sample& s : samples()) EXPECT_EQ(testing::check_gradient(s), "");
}

TEST_P(EveryOperator, FloatAgreesWithDouble) {
  for (const Sample& s : samples()) EXPECT_EQ(testing::check_precisions(s), "");
}

TEST_P(EveryOperator, DecompositionAgrees) {
  for (const Sample& s : samples()) EXPECT_EQ(testing::check_decomposition(s), "");
}

TEST_P(EveryOperator, EmitsOnlyOperatorsWithAnOnnxForm) {
  for (const Sample& s : samples()) EXPECT_EQ(testing::check_closure(s), "");
}

std::string test_name(const ::testing::TestParamInfo<const OpDef*>& info) {
  std::string name(info.param->name);
  std::erase(name, ':');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryOperator, ::testing::ValuesIn(all_ops().begin(), all_ops().end()), test_name);

TEST(Table, IsSortedByName) {
  std::vector<std::string> names;
  for (const OpDef* op : all_ops()) names.emplace_back(op->name);
  auto sorted = names;
  std::ranges::sort(sorted);
  EXPECT_EQ(names, sorted);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

// docs/reference/operators.md names every operator of ONNX that the table holds.
TEST(Table, IsInTheReference) {
  std::ifstream file(std::string(LIMN_SOURCE_DIR) + "/docs/reference/operators.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(page.empty());
  for (const OpDef* op : all_ops()) {
    if (op->name.starts_with("limn::")) continue;
    EXPECT_NE(page.find(fmt::format("`{}`", op->name)), std::string::npos) << op->name;
  }
}

TEST(Table, FindsWhatItHolds) {
  EXPECT_EQ(find_op("Relu")->name, "Relu");
  EXPECT_EQ(find_op("limn::ReluGrad")->name, "limn::ReluGrad");
  EXPECT_EQ(find_op("Rel"), nullptr);
  EXPECT_EQ(find_op(""), nullptr);
  EXPECT_EQ(find_op("zzz"), nullptr);
}

TEST(Table, RefusesAnUnknownOperatorByName) {
  try {
    op_of(Node{"Grok", "node_7", {}, {}, {}});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
    EXPECT_THAT(e.what(), ::testing::AllOf(::testing::HasSubstr("Grok"), ::testing::HasSubstr("node_7")));
  }
}

TEST(CentralDifferences, DifferFromAWrongDerivative) {
  // Tells a check that can fail: the derivative of x^3 at 2 is 12, and not 11.
  const auto cube = [](const Tensor& x) { return std::pow(x.as<double>()[0], 3); };
  const Tensor d = testing::central_differences(cube, Tensor::of<float>({1}, {2}));
  EXPECT_NEAR(d.as<double>()[0], 12, 1e-7);
  EXPECT_GT(testing::relative_difference(Tensor::of<float>({1}, {11}), d), 0.05);
}

}  // namespace
}  // namespace limn
