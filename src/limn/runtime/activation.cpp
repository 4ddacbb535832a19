#include "limn/runtime/activation.h"

#include "limn/base/multiversion.h"
#include "limn/runtime/links.h"
#include "limn/runtime/vector_math.h"

namespace limn {
namespace {

template <class F>
[[gnu::always_inline]] inline void each(const float* x, float* y, float* slope, std::int64_t n, F f) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    const Activated at = f(x[i]);
    y[i] = at.value;
    slope[i] = at.slope;
  }
}

}  // namespace

std::optional<Activation> activation_of(const Node& node) {
  if (node.op == "limn::SwishAndSlope")
    return Activation{Activation::Kind::swish, static_cast<float>(node.attrs.real("alpha", 1.0))};
  if (node.op != "limn::GeluAndSlope") return std::nullopt;
  return Activation{is_tanh_gelu(node) ? Activation::Kind::tanh_gelu : Activation::Kind::gelu};
}

/// Flat, as a loop over a function that is called is no vector code.
[[gnu::flatten]] LIMN_MULTIVERSION void run_activation(const Activation& activation, const float* x, float* y,
                                                       float* slope, std::int64_t n) {
  const float a = activation.a;
  switch (activation.kind) {
    case Activation::Kind::swish: each(x, y, slope, n, [=](float v) { return vector_swish(v, a); }); break;
    case Activation::Kind::gelu: each(x, y, slope, n, [](float v) { return vector_gelu(v); }); break;
    case Activation::Kind::tanh_gelu: each(x, y, slope, n, [](float v) { return vector_tanh_gelu(v); }); break;
  }
}

}  // namespace limn
