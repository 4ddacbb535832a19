// Convolution, pooling and their kin on small whole numbers; every expected number can be worked out by hand.
#include <gmock/gmock.h>

#include "limn/ops/evaluate.h"
#include "limn/ops/table.h"
#include "ops/gradient_check.h"

namespace limn::testing {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using Ints = std::vector<std::int64_t>;
using Reals = std::vector<double>;

Tensor floats(Dims dims, std::vector<float> values) { return Tensor::of<float>(std::move(dims), values); }

/// The floats from 1 on.
Tensor counting(Dims dims) {
  std::vector<float> v;
  for (std::int64_t i = 0; i < element_count(dims); ++i) v.push_back(static_cast<float>(i + 1));
  return floats(std::move(dims), v);
}

Reals values(const Tensor& t) {
  const Tensor d = t.converted(DType::f64);
  return {d.as<double>().begin(), d.as<double>().end()};
}

Reals result(const std::string& op, std::vector<Tensor> in, Attrs attrs = {}) {
  return values(run_sample({op, "values", std::move(in), std::move(attrs)})[0]);
}

std::string refusal(const std::string& op, std::vector<Tensor> in, Attrs attrs = {}) {
  try {
    run_sample({op, "refused", std::move(in), std::move(attrs)});
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was refused";
}

const Tensor kKernel = floats({1, 1, 3, 3}, {0, 1, 0, 2, 0, 0, 0, 0, 3});
const Attrs kAround{{"pads", Ints{1, 1, 1, 1}}};
/// ResNet's first pooling.
const Attrs kOverlapping{{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}};

TEST(Conv, AddsNeighboursByTheKernel) {
  // y[i, j] = x[i - 1, j] + 2 x[i, j - 1] + 3 x[i + 1, j + 1]
  EXPECT_THAT(result("Conv", {counting({1, 1, 3, 3}), kKernel}, kAround),
              ElementsAre(15, 20, 4, 25, 37, 13, 4, 19, 22));
}

TEST(Conv, KeepsGroupsApart) {
  EXPECT_THAT(result("Conv", {counting({1, 2, 1, 2}), floats({2, 1, 1, 1}, {10, 100}), floats({2}, {1, 2})},
                     {{"group", std::int64_t{2}}}),
              ElementsAre(11, 21, 302, 402));
}

TEST(Conv, PutsTheOddElementOfSamePaddingWhereAsked) {
  const std::vector<Tensor> in{counting({1, 1, 4}), floats({1, 1, 2}, {1, 10})};
  EXPECT_THAT(result("Conv", in, {{"auto_pad", std::string("SAME_UPPER")}}), ElementsAre(21, 32, 43, 4));
  EXPECT_THAT(result("Conv", in, {{"auto_pad", std::string("SAME_LOWER")}}), ElementsAre(10, 21, 32, 43));
}

TEST(Conv, RefusesWhatCannotBe) {
  EXPECT_THAT(refusal("Conv", {counting({1, 2, 3, 3}), kKernel}), HasSubstr("the input has 2 channels"));
  EXPECT_THAT(refusal("Conv", {counting({1, 1, 2, 3}), kKernel}), HasSubstr("does not fit into an input of 2"));
  EXPECT_THAT(refusal("Conv", {counting({1, 1, 3, 3}), kKernel}, {{"strides", Ints{0, 1}}}),
              HasSubstr("'strides'"));
  EXPECT_THAT(refusal("Conv", {counting({1, 1, 3, 3}), kKernel}, {{"pads", Ints{1, 1}}}),
              HasSubstr("2 numbers instead of 4"));
  EXPECT_THAT(refusal("Conv", {counting({1, 1, 3, 3}), kKernel}, {{"auto_pad", std::string("SAME")}}),
              HasSubstr("'auto_pad' is 'SAME'"));
  EXPECT_THAT(refusal("Conv", {counting({1, 1, 3, 3}), kKernel}, {{"group", std::int64_t{2}}}),
              HasSubstr("2 groups"));
  EXPECT_THAT(refusal("Conv", {counting({1, 1, 3, 3}), kKernel, floats({2}, {1, 2})}), HasSubstr("bias"));
}

TEST(ConvGrad, PlacesTheKernelAtTheWindow) {
  EXPECT_THAT(result("limn::ConvGrad",
                     {floats({1, 1, 3, 3}, {0, 0, 0, 0, 1, 0, 0, 0, 0}), kKernel, ints({1, 1, 3, 3})}, kAround),
              ElementsAre(0, 1, 0, 2, 0, 0, 0, 0, 3));
}

TEST(ConvGrad, LeavesRowsThatNoWindowReachedAtZero) {
  EXPECT_THAT(
      result("limn::ConvGrad", {floats({1, 1, 1, 1}, {5}), kKernel, ints({1, 1, 4, 4})}, {{"strides", Ints{2, 2}}}),
      ElementsAre(0, 5, 0, 0, 10, 0, 0, 0, 0, 0, 15, 0, 0, 0, 0, 0));
}

TEST(ConvTranspose, SpreadsEveryElement) {
  const Tensor ones = floats({1, 1, 2, 2}, {1, 1, 1, 1});
  EXPECT_THAT(result("ConvTranspose", {counting({1, 1, 2, 2}), ones}), ElementsAre(1, 3, 2, 4, 10, 6, 3, 7, 4));
}

TEST(ConvTranspose, FillsTheRestOfAnOutputShapeWithTheBias) {
  const Tensor ones = floats({1, 1, 2}, {1, 1});
  EXPECT_THAT(result("ConvTranspose", {counting({1, 1, 2}), ones, floats({1}, {7})},
                     {{"strides", Ints{2}}, {"output_shape", Ints{6}}}),
              ElementsAre(8, 8, 9, 9, 7, 7));
}

TEST(MaxPool, TakesTheFirstOfEqualMaxima) {
  const Tensor x = floats({1, 1, 4, 4}, std::vector<float>(16, 1.0F));
  const auto out = run_sample({"MaxPool", "tie", {x}, kOverlapping, {}, 0, 2});
  EXPECT_THAT(values(out[0]), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(out[1].to_int64(), ElementsAre(0, 1, 4, 5));
  EXPECT_THAT(result("limn::MaxPoolGrad", {counting({1, 1, 2, 2}), x}, kOverlapping),
              ElementsAre(1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

TEST(MaxPool, AddsTheCotangentsOfOverlappingWindows) {
  Reals expected(16, 0);
  expected[5] = 1 + 2 + 3 + 4;
  std::vector<float> x(16, 0.0F);
  x[5] = 1;
  EXPECT_EQ(result("limn::MaxPoolGrad", {counting({1, 1, 2, 2}), floats({1, 1, 4, 4}, x)}, kOverlapping), expected);
}

TEST(MaxPool, CountsIndicesOverTheWholeTensor) {
  const auto out =
      run_sample({"MaxPool", "indices", {counting({2, 2, 1, 2})}, {{"kernel_shape", Ints{1, 2}}}, {}, 0, 2});
  EXPECT_THAT(out[1].to_int64(), ElementsAre(1, 3, 5, 7));
}

TEST(MaxPool, DoesNotLetPaddingWin) {
  const Tensor x = floats({1, 1, 2, 2}, {-4, -3, -2, -1});
  EXPECT_THAT(result("MaxPool", {x}, kOverlapping), ElementsAre(-1));
}

TEST(MaxPool, RoundsUpAndDropsWindowsInThePadding) {
  const auto pool = [](std::int64_t ceil, std::int64_t stride, std::int64_t pad) {
    return result(
        "MaxPool", {counting({1, 1, 5})},
        {{"kernel_shape", Ints{2}}, {"strides", Ints{stride}}, {"pads", Ints{pad, pad}}, {"ceil_mode", ceil}});
  };
  EXPECT_THAT(pool(0, 2, 0), ElementsAre(2, 4));
  EXPECT_THAT(pool(1, 2, 0), ElementsAre(2, 4, 5));
  // Windows start at -1, 2 and 5; the third would start behind the last element.
  EXPECT_THAT(pool(1, 3, 1), ElementsAre(1, 4));
}

TEST(MaxPool, RefusesWhatCannotBe) {
  const Tensor x = counting({1, 1, 2, 2});
  EXPECT_THAT(refusal("MaxPool", {x}, {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{2, 0, 0, 0}}}),
              HasSubstr("the padding is as large as the window"));
  EXPECT_THAT(refusal("MaxPool", {x},
                      {{"kernel_shape", Ints{2, 2}}, {"dilations", Ints{4, 4}}, {"pads", Ints{2, 2, 2, 2}}}),
              HasSubstr("wholly in the padding"));
  EXPECT_THAT(refusal("MaxPool", {x}), HasSubstr("'kernel_shape'"));
}

TEST(AveragePool, CountsPaddingOnlyWhenAsked) {
  const Tensor x = floats({1, 1, 4, 4}, std::vector<float>(16, 36.0F));
  Attrs counting_pads = kOverlapping;
  counting_pads.set("count_include_pad", std::int64_t{1});
  EXPECT_THAT(result("AveragePool", {x}, kOverlapping), ElementsAre(36, 36, 36, 36));
  EXPECT_THAT(result("AveragePool", {x}, counting_pads), ElementsAre(16, 24, 24, 36));
}

TEST(AveragePool, NeverCountsWhatLiesBeyondThePadding) {
  const Tensor x = floats({1, 1, 3}, {2, 4, 6});
  for (const std::int64_t padding : {0, 1}) {
    const Attrs attrs{{"kernel_shape", Ints{2}},
                      {"strides", Ints{2}},
                      {"ceil_mode", std::int64_t{1}},
                      {"count_include_pad", padding}};
    EXPECT_THAT(result("AveragePool", {x}, attrs), ElementsAre(3, 6));
    EXPECT_THAT(result("limn::AveragePoolGrad", {floats({1, 1, 2}, {8, 5}), ints({1, 1, 3})}, attrs),
                ElementsAre(4, 4, 5));
  }
}

TEST(GlobalPools, ReduceEveryChannel) {
  EXPECT_THAT(result("GlobalAveragePool", {counting({1, 2, 1, 3})}), ElementsAre(2, 5));
  EXPECT_THAT(result("GlobalMaxPool", {counting({1, 2, 1, 3})}), ElementsAre(3, 6));
}

TEST(BatchNormalization, UsesTheGivenStatistics) {
  EXPECT_THAT(result("BatchNormalization",
                     {floats({1, 2, 1, 1}, {3, 5}), floats({2}, {2, 6}), floats({2}, {1, -1}), floats({2}, {1, 2}),
                      floats({2}, {3, 8})},
                     {{"epsilon", 1.0}}),
              ElementsAre(3, 5));
}

TEST(BatchNormalization, RefusesTrainingMode) {
  const Tensor one = floats({1}, {1});
  EXPECT_THAT(refusal("BatchNormalization", {counting({1, 1, 2}), one, one, one, one},
                      {{"training_mode", std::int64_t{1}}}),
              HasSubstr("training mode"));
}

TEST(Lrn, DividesByTheEnergyOfNeighbouringChannels) {
  const Tensor x = floats({1, 3, 1, 1}, {1, 2, 3});
  const auto attrs = [](std::int64_t size) {
    return Attrs{{"size", size}, {"alpha", static_cast<double>(size)}, {"beta", 1.0}, {"bias", 1.0}};
  };
  EXPECT_THAT(result("LRN", {x}, attrs(3)), Pointwise(DoubleNear(1e-15), Reals{1.0 / 6, 2.0 / 15, 3.0 / 14}));
  // An even window reaches further towards higher channels.
  EXPECT_THAT(result("LRN", {x}, attrs(2)), Pointwise(DoubleNear(1e-15), Reals{1.0 / 6, 2.0 / 14, 3.0 / 10}));
  // y0 = x0 / (1 + x0^2 + x1^2)
  EXPECT_THAT(result("limn::LRNGrad", {floats({1, 3, 1, 1}, {1, 0, 0}), x}, attrs(3)),
              Pointwise(DoubleNear(1e-15), Reals{1.0 / 9, -1.0 / 9, 0}));
}

TEST(Pad, KnowsFourModes) {
  const auto pad = [](const std::string& mode) {
    return result("Pad", {counting({3}), ints({2, 1})}, {{"mode", mode}});
  };
  EXPECT_THAT(pad("constant"), ElementsAre(0, 0, 1, 2, 3, 0));
  EXPECT_THAT(pad("reflect"), ElementsAre(3, 2, 1, 2, 3, 2));
  EXPECT_THAT(pad("edge"), ElementsAre(1, 1, 1, 2, 3, 3));
  EXPECT_THAT(pad("wrap"), ElementsAre(2, 3, 1, 2, 3, 1));
}

TEST(Pad, CropsBeforeItCopies) {
  EXPECT_THAT(result("Pad", {counting({3}), ints({-1, 2}), Tensor::scalar(9.0F)}), ElementsAre(2, 3, 9, 9));
  EXPECT_THAT(result("Pad", {counting({4}), ints({-1, 2})}, {{"mode", std::string("edge")}}),
              ElementsAre(2, 3, 4, 4, 4));
  EXPECT_THAT(result("Pad", {counting({4}), ints({2, -1})}, {{"mode", std::string("reflect")}}),
              ElementsAre(3, 2, 1, 2, 3));
}

TEST(Pad, RefusesWhatCannotBe) {
  EXPECT_THAT(refusal("Pad", {counting({3}), ints({-2, -2})}), HasSubstr("more is cropped"));
  EXPECT_THAT(refusal("Pad", {counting({3}), ints({1})}), HasSubstr("1 pads were given for 1 axes"));
  EXPECT_THAT(refusal("Pad", {counting({3}), ints({1, 1})}, {{"mode", std::string("mirror")}}),
              HasSubstr("'mirror'"));
}

TEST(ScatterElements, CombinesRepeatedIndices) {
  const auto scatter = [](std::vector<float> updates, const std::string& reduction) {
    return result("ScatterElements", {floats({3}, {2, 2, 2}), ints({1, 1, -1}), floats({3}, std::move(updates))},
                  {{"reduction", reduction}});
  };
  EXPECT_THAT(scatter({3, 4, 5}, "none"), ElementsAre(2, 4, 5));
  EXPECT_THAT(scatter({3, 4, 5}, "add"), ElementsAre(2, 9, 7));
  EXPECT_THAT(scatter({3, 4, 5}, "mul"), ElementsAre(2, 24, 10));
  EXPECT_THAT(scatter({3, 4, 5}, "max"), ElementsAre(2, 4, 5));
  EXPECT_THAT(scatter({3, 1, 5}, "min"), ElementsAre(2, 1, 2));
}

TEST(ScatterElements, RefusesAnIndexOutside) {
  EXPECT_THAT(refusal("ScatterElements", {floats({2}, {0, 0}), ints({2}), floats({1}, {1})}),
              HasSubstr("the index 2 lies outside an axis of 2"));
}

}  // namespace
}  // namespace limn::testing
