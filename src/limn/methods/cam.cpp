// Class activation maps: a layer's activations A [N, K, h, w], weighted and summed over channels.

#include "limn/methods/head.h"
#include "limn/methods/method.h"
#include "limn/ops/build.h"

namespace limn {
namespace {

const std::vector<std::int64_t> kSpace{2, 3}, kChannels{1};

Value spatial_sum(Value x) { return reduce_sum(x, kSpace); }

/// sum over k of w_k A_k; w [N, K, 1, 1].
Value weighted_sum(Value w, Value a) { return reduce_sum(w * a, kChannels); }

/// numerator / denominator, and 0 where the denominator is 0.
Value guarded_ratio(Value numerator, Value denominator, float tiny) {
  GraphBuilder& g = *numerator.in;
  const Value fine = greater(abs(denominator), float_constant(g, tiny));
  const Value safe = where(fine, denominator, float_constant(g, 1.0F));
  return where(fine, numerator / safe, float_constant(g, 0.0F));
}

}  // namespace

// w_k = mean over space of G_k; L = relu(sum_k w_k A_k)  (equations 1 and 2 of the paper). In two experiments of
// the KTH study the hooks of guided backpropagation were still in the network, so that negative G ended at each
// rectifier.
Value build_grad_cam(const MethodContext& c) {
  const Value g = c.layer_cotangent(c.variant == "study" ? guided_backprop() : gradients());
  const Value weights = reduce_mean(g, kSpace);
  return relu(weighted_sum(weights, c.activation));
}

namespace {

// With Y = exp(y) the paper's alpha is G^2 / (2 G^2 + S G^3), S_k the sum of A_k, and only G > 0 counts, so that
// alpha relu(G) = G / (2 + S G): no cancellation, no overflow. exp(y) is one positive factor per image and is left
// out (equations 10 and 19 of the paper).
Value plus_plus_paper_weights(const MethodContext& c) {
  const Value positive = relu(c.layer_gradient());
  const Value denominator = spatial_sum(c.activation) * positive + 2.0F;
  return spatial_sum(guarded_ratio(positive, denominator, 0.0F));
}

// The study's code: 1e-7 added to the denominator, and the ACTIVATION exponentiated in place of the score. Beyond
// 80 an activation would overflow; the common factor exp(80 - max A) that then scales all weights of the image
// vanishes in the normalisation of the map. Only where G > 0 does an activation count, in that maximum as well: a
// larger one elsewhere would push all the others below the smallest float.
Value plus_plus_study_weights(const MethodContext& c) {
  GraphBuilder& graph = *c.activation.in;
  const Value g = c.layer_gradient(), g2 = g * g;
  const Value counted = where(greater(g, float_constant(graph, 0.0F)), c.activation, float_constant(graph, 0.0F));
  const Value alpha = g2 / (g2 * 2.0F + spatial_sum(c.activation) * g2 * g + 1e-7F);
  const Value excess = relu(reduce_max(counted, {1, 2, 3}) + -80.0F);
  return spatial_sum(alpha * exp(counted - excess) * relu(g));
}

}  // namespace

Value build_grad_cam_plus_plus(const MethodContext& c) {
  const Value weights = c.variant == "study" ? plus_plus_study_weights(c) : plus_plus_paper_weights(c);
  return relu(weighted_sum(weights, c.activation));
}

// L = relu(sum_k G_k * A_k), element by element.
Value build_hires_cam(const MethodContext& c) {
  return relu(reduce_sum(c.layer_gradient() * c.activation, kChannels));
}

// L = relu(sum_k relu(G_k) * A_k).
Value build_layer_cam(const MethodContext& c) {
  return relu(reduce_sum(relu(c.layer_gradient()) * c.activation, kChannels));
}

// w_k = sum(A_k * G_k) / sum(A_k), 0 for a channel whose activations sum to nothing.
Value build_xgrad_cam(const MethodContext& c) {
  const Value a = c.activation;
  const Value weights = guarded_ratio(spatial_sum(a * c.layer_gradient()), spatial_sum(a), 1e-7F);
  return relu(weighted_sum(weights, a));
}

// L = sum_k W[c, k] A_k, signed, as in the paper; W are the classifier's own weights.
Value build_cam(const MethodContext& c) {
  const Value w = class_weights(c.cotangents.logits(), c.layer);                          // [classes, K]
  const Value target = reshape(c.cotangents.target(), std::vector<std::int64_t>{0, -1});  // [N, classes]
  const Value picked = matmul(target, w);                                                 // [N, K]
  return weighted_sum(reshape(picked, std::vector<std::int64_t>{0, -1, 1, 1}), c.activation);
}

// The decomposition itself is no graph; eigen_cam() finishes it.
Value build_eigen_cam(const MethodContext& c) { return c.activation; }

}  // namespace limn
