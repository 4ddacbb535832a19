// Attributions: one signed number per element of the input [N, C, H, W].

#include "limn/methods/method.h"
#include "limn/ops/build.h"
#include "limn/ops/interpolation.h"

namespace limn {
namespace {

/// map [N, 1, h, w] -> [N, 1, H, W] with the sizes of `like`, bilinear with half-pixel centres.
Value upsample(Value map, Value like) {
  GraphBuilder& g = *map.in;
  const Dims from = known_dims({map.shape()[2], map.shape()[3]}),
             to = known_dims({like.shape()[2], like.shape()[3]});
  const Value rows = g.constant(linear_matrix(from[0], to[0]));
  const Value columns = transpose(g.constant(linear_matrix(from[1], to[1])), {1, 0});
  return matmul(rows, matmul(map, columns));
}

/// Per image (t - min) / (max - min); a constant map becomes 0.
Value min_max(Value map) {
  const std::vector<std::int64_t> all{1, 2, 3};
  const Value shifted = map - -reduce_max(-map, all);
  const Value range = reduce_max(shifted, all);
  GraphBuilder& g = *map.in;
  return shifted / where(greater(range, float_constant(g, 0.0F)), range, float_constant(g, 1.0F));
}

}  // namespace

Value build_gradient(const MethodContext& c) { return c.image_cotangent(gradients()); }

Value build_saliency(const MethodContext& c) { return abs(build_gradient(c)); }

Value build_input_x_gradient(const MethodContext& c) { return c.image * build_gradient(c); }

Value build_guided_backprop(const MethodContext& c) { return c.image_cotangent(guided_backprop()); }

Value build_deconvnet(const MethodContext& c) { return c.image_cotangent(deconvnet()); }

// Section 3.1 of the paper: guided backpropagation times the upsampled heatmap, element by element; the heatmap is
// normalised to [0, 1] first. The KTH study normalised the other factor as well, whose zero thus became about one
// half.
Value build_guided_grad_cam(const MethodContext& c) {
  const Value guided = build_guided_backprop(c);
  return (c.variant == "study" ? min_max(guided) : guided) * min_max(upsample(build_grad_cam(c), c.image));
}

}  // namespace limn
