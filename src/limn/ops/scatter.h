#pragma once
// What ScatterElements and ScatterND share: how an update is combined with what lies there, and the derivative.

#include <algorithm>
#include <string_view>
#include <type_traits>
#include <vector>

#include "limn/ops/op.h"
#include "limn/ops/wrapping.h"

namespace limn {

enum class Reduction { none, add, mul, max, min };

/// The attribute `reduction`. Throws Error{bad_input} for another name.
Reduction reduction_of(const Node& node);

/// Writes one element.
template <class T>
void combine(T& y, T update, Reduction r) {
  if constexpr (!std::is_same_v<T, bool>) {
    using U = Wrapping<T>;
    if (r == Reduction::add) update = static_cast<T>(static_cast<U>(y) + static_cast<U>(update));
    if (r == Reduction::mul) update = static_cast<T>(static_cast<U>(y) * static_cast<U>(update));
    if (r == Reduction::max) update = std::max(y, update);
    if (r == Reduction::min) update = std::min(y, update);
  }
  y = update;
}

/// Cotangents of a scatter with the inputs data, indices and updates. `gather` reads what the node writes:
/// GatherElements or GatherND. Among equal maxima or minima the cotangent is shared equally; a product needs
/// updates that are not zero; without a reduction no place may be written twice.
std::vector<Value> scatter_vjp(const VjpContext& c, std::string_view gather);

}  // namespace limn
