// Activations with their slopes: one pass over the input writes both, the slope over the input where that is done
// with.

#include <algorithm>

#include "limn/runtime/activation.h"
#include "limn/runtime/kernels.h"
#include "limn/runtime/lowering.h"

namespace limn {
namespace {

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
