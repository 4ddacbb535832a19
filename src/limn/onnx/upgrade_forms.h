#pragma once
// Upgrades that take more than a few lines, each for one operator; upgrade.cpp lists them all.

#include "limn/onnx/upgrade.h"

namespace limn {

/// A contraction as Transpose, Reshape and MatMul, which the fast kernels and derivatives are written for.
/// Equations that are none (a diagonal, sizes that broadcast or are not known) stay an Einsum. More than two
/// operands are contracted from the left, two at a time.
void einsum_as_products(NodeUpgrade& node);

/// QLinearConv and QLinearMatMul in float, between DequantizeLinear and QuantizeLinear.
void quantized_conv_in_float(NodeUpgrade& node);
void quantized_matmul_in_float(NodeUpgrade& node);

/// Opsets 1 to 6.
void broadcast_by_axis(NodeUpgrade& node);
void slopes_by_channel(NodeUpgrade& node);
void cast_by_name(NodeUpgrade& node);
void batch_norm_for_test(NodeUpgrade& node);
void concat_along_channels(NodeUpgrade& node);
void tile_one_axis(NodeUpgrade& node);
void power_to_integer(NodeUpgrade& node);

}  // namespace limn
