// Activations with their slopes: one pass over the input writes both, the slope over the input where that is done
// with.

#include <algorithm>

#include "limn/base/multiversion.h"
#include "limn/runtime/kernels.h"
#include "limn/runtime/links.h"
#include "limn/runtime/lowering.h"
#include "limn/runtime/vector_math.h"

namespace limn {
namespace {

enum class Kind { swish, gelu, tanh_gelu };

struct Activation {
  Kind kind;
  float a = 1.0F;  ///< of swish
};

std::optional<Activation> activation_of(const Node& node) {
  if (node.op == "limn::SwishAndSlope")
    return Activation{Kind::swish, static_cast<float>(node.attrs.real("alpha", 1.0))};
  if (node.op != "limn::GeluAndSlope") return std::nullopt;
  return Activation{is_tanh_gelu(node) ? Kind::tanh_gelu : Kind::gelu};
}

/// `slope` may be `x`.
template <class F>
[[gnu::always_inline]] inline void each(const float* x, float* y, float* slope, std::int64_t n, F f) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    const Activated at = f(x[i]);
    y[i] = at.value;
    slope[i] = at.slope;
  }
}

/// Flat, as a loop over a function that is called is no vector code.
[[gnu::flatten]] LIMN_MULTIVERSION void run_activation(const Activation& activation, const float* x, float* y,
                                                       float* slope, std::int64_t n) {
  const float a = activation.a;
  switch (activation.kind) {
    case Kind::swish: each(x, y, slope, n, [=](float v) { return vector_swish(v, a); }); break;
    case Kind::gelu: each(x, y, slope, n, [](float v) { return vector_gelu(v); }); break;
    case Kind::tanh_gelu: each(x, y, slope, n, [](float v) { return vector_tanh_gelu(v); }); break;
  }
}

Bind bind_activation(const Activation& activation, const View& from, const View& to, const View& slope_to) {
  return [=](const Memory& memory) -> Run {
    const ChainShape s = chain_shape(from);
    const float* x = memory.at(from);
    float *y = memory.at(to), *slope = memory.at(slope_to);
    const std::int64_t x_stride = from.image_stride, y_stride = to.image_stride, d_stride = slope_to.image_stride;
    return [=] {
      for_each_piece(s, [&](std::int64_t image, std::int64_t first, std::int64_t n) {
        run_activation(activation, x + image * x_stride + first, y + image * y_stride + first,
                       slope + image * d_stride + first, n);
      });
      // Both functions are 0 at 0, their slopes are not.
      if (s.last_lanes < s.lanes)
        for (std::int64_t image = 0; image < s.images; ++image)
          clear_padding(s, slope + image * d_stride + (s.planes - 1) * s.plane, s.plane);
    };
  };
}

}  // namespace

bool lower_activation_and_slope(Lowering& l, const Node& node) {
  const auto activation = activation_of(node);
  if (!activation || l.dtype(node.in[0]) != DType::f32) return false;
  const ValueId y = node.out[0], slope = node.out[1];
  const Layout layout = l.elements_layout(y, {&node.in[0], 1});
  const View x = l.read(node.in[0], layout);
  const View slope_to = l.may_overwrite(node.in[0], layout, false, slope) ? x : l.allocate(slope, layout);
  const View to = l.allocate(y, layout);
  l.emit(node.op.substr(std::string_view("limn::").size()) + " " + l.graph().value(y).name, "limn:slope", {x},
         {to, slope_to}, bind_activation(*activation, x, to, slope_to));
  l.place(y, to);
  l.place(slope, slope_to);
  return true;
}

}  // namespace limn
