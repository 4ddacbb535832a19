// The vector functions against those of the C++ library in double.

#include "limn/runtime/vector_math.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>

namespace limn {
namespace {

/// |y - exact| in units in the last place of `exact`.
double ulps(float y, double exact) {
  const double e = std::abs(exact);
  const double least = std::numeric_limits<float>::min();
  const double unit = std::ldexp(1.0, std::ilogb(std::max(e, least)) - 23);
  return std::abs(static_cast<double>(y) - exact) / unit;
}

struct Worst {
  double ulps = 0;
  float at = 0;
};

/// Over floats spread by their bits (small numbers too) and evenly over [low, high].
template <class F, class G>
Worst worst(F f, G exact, float low, float high) {
  Worst w;
  const auto try_one = [&](float x) {
    if (!(x >= low && x <= high)) return;
    if (const double d = ulps(f(x), exact(static_cast<double>(x))); !(d <= w.ulps)) w = {d, x};
  };
  for (std::uint32_t bits = 0; bits < 0x7f800000U; bits += 4099U) {
    try_one(std::bit_cast<float>(bits));
    try_one(-std::bit_cast<float>(bits));
  }
  for (int i = 0; i <= 1000000; ++i) try_one(low + (high - low) * static_cast<float>(i) / 1e6F);
  return w;
}

#define EXPECT_WITHIN(w, bound) EXPECT_LE((w).ulps, bound) << "at " << (w).at

TEST(VectorMath, Exp) {
  EXPECT_WITHIN(worst(
                    vector_exp, [](double x) { return std::exp(x); }, -87.0F, 88.7F),
                2.0);
}
TEST(VectorMath, SubnormalExp) {
  EXPECT_WITHIN(worst(
                    vector_exp, [](double x) { return std::exp(x); }, -200.0F, -87.0F),
                2.0);
}
TEST(VectorMath, Sigmoid) {
  EXPECT_WITHIN(worst(
                    vector_sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -87.0F, 200.0F),
                3.0);
}
TEST(VectorMath, Tanh) {
  EXPECT_WITHIN(worst(
                    vector_tanh, [](double x) { return std::tanh(x); }, -200.0F, 200.0F),
                3.0);
}
TEST(VectorMath, Erf) {
  EXPECT_WITHIN(worst(
                    vector_erf, [](double x) { return std::erf(x); }, -200.0F, 200.0F),
                3.0);
}

TEST(VectorMath, Limits) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(vector_exp(kInfinity), kInfinity);
  EXPECT_EQ(vector_exp(100.0F), kInfinity);
  EXPECT_EQ(vector_exp(-kInfinity), 0.0F);
  EXPECT_EQ(vector_exp(-110.0F), 0.0F);
  EXPECT_EQ(vector_exp(0.0F), 1.0F);
  EXPECT_EQ(vector_sigmoid(-kInfinity), 0.0F);
  EXPECT_EQ(vector_sigmoid(kInfinity), 1.0F);
  for (const auto f : {vector_tanh, vector_erf}) {
    EXPECT_EQ(f(kInfinity), 1.0F);
    EXPECT_EQ(f(-kInfinity), -1.0F);
    EXPECT_EQ(f(0.0F), 0.0F);
  }
}

/// Activations cross zero, where units in the last place say nothing: errors are of numbers of about 1.
TEST(VectorMath, ActivationsAndTheirSlopes) {
  const double root = std::sqrt(2 / std::acos(-1.0)), c = 0.044715;
  for (int i = -12000; i <= 12000; ++i) {
    const float x = static_cast<float>(i) / 1000;
    const double v = x, s = 1 / (1 + std::exp(-1.5 * v)), normal = 0.5 * (1 + std::erf(v / std::sqrt(2.0)));
    const double t = std::tanh(root * (v + c * v * v * v));
    const auto expect = [&](Activated got, double value, double slope) {
      EXPECT_NEAR(got.value, value, 4e-7 * std::max(1.0, std::abs(v))) << x;
      EXPECT_NEAR(got.slope, slope, 4e-7 * std::max(1.0, std::abs(v))) << x;
    };
    expect(vector_swish(x, 1.5F), v * s, s * (1 + 1.5 * v * (1 - s)));
    expect(vector_gelu(x), v * normal, normal + v * std::exp(-v * v / 2) * root / 2);
    expect(vector_tanh_gelu(x), v / 2 * (1 + t), (1 + t + v * (1 - t * t) * root * (1 + 3 * c * v * v)) / 2);
  }
}

TEST(VectorMath, NaNStays) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (const auto f : {vector_exp, vector_sigmoid, vector_tanh, vector_erf}) EXPECT_TRUE(std::isnan(f(kNaN)));
  for (const Activated at : {vector_swish(kNaN, 1), vector_gelu(kNaN), vector_tanh_gelu(kNaN)}) {
    EXPECT_TRUE(std::isnan(at.value));
    EXPECT_TRUE(std::isnan(at.slope));
  }
}

}  // namespace
}  // namespace limn
