#pragma once
// Nodes of opsets 1 to 17 in the form of opset 18, the one form that the rest of limn knows.

#include <set>
#include <string>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// A node on its way into the graph. An upgrade changes it in place, and may put nodes and constants before it.
class NodeUpgrade {
 public:
  /// `taken` are the names of all values of the file; those of constants and nodes put in are added.
  NodeUpgrade(GraphBuilder& graph, Node start, std::int64_t of_opset, std::set<std::string>& taken)
      : node(std::move(start)), opset(of_opset), graph_(graph), taken_(taken) {}

  Node node;  ///< `out` has its size, not its values
  const std::int64_t opset;

  bool has_input(std::size_t i) const { return i < node.in.size() && node.in[i] != kAbsent; }
  const ValueInfo& input(std::size_t i) const { return graph_.info(node.in[i]); }
  void set_input(std::size_t i, ValueId value);
  void keep_first_input() {
    while (node.in.size() > 1) node.in.pop_back();
  }
  /// Makes a constant of `value` input i; `role` completes its name.
  void set_input(std::size_t i, Tensor value, std::string_view role);
  ValueId constant(Tensor value, std::string_view role);
  /// The attribute as input i, a vector of int64, when the node has the attribute and it is not empty.
  void move_integers(std::string_view attribute, std::size_t i);
  /// Puts a node before this one, or what it comes to when its inputs are constants; its output.
  ValueId before(std::string_view op, std::vector<ValueId> in, Attrs attrs, std::string_view role);

  /// An Error{unsupported} that names the node.
  Error refuse(std::string what) const;

 private:
  std::string fresh_name(std::string_view role);

  GraphBuilder& graph_;
  std::set<std::string>& taken_;
};

/// Throws Error{unsupported} for a form that opset 18 has no words for, Error{bad_input} for wrong attributes.
void upgrade(NodeUpgrade& node);
/// Whether upgrade() changes some form of the operator; it may be one that opset 18 no longer has.
bool has_upgrade(std::string_view op);

}  // namespace limn
