#pragma once
// The picture tinted by its heatmap, as a part of the model: standard operators that do what overlay() does.

#include "limn/compile/picture_axes.h"
#include "limn/overlay.h"

namespace limn {

/// uint8 [N, H, W, 3]: `picture`, uint8 [N, H, W, 3] in RGB with these axes, tinted by `heat` [N, h, w] in [0, 1],
/// which covers the network's input pixel by pixel; what the network did not see is grey and dimmed. Without colour
/// bar and box, otherwise within two grey levels of overlay().
Value append_overlay(Value picture, const PictureAxes& axes, Value heat, Colormap colormap);

/// `heat` [N, h, w] as for_display() shows that of an attribution: its brightest half percent is 1, for otherwise a
/// few pixels outshine all others.
Value attribution_for_display(Value heat);

}  // namespace limn
