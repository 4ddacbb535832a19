// Attributions: one signed number per element of the input [N, C, H, W].

#include <cmath>

#include "limn/methods/method.h"
#include "limn/ops/build.h"

namespace limn {
namespace {

/// The matrix [out, in] of bilinear interpolation with half-pixel centres (align_corners = false): output i reads
/// position (i + 1/2) in/out - 1/2, clamped to the ends.
Tensor bilinear_matrix(std::int64_t in, std::int64_t out) {
  std::vector<float> m(static_cast<std::size_t>(in * out));
  for (std::int64_t i = 0; i < out; ++i) {
    const double s =
        std::max(0.0, (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5);
    const auto low = std::min(static_cast<std::int64_t>(s), in - 1);
    const auto high = std::min(low + 1, in - 1);
    const double t = s - static_cast<double>(low);
    m[static_cast<std::size_t>(i * in + low)] += static_cast<float>(1.0 - t);
    m[static_cast<std::size_t>(i * in + high)] += static_cast<float>(t);
  }
  return Tensor::of<float>({out, in}, m);
}

/// map [N, 1, h, w] -> [N, 1, H, W] with the sizes of `like`.
Value upsample(Value map, Value like) {
  GraphBuilder& g = *map.in;
  const Dims from = known_dims({map.shape()[2], map.shape()[3]}),
             to = known_dims({like.shape()[2], like.shape()[3]});
  const Value rows = g.constant(bilinear_matrix(from[0], to[0]));
  const Value columns = transpose(g.constant(bilinear_matrix(from[1], to[1])), {1, 0});
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
// normalised to [0, 1] first.
Value build_guided_grad_cam(const MethodContext& c) {
  return build_guided_backprop(c) * min_max(upsample(build_grad_cam(c), c.image));
}

}  // namespace limn
