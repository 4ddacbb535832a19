#pragma once
// EXIF orientation: finding it, and turning pictures by it.

#include <cstddef>
#include <cstdint>
#include <span>

#include "limn/image/codec.h"

namespace limn {

/// The orientation in a block of EXIF data, which is a small TIFF file, with or without "Exif\0\0" in front.
/// 1 when there is none or the block is damaged: a photo is never refused for its metadata.
Orientation exif_orientation(std::span<const std::uint8_t> block);

/// The picture as it is to be looked at.
Image upright(Image, Orientation);

}  // namespace limn
