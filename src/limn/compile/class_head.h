#pragma once

#include <optional>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// The scores of single classes, computed beside a network's own from what its last layer of weights reads.
struct ClassHead {
  Value score;  ///< [N, 1] or [N, 1, 1, 1]
  std::vector<ValueId>
      behind;  ///< values of the network behind what the layer reads: the score depends on none of them
};

/// Appends the score of `classes`, int64 [N] or [1], where the network ends in one dense layer or 1x1 convolution
/// of constant weights with what treats every class alone behind it: rectifiers, pooling, reshaping. Its derivative
/// takes one row of the weights in place of all. Nothing for other networks.
std::optional<ClassHead> class_head(Value logits, Value classes);

}  // namespace limn
