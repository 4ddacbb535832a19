#pragma once
// How passes write: a graph is read node by node and a new one is built beside it. Names of values survive.

#include <unordered_map>
#include <vector>

#include "limn/graph.h"

namespace limn {

class Rebuild {
 public:
  /// Declares the inputs of `from`, all of them, in order; some of them with another type.
  explicit Rebuild(const Graph& from, const std::unordered_map<ValueId, Type>& retyped = {});

  const Graph& from() const { return from_; }
  GraphBuilder& to() { return to_; }

  /// The new value that stands for `old`. Constants are copied when first asked for, so that those nobody reads
  /// disappear. An absent id gives an empty handle.
  Value operator()(ValueId old);
  /// What the new graph knows of it; nullptr for an absent id.
  const ValueInfo* info(ValueId old);
  /// The new constant that stands for `old`; nullptr when it is none.
  const Tensor* constant(ValueId old);
  /// From now on `by` stands for `old`.
  void replace(ValueId old, Value by) { map_[old] = by; }
  /// Appends the node as it is, reading the new values; its outputs keep their names and stand for the old ones.
  void copy(const Node& node);
  /// Appends a node of new values, whose only output takes the name of `old` and stands for it.
  void append(Node fresh, ValueId old);
  /// Freezes the new graph, with the outputs of the old one.
  Graph finish() &&;

 private:
  const Graph& from_;
  GraphBuilder to_;
  std::unordered_map<ValueId, Value> map_;
};

}  // namespace limn
