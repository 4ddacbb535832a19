// Attributions: one signed number per element of the input [N, C, H, W].

#include "limn/methods/method.h"
#include "limn/ops/build.h"
#include "limn/ops/interpolation.h"

namespace limn {

Value upsample(Value map, Value like) {
  GraphBuilder& g = *map.in;
  const Shape from = map.shape(), to = like.shape();
  const bool known = from[2].known() && from[3].known() && to[2].known() && to[3].known();
  if (known) {
    // Two products with small matrices run on fast kernels everywhere.
    const Value rows = g.constant(linear_matrix(from[2].value, to[2].value));
    const Value columns = transpose(g.constant(linear_matrix(from[3].value, to[3].value)), {1, 0});
    return matmul(rows, matmul(map, columns));
  }
  const auto part = [&](Value x, std::int64_t begin, std::int64_t end) {
    return emit("Slice", {emit("Shape", {x}), int64_constant(g, {begin}), int64_constant(g, {end})});
  };
  const Value sizes = emit("Concat", {part(map, 0, 2), part(like, 2, 4)}, {{"axis", std::int64_t{0}}});
  return g.add("Resize", {map, {}, {}, sizes},
               {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("half_pixel")}});
}

namespace {

/// (t - min) / (max - min) along these axes; 0 where that is 0 / 0.
Value min_max(Value map, const std::vector<std::int64_t>& axes) {
  const Value shifted = map - -reduce_max(-map, axes);
  const Value range = reduce_max(shifted, axes);
  GraphBuilder& g = *map.in;
  return shifted / where(greater(range, float_constant(g, 0.0F)), range, float_constant(g, 1.0F));
}

}  // namespace

Value min_max(Value map) { return min_max(map, {2, 3}); }

Value build_gradient(const MethodContext& c) { return c.image_cotangent(gradients()); }

Value build_saliency(const MethodContext& c) { return abs(build_gradient(c)); }

Value build_input_x_gradient(const MethodContext& c) { return c.image * build_gradient(c); }

Value build_guided_backprop(const MethodContext& c) { return c.image_cotangent(guided_backprop()); }

Value build_deconvnet(const MethodContext& c) { return c.image_cotangent(deconvnet()); }

// Section 3.1 of the paper: guided backpropagation times the upsampled heatmap, element by element; the heatmap is
// normalised to [0, 1] first. The KTH study normalised the other factor as well, all colours together, whose zero
// thus became about one half.
Value build_guided_grad_cam(const MethodContext& c) {
  const Value guided = build_guided_backprop(c);
  return (c.variant == "study" ? min_max(guided, {1, 2, 3}) : guided) *
         min_max(upsample(build_grad_cam(c), c.image));
}

}  // namespace limn
