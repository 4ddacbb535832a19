#pragma once
// The reference interpreter: every operator by its plain loops, in float or in double. It is the truth that the
// native runtime is tested against, and it folds constants.

#include <map>
#include <span>
#include <string>
#include <unordered_map>

#include "limn/graph.h"
#include "limn/ops/op.h"

namespace limn {

enum class FloatWidth { f32, f64 };

struct EvaluateOptions {
  FloatWidth width = FloatWidth::f64;
  /// Values to take as given instead of computing them (for instance activations of another run).
  std::unordered_map<ValueId, Tensor> given = {};
};

/// Evaluates `wanted` from the inputs in `feeds` (by name, any sizes the symbolic dimensions allow). In f64 every
/// float value, Cast included, is held in double. Computes only what `wanted` needs.
/// Throws Error{not_found} for a missing feed, Error{bad_input} for a wrong type or size.
LIMN_API std::vector<Tensor> evaluate(const Graph& graph, const std::map<std::string, Tensor>& feeds,
                                      std::span<const ValueId> wanted, const EvaluateOptions& options = {});
/// The graph's outputs by name.
LIMN_API std::map<std::string, Tensor> evaluate(const Graph& graph, const std::map<std::string, Tensor>& feeds,
                                                const EvaluateOptions& options = {});

/// One node on concrete tensors: infers the sizes of its outputs, allocates and computes them.
std::vector<Tensor> evaluate_node(const Node& node, std::span<const Tensor> in, FloatWidth width);

}  // namespace limn
