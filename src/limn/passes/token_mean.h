#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "limn/passes/rebuild.h"

namespace limn {

/// Means over the tokens of what a transformer's backward pass computes for each of them. Products with matrices,
/// sums, and what moves tokens around treat all alike, so that the mean can be taken before them, of one row in
/// place of hundreds.
class TokenMean {
 public:
  /// New nodes go where `rebuild` writes.
  explicit TokenMean(Rebuild& rebuild) : graph_(rebuild.from()), rebuild_(rebuild) {}

  /// The mean of Reshape(tokens [N, K, T], [N, K, h, w]) over h and w, as [N, K, 1, 1]; an empty handle, and nodes
  /// that nobody reads, where no product with weights makes the tokens.
  Value of_grid(ValueId grid);

 private:
  /// The part of a value from `begin` to `end` along one axis, of which the mean is wanted.
  struct Part {
    ValueId of;
    std::size_t axis;
    std::int64_t begin, end;
    auto operator<=>(const Part&) const = default;
  };
  /// With the axis kept at size 1. Nothing where the mean is zero.
  using Mean = std::optional<Value>;

  Mean mean_of(const Part& part);
  Mean computed(const Part& part);
  Mean of_product(const Node& node, const Part& part);
  Mean of_transpose(const Node& node, const Part& part);
  Mean of_sum(const Node& node, const Part& part);
  Mean of_scaled(const Node& node, const Part& part);
  Mean of_reshape(const Node& node, const Part& part);
  Mean of_slice(const Node& node, const Part& part);
  Mean of_pad(const Node& node, const Part& part);
  /// By a reduction of the value itself.
  Value reduced(const Part& part);

  const Shape* shape(ValueId id) const;
  std::optional<std::vector<std::int64_t>> integers(const Node& node, std::size_t input);

  const Graph& graph_;
  Rebuild& rebuild_;
  std::map<Part, Mean> known_;
  bool met_weights_ = false;
};

}  // namespace limn
