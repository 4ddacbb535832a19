#pragma once
// Elementary functions in single precision without branches and calls, so that loops over them become vector code.
// Each says its largest error in units in the last place; tests/runtime/vector_math_test.cpp holds them to it.
// NaN stays NaN, and infinities have their limits. Polynomials are minimax fits of the named intervals.

#include <cmath>
#include <cstdint>
#include <cstring>

namespace limn {

/// The same bits as another type. Not std::bit_cast, with which GCC 12 gives up vector code in functions of several
/// versions.
template <class To, class From>
[[gnu::always_inline]] inline To same_bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

/// a where the condition holds, otherwise b. By bits, because the compiler would make branches of a conditional
/// expression whose result is a constant on one side.
[[gnu::always_inline]] inline float vector_select(bool condition, float a, float b) {
  const auto mask = -static_cast<std::int32_t>(condition);
  return same_bits<float>((same_bits<std::int32_t>(a) & mask) | (same_bits<std::int32_t>(b) & ~mask));
}

/// e^x, 2 ulp (1.5e-45 where the result is subnormal).
[[gnu::always_inline]] inline float vector_exp(float x) {
  // 2^n e^r with |r| <= ln(2)/2; adding and subtracting 1.5 * 2^23 rounds to the nearest whole number.
  constexpr float kLog2e = 1.442695041F, kRound = 12582912.0F, kHigh = 0.693359375F, kLow = -2.12194440e-4F;
  const float above = vector_select(x < -104.0F, -104.0F, x);
  const float v = vector_select(above > 89.0F, 89.0F, above);
  const float n = (v * kLog2e + kRound) - kRound;
  const float r = (v - n * kHigh) - n * kLow;
  float q = 0.00138145976F;
  q = q * r + 0.00836871658F;
  q = q * r + 0.041668389F;
  q = q * r + 0.166665211F;
  q = q * r + 0.49999994F;
  const float e = (q * (r * r) + r) + 1.0F;
  // In two factors, because 2^n alone may be too small or too large for a float.
  const auto whole = static_cast<std::int32_t>(n);
  const std::int32_t half = whole >> 1;
  const float a = same_bits<float>((half + 127) << 23), b = same_bits<float>((whole - half + 127) << 23);
  return e * a * b;
}

/// 1 / (1 + e^-x), 3 ulp where the result is normal.
[[gnu::always_inline]] inline float vector_sigmoid(float x) { return 1.0F / (1.0F + vector_exp(-x)); }

/// tanh x, 3 ulp.
[[gnu::always_inline]] inline float vector_tanh(float x) {
  const float a = std::fabs(x), s = x * x;
  // x + x^3 q(x^2) on |x| < 0.66
  float q = 0.00202646409F;
  q = q * s - 0.00804714765F;
  q = q * s + 0.0216469001F;
  q = q * s - 0.0539367609F;
  q = q * s + 0.133331254F;
  q = q * s - 0.333333284F;
  const float near = q * (s * x) + x;
  const float far = std::copysign(1.0F - 2.0F / (vector_exp(2.0F * a) + 1.0F), x);
  return vector_select(a < 0.65F, near, far);
}

/// The error function, 3 ulp.
[[gnu::always_inline]] inline float vector_erf(float x) {
  const float a = std::fabs(x), s = x * x;
  // x (2 / sqrt(pi) + s q(s)) on |x| < 1
  float q = 7.89869518e-05F;
  q = q * s - 0.000802481896F;
  q = q * s + 0.00519016245F;
  q = q * s - 0.0268549155F;
  q = q * s + 0.112836175F;
  q = q * s - 0.376126289F;
  const float near = q * (s * x) + 1.12837917F * x;
  // 1 - e^p(|x|) on 0.97 .. 4, where the result becomes 1
  const float t = vector_select(a > 4.0F, 4.0F, a);
  float p = -2.16867575e-05F;
  p = p * t + 0.000441335229F;
  p = p * t - 0.00420455588F;
  p = p * t + 0.0252082385F;
  p = p * t - 0.108418547F;
  p = p * t - 0.633219898F;
  p = p * t - 1.12957835F;
  p = p * t + 0.000188036705F;
  const float far = std::copysign(1.0F - vector_exp(p), x);
  return vector_select(a < 0.975F, near, far);
}

/// An activation at x and its derivative there; one that is not used costs nothing.
struct Activated {
  float value, slope;
};

/// x s with s = sigmoid(a x).
[[gnu::always_inline]] inline Activated vector_swish(float x, float a) {
  const float w = a * x, s = vector_sigmoid(w);
  return {x * s, s * (w * (1.0F - s) + 1.0F)};
}

/// x Phi(x) with the normal distribution Phi, 2e-7 of the larger of 1 and |x|. The tail beyond |x| is e^(-x^2/2)
/// q(u) with u = 1 / (1 + 0.3 |x|), after Hastings; the density in the slope is of the same exponential.
[[gnu::always_inline]] inline Activated vector_gelu(float x) {
  const float u = 1.0F / (1.0F + 0.3F * std::fabs(x)), e = vector_exp(-0.5F * x * x);
  float q = 0.0368839689F;
  q = q * u - 0.162279755F;
  q = q * u + 0.215183809F;
  q = q * u - 0.061906971F;
  q = q * u + 0.132975981F;
  q = q * u + 0.0985515341F;
  q = q * u + 0.120977037F;
  q = q * u + 0.119614363F;
  const float tail = q * u * e, phi = vector_select(x < 0.0F, tail, 1.0F - tail);
  return {x * phi, phi + x * (0.398942280F * e)};
}

/// x/2 (1 + tanh(u)) with u = sqrt(2 / pi) (x + 0.044715 x^3)
[[gnu::always_inline]] inline Activated vector_tanh_gelu(float x) {
  constexpr float kRoot = 0.797884561F, kCubic = 0.044715F;
  const float t = vector_tanh(kRoot * (x + kCubic * x * x * x)), du = kRoot * (1.0F + 3.0F * kCubic * x * x);
  return {0.5F * x * (1.0F + t), 0.5F * (1.0F + t + x * (1.0F - t * t) * du)};
}

}  // namespace limn
