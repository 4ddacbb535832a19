#pragma once
// Occlusion as a method: a map of the image's size from the scores under a patch at many positions.

#include <vector>

#include "limn/occlusion.h"

namespace limn {

/// The maps of a batch of images. Scores are computed once for an image, whatever the number of targets.
class OcclusionMaps {
 public:
  OcclusionMaps(const Classifier&, const OcclusionPatch&, std::int64_t images, int threads);

  /// The images [N, C, H, W] that map() is about from now on.
  void take(std::span<const float> images);
  Occluder& occluder() { return occluder_; }
  /// Of image n, [H, W]: each pixel's mean over the patches that cover it of how much the target falls.
  std::vector<float> map(std::size_t n, const Target&);

 private:
  struct Scores {
    std::vector<float> before, under;  ///< logits as the image is, and [positions, classes]
  };
  const Scores& scores(std::size_t n);

  Occluder occluder_;
  std::int64_t height_, width_;
  Probability probability_;
  std::vector<float> images_;
  std::vector<Scores> scores_;  ///< by image; empty while not computed
};

/// The patch with its sizes filled in for images of this size.
OcclusionPatch completed_patch(OcclusionPatch, std::int64_t height, std::int64_t width);

}  // namespace limn
