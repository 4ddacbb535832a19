#include "limn/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limn/error.h"

namespace limn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<float> kLogits{1.0F, 3.0F, 3.0F, -2.0F};
const std::vector<std::string> kLabels{"n02012849 crane", "n03126707 crane", "n02123045 tabby, tabby cat",
                                       "Ankle boot"};

std::vector<Target> resolve(std::string_view text) { return resolve_target(parse_target(text), kLogits, kLabels); }

template <class F>
Error error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorCode::internal, "");
}

TEST(Target, Grammar) {
  EXPECT_EQ(resolve("3").front(), (Target{Target::Kind::logit, 3, 0}));
  EXPECT_EQ(resolve("argmax").front().class_index, 1U);  // ties: the lower index
  EXPECT_EQ(resolve("ankle BOOT").front().class_index, 3U);
  EXPECT_EQ(resolve("tabby cat").front().class_index, 2U);
  EXPECT_EQ(resolve("n03126707").front().class_index, 1U);
  EXPECT_EQ(resolve("prob:2").front(), (Target{Target::Kind::probability, 2, 0}));
  EXPECT_EQ(resolve("prob:tabby").front(), (Target{Target::Kind::probability, 2, 0}));
  EXPECT_EQ(resolve("diff:3,0").front(), (Target{Target::Kind::difference, 3, 0}));
  std::vector<std::size_t> top;
  for (const Target& t : resolve("top:3")) top.push_back(t.class_index);
  EXPECT_THAT(top, ElementsAre(1, 2, 0));
}

TEST(Target, MistakesAreExplained) {
  EXPECT_EQ(error_of([] { parse_target("top:"); }).code(), ErrorCode::bad_input);
  EXPECT_EQ(error_of([] { parse_target("top:0"); }).code(), ErrorCode::bad_input);
  EXPECT_EQ(error_of([] { parse_target("diff:1"); }).code(), ErrorCode::bad_input);
  EXPECT_EQ(error_of([] { parse_target("diff:1,1"); }).code(), ErrorCode::bad_input);
  EXPECT_THAT(error_of([] { resolve("4"); }).what(), HasSubstr("0 to 3"));
  EXPECT_THAT(error_of([] { resolve("top:5"); }).what(), HasSubstr("4"));
  EXPECT_THAT(error_of([] { resolve("crane"); }).what(), HasSubstr("0, 1"));
  const Error unknown = error_of([] { resolve("taby"); });
  EXPECT_EQ(unknown.code(), ErrorCode::not_found);
  EXPECT_THAT(unknown.mend(), HasSubstr("tabby"));
}

TEST(Target, CotangentsAreDerivativesOfTheScore) {
  const double h = 1e-2;  // logits are float: a step large enough to be exact, small enough to be linear
  for (const Target t : {Target{Target::Kind::logit, 1, 0}, Target{Target::Kind::probability, 0, 0},
                         Target{Target::Kind::difference, 2, 3}}) {
    std::vector<float> cotangent(kLogits.size());
    write_cotangent(t, kLogits, cotangent);
    for (std::size_t j = 0; j < kLogits.size(); ++j) {
      auto up = kLogits, down = kLogits;
      up[j] += static_cast<float>(h);
      down[j] -= static_cast<float>(h);
      EXPECT_NEAR(cotangent[j], (score_of(t, up) - score_of(t, down)) / (up[j] - down[j]), 1e-5)
          << to_string(t) << j;
    }
  }
}

TEST(Target, ProbabilitiesOfMultiLabelNetworksDoNotExcludeEachOther) {
  const std::vector<float> y{0.0F, 2.0F, -40.0F};
  const auto p = probabilities(y, Probability::sigmoid);
  EXPECT_NEAR(p[0], 0.5, 1e-12);
  EXPECT_NEAR(p[1], 0.880797078, 1e-9);
  const Target target{Target::Kind::probability, 1, 0};
  EXPECT_NEAR(score_of(target, y, Probability::sigmoid), 0.880797078, 1e-9);
  std::vector<float> cotangent(3);
  write_cotangent(target, y, cotangent, Probability::sigmoid);
  EXPECT_NEAR(cotangent[1], 0.104993585, 1e-7);  // p (1 - p)
  EXPECT_EQ(cotangent[0], 0.0F);
  write_cotangent({Target::Kind::probability, 2, 0}, y, cotangent, Probability::sigmoid);
  EXPECT_NEAR(cotangent[2] / 4.248354e-18, 1.0, 1e-5);
}

TEST(Target, ProbabilityNearOneKeepsItsDerivative) {
  const std::vector<float> certain{40.0F, 0.0F};  // 1 - p is 4e-18, far below the resolution of a float
  std::vector<float> cotangent(2);
  write_cotangent({Target::Kind::probability, 0, 0}, certain, cotangent);
  EXPECT_NEAR(cotangent[0] / 4.248354e-18, 1.0, 1e-5);
}

}  // namespace
}  // namespace limn
