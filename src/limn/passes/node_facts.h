#pragma once
// What passes ask of a node.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// Whether the operator computes every element of its result from the elements at the same place of its inputs
/// alone, which broadcast as numpy's do.
bool is_by_element(std::string_view op);
/// The node that makes a value; null of inputs, constants and what is absent.
const Node* producer_of(const Graph& graph, ValueId id);
/// Whether the node has its first output, and no other.
bool has_one_output(const Node& node);
bool all_equal(const std::vector<std::int64_t>& list, std::int64_t value);
/// Whether every window of an average pooling, or of its gradient, holds the same number of pixels.
bool pools_evenly(const Node& pool);
/// Whether a Conv or ConvGrad with weights of these sizes treats every pixel of an image alone.
bool is_pointwise(const Node& conv, const Dims& weights);
/// The pads of a Pad of all axes that fills with zeros; nothing for another node.
std::optional<std::vector<std::int64_t>> zero_pads(const Graph& graph, const Node& node);
/// Whether two values are sure to have the same element type and sizes: numbers, or the same names.
bool is_same_type(const Type& a, const Type& b);
/// The same of sizes alone.
bool is_same_size(const Dim& a, const Dim& b);

}  // namespace limn
