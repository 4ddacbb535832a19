#pragma once
// Rectifiers in a backward pass only ask where their value lay between their bounds. A byte for each element, made
// when the value is, says that: nothing has to keep the value until the backward pass, which has a quarter to read.

#include <optional>
#include <vector>

#include "limn/runtime/kernels.h"

namespace limn {

class Masks {
 public:
  /// None by default.
  Masks() = default;
  explicit Masks(const Lowering& lowering);

  /// Of a value with a mask the stage, mask_positive or mask_between, in whose place the mask is read.
  std::optional<ChainStage> of(ValueId id) const { return index(id) < of_.size() ? of_[index(id)] : std::nullopt; }
  /// Whether node k does without its input i itself: it reads the mask, or what a pool wrote down.
  bool spare(std::size_t k, std::size_t i) const { return i == 1 && k < spares_.size() && spares_[k] != 0; }

 private:
  std::optional<ChainStage> find(const Lowering& lowering, ValueId id) const;

  std::vector<std::optional<ChainStage>> of_;  ///< by value
  std::vector<char> spares_;                   ///< by node: its input 1
};

}  // namespace limn
