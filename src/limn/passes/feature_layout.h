#pragma once
// Where rows, columns and channels lie within the values of a network: convolutional networks keep feature maps as
// [N, K, h, w], transformers as tokens [N, T, K] or as [N, h, w, K].

#include <optional>
#include <vector>

#include "limn/graph.h"

namespace limn {

/// The axes of a value that is a feature map. Either `row` and `column` are axes, or `token` is one: the grid of
/// height x width positions row by row, after `prefix` tokens that have no place (class and distillation tokens).
struct FeatureLayout {
  static constexpr int kNone = -1;
  int batch = kNone, channel = kNone, row = kNone, column = kNone, token = kNone;
  Dim height, width;
  std::int64_t prefix = 0;

  bool has_tokens() const { return token != kNone; }
  /// [N, K, h, w], as the methods want it.
  bool is_usual() const { return batch == 0 && channel == 1 && row == 2 && column == 3; }
  /// More than one position, as far as is known.
  bool has_space() const;
};

/// The layouts of a graph's values. They follow the axes of the image through the graph: convolutions and poolings
/// make [N, K, h, w]; transposing, merging rows and columns to tokens, joining a class token, dense layers over the
/// last axis, normalisations and sums keep track.
class LIMN_API FeatureLayouts {
 public:
  explicit FeatureLayouts(const Graph& graph);
  /// Nothing for a value that is no feature map.
  const std::optional<FeatureLayout>& operator[](ValueId id) const { return layouts_[index(id)]; }
  bool has_space(ValueId id) const { return (*this)[id].has_value() && (*this)[id]->has_space(); }

 private:
  std::vector<std::optional<FeatureLayout>> layouts_;
};

/// The same graph with its batch bound to a number, so that sizes which an export computes from it are numbers,
/// too. Values keep their names. For looking at, not for running.
LIMN_API Graph for_layouts(const Graph& graph);

/// The feature map as [N, K, h, w]: tokens without a place are left out, the others laid on their grid. `x` may be
/// the value of that layout or its cotangent.
LIMN_API Value as_feature_map(Value x, const FeatureLayout& layout);

}  // namespace limn
