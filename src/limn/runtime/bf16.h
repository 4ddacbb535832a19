#pragma once
// Precision::bf16: which steps multiply bfloat16, and which values lie in memory so.

#include <vector>

#include "limn/graph.h"
#include "limn/runtime/fusion.h"

namespace limn {

class Lowering;

/// Nothing by default, as in the other precisions.
class Bf16 {
 public:
  Bf16() = default;
  Bf16(const Lowering& lowering, const std::vector<Group>& groups);

  /// Whether the group that begins with that node multiplies bfloat16.
  bool takes(const Node& node) const { return holds(takes_, node.out[0]); }
  /// Whether the value lies as bfloat16: all who read it take it so, and the step that makes it can write it so.
  bool keeps(ValueId id) const { return holds(keeps_, id); }

 private:
  static bool holds(const std::vector<char>& flags, ValueId id) {
    return index(id) < flags.size() && flags[index(id)] != 0;
  }

  std::vector<char> takes_, keeps_;  ///< by value: the first result of the group's first node, and any
};

}  // namespace limn
