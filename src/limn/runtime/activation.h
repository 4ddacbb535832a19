#pragma once
// Activations with their slopes.

#include <cstdint>
#include <optional>

#include "limn/graph.h"

namespace limn {

struct Activation {
  enum class Kind { swish, gelu, tanh_gelu };
  Kind kind;
  float a = 1.0F;  ///< of swish
};

/// Of a limn::SwishAndSlope or GeluAndSlope; nothing for other nodes.
std::optional<Activation> activation_of(const Node& node);

/// y = f(x) and slope = f'(x), which may lie where x does, of n elements.
void run_activation(const Activation& activation, const float* x, float* y, float* slope, std::int64_t n);

}  // namespace limn
