#pragma once
// Patches that hide a part of an image: what they hold and where they lie.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "limn/export.h"

namespace limn {

/// What a patch holds, in the network's units (after preprocessing).
enum class OcclusionFill {
  mean,  ///< of each channel of the image
  zero,  ///< the mean colour of the training images, where the preprocessing subtracts it
  grey   ///< 0.5, as the KTH study has it; for ImageNet's preprocessing a light grey
};
/// "mean", "zero" or "grey"; Error{bad_input} otherwise.
LIMN_API OcclusionFill parse_occlusion_fill(std::string_view text);
LIMN_API std::string_view name_of(OcclusionFill);

/// Square patches that begin at every pair of these rows and columns, which may lie outside the image: only what
/// lies inside is hidden.
struct PatchGrid {
  std::int64_t patch = 45;
  std::vector<std::int64_t> rows, columns;

  std::size_t size() const { return rows.size() * columns.size(); }
};
/// Patches around the pixels at stride / 2, stride / 2 + stride, ... of either axis (from patch / 2 before them),
/// cut at the borders. Throws Error{bad_input} unless patch and stride are positive and a patch is no larger than
/// the image.
LIMN_API PatchGrid centred_patches(std::int64_t patch, std::int64_t stride, std::int64_t height,
                                   std::int64_t width);
/// Patches that begin at 0, stride, 2 stride, ... until every pixel was hidden, the last ones cut at the border.
/// Throws Error{bad_input} also for a stride above the patch, which would leave pixels out.
LIMN_API PatchGrid covering_patches(std::int64_t patch, std::int64_t stride, std::int64_t height,
                                    std::int64_t width);

/// The patch of an occlusion map.
struct OcclusionPatch {
  std::int64_t size = 0;    ///< pixels a side; 0 for a fifth of the image's shorter side, 45 of 224
  std::int64_t stride = 0;  ///< 0 for a 28th of the shorter side, 8 of 224
  OcclusionFill fill = OcclusionFill::mean;
  friend bool operator==(const OcclusionPatch&, const OcclusionPatch&) = default;
};

}  // namespace limn
