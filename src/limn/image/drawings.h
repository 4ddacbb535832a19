#pragma once
// What OpenCV drew when limn was built: see tools/drawings.cpp.

#include <cstdint>

namespace limn {

/// By Colormap, value in 0..255, channel (RGB).
extern const std::uint8_t kColormaps[3][256][3];

/// Pixels of the pictures of letters: a capital's height, rows from the top, the baseline's row, where the pen
/// stands in a row, bytes of a row.
inline constexpr int kLetterHeight = 63, kLetterRows = 112, kLetterBaseline = 84, kLetterLeft = 8,
                     kLetterBytes = 14;

struct Letter {
  int advance;  ///< pixels from this letter to the next
  /// Eight pixels a byte, the leftmost in the highest bit.
  std::uint8_t rows[kLetterRows][kLetterBytes];
};

/// ASCII from the space to the tilde.
extern const Letter kLetters[95];

}  // namespace limn
