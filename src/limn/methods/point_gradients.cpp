#include "limn/methods/point_gradients.h"

#include <algorithm>

#include "limn/runtime/parallel.h"

namespace limn {
namespace {

/// The batch that computes the fewest points in vain, of those that are worth it; of equal ones the largest.
std::int64_t batch_for(const Classifier& network, std::int64_t points) {
  constexpr std::int64_t kLeast = 4, kMost = 8;
  const Dim declared = network.graph.shape(network.graph.at(network.image))[0];
  if (declared.known()) return declared.value;
  if (points <= kMost) return points;
  const auto vain = [&](std::int64_t batch) { return (batch - points % batch) % batch; };
  std::int64_t best = kMost;
  for (std::int64_t batch = kMost; batch >= kLeast; --batch)
    if (vain(batch) < vain(best)) best = batch;
  return best;
}

}  // namespace

PointGradients::PointGradients(const Classifier& network, std::int64_t points, const ExplainerOptions& options)
    : explainer_([&] {
        ExplainerOptions own = options;
        own.batch = batch_for(network, points);
        MethodRequest gradient;
        gradient.method = "gradient";
        return Explainer(network, {gradient}, own);
      }()),
      dims_{network.channels, network.height, network.width},
      threads_(options.threads) {}

void PointGradients::run(std::size_t points, const Target& target, const Place& place, const Visit& visit) {
  const auto batch = static_cast<std::size_t>(explainer_.batch());
  const std::vector<Target> targets(batch, target);
  const auto size = static_cast<std::size_t>(element_count(dims_));
  for (std::size_t first = 0; first < points; first += batch) {
    const std::span<float> images = explainer_.images();
    parallel_for(explainer_.batch(), threads_, [&](std::int64_t n) {
      const auto i = static_cast<std::size_t>(n);
      place(std::min(first + i, points - 1), images.subspan(i * size, size));
    });
    explainer_.predict();
    explainer_.explain(targets);
    for (std::size_t i = 0; i < std::min(batch, points - first); ++i) {
      const auto n = static_cast<std::int64_t>(i);
      visit(first + i, explainer_.logits(n), explainer_.map(0, n).data);
    }
  }
}

}  // namespace limn
