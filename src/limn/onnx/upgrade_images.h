#pragma once
// Upgrades of operators on images; upgrade.cpp lists them all.

#include "limn/onnx/upgrade.h"

namespace limn {

/// Upsample, and Resize before it had a choice of coordinates.
void resize_as_upsample(NodeUpgrade& node);
/// Inputs that exporters fill with empty tensors are left out, and the region where it is not used.
void resize_without_empty_inputs(NodeUpgrade& node);
/// Opset 20 writes "linear" and "cubic" for what opset 16 calls "bilinear" and "bicubic".
void grid_sample_names(NodeUpgrade& node);
/// Before opset 16, boxes were not shifted by half an element.
void roi_align_without_shift(NodeUpgrade& node);
/// The grid of opset 20's AffineGrid as a matrix product, for a size that is known.
void affine_grid_as_product(NodeUpgrade& node);

}  // namespace limn
