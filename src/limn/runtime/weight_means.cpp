#include "limn/runtime/weight_means.h"

namespace limn {

Value channel_means_now(GraphBuilder& g, Value weights, std::int64_t channels) {
  const Tensor& w = *g.info(weights.id).constant;
  const std::string name = g.info(weights.id).name + "/means";
  const std::int64_t rows = w.dims()[0], pixels = w.count() / (rows * channels);
  if (pixels == 1) return g.constant(w.reshaped({rows, channels}), name);
  Tensor means(DType::f32, {rows, channels});
  const float* from = w.as<float>().data();
  float* to = means.mutable_view().as<float>().data();
#pragma omp parallel for
  for (std::int64_t i = 0; i < rows * channels; ++i) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t p = 0; p < pixels; ++p) sum += static_cast<double>(from[i * pixels + p]);
    to[i] = static_cast<float>(sum / static_cast<double>(pixels));
  }
  return g.constant(std::move(means), name);
}

}  // namespace limn
