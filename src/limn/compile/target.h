#pragma once
// The class that a compiled file explains, chosen inside the graph.

#include <vector>

#include "limn/compile.h"

namespace limn {

/// One class for every image.
struct ClassChoice {
  std::vector<Value> classes;  ///< int64 [N] for each map that is wanted; [1] where all images have the same one
  Value output;                ///< what the output `target` tells; empty where there is none
};

/// Appends the choice to the builder of `logits` [N, C] or [N, C, 1, 1]; may add the input `target`.
/// Throws Error{bad_input} for a class or a number of classes that `logits` does not have.
ClassChoice choose_classes(Value logits, const CompiledTarget& target);

/// The scores [N, C] or [N, C, 1, 1] as [N, C].
Value flat_scores(Value logits);

/// d score / d logits for these classes, shaped like `logits`.
Value one_hot(Value classes, Value logits);

}  // namespace limn
