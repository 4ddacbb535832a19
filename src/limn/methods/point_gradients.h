#pragma once
// The gradient of a target at many points, a batch of points at a time.

#include <functional>
#include <span>

#include "limn/explain.h"

namespace limn {

class PointGradients {
 public:
  /// For about so many points at a time. Errors as Explainer.
  PointGradients(const Classifier&, std::int64_t points, const ExplainerOptions&);

  /// Writes point m, [C, H, W]. Called for several points at once, by several threads; must not throw.
  using Place = std::function<void(std::size_t m, std::span<float> point)>;
  /// Receives the class scores and the gradient [C, H, W] of the target there, in the order of the points.
  using Visit = std::function<void(std::size_t m, std::span<const float> logits, std::span<const float> gradient)>;
  /// For the points 0, 1, ... `points` - 1. The batch of the program depends on the number of points that it was
  /// made for alone, so that the numbers do not depend on how many images are explained together.
  void run(std::size_t points, const Target&, const Place&, const Visit&);

  void observe(const ProgramObserver& observer) { explainer_.observe(observer); }
  const Dims& dims() const { return dims_; }

 private:
  Explainer explainer_;
  Dims dims_;
  int threads_;
};

}  // namespace limn
