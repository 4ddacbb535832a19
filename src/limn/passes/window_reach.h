#pragma once
// How far a change of a window of an operator's input reaches in its output.

#include <array>
#include <cstdint>
#include <optional>

#include "limn/graph.h"
#include "limn/ops/window.h"

namespace limn {

/// Elements [begin, end) of an axis.
struct Span {
  std::int64_t begin = 0, end = 0;

  bool empty() const { return begin >= end; }
  std::int64_t size() const { return end - begin; }
  /// The smallest that holds both.
  Span joined(const Span& other) const;
  friend bool operator==(const Span&, const Span&) = default;
};

/// What an operator does with windows of images [N, C, H, W].
struct WindowReach {
  /// Rows and columns of a sliding window; without them every element depends on its own place alone.
  std::optional<std::array<WindowAxis, 2>> sliding;
  double padding = 0;  ///< what stands beyond the borders: 0, or the lowest number for a maximum

  /// The outputs that depend on elements `in` of the input, along axis 0 (rows) or 1 (columns).
  Span through(std::size_t axis, const Span& in) const;
};

/// Nothing for an operator that mixes all places or is not known to keep them apart. The sizes in the graph have to
/// be known.
std::optional<WindowReach> window_reach(const Graph& graph, const Node& node);

/// The node's attributes for input that holds the padding already.
Attrs without_padding(const Node& node);

}  // namespace limn
