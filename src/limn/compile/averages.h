#pragma once
// Methods that average a gradient over points, with the points of all images as one batch.

#include <functional>

#include "limn/compile.h"
#include "limn/methods/method.h"

namespace limn {

/// Whether the method is one of them.
bool averages_gradients(const MethodRequest& request);

/// The network once more, for the points; its weights are those of the model.
class PointScores {
 public:
  /// Appends it to the builder of `image` and `logits`, for smooth-grad with the input `noise` [samples, C, H, W].
  /// Throws Error{unsupported} where the model's batch is not open. The request outlives this.
  PointScores(Value image, Value logits, const MethodRequest& request);

  /// What is differentiated, of class scores [M, classes] and int64 [M] or [1] that choose one.
  using Differentiate = std::function<Cotangents(Value classes, Value logits)>;
  /// The map [N, C, H, W] for `classes`, int64 [N] (or [1] for all images).
  Value map(Value classes, const Differentiate& differentiate) const;

 private:
  const MethodRequest& request_;
  std::int64_t count_;  ///< points of an image
  Value image_, points_, scores_;
};

}  // namespace limn
