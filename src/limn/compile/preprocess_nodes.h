#pragma once
// Preprocessing as a part of the model: standard operators that do what preprocess() does.

#include "limn/compile/picture_axes.h"

namespace limn {

/// The network's input [N, channels, h, w], or [N, h, w, channels] with `channels_last`, from `picture` uint8
/// [N, H, W, 3] in RGB, whose axes are `axes`. Bit for bit what preprocess() makes of every picture, up to a
/// reduction of 28 times (beyond it, a sum that lies exactly between two bytes may be rounded the other way).
Value append_preprocess(Value picture, const PictureAxes& axes, const Preprocess&, bool channels_last);

}  // namespace limn
