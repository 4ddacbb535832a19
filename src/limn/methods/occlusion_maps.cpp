// Occlusion as a method: a map of the image's size from the scores under a patch at many positions.

#include <algorithm>

#include "limn/methods/many_runs.h"
#include "limn/occlusion.h"

namespace limn {
namespace {

/// Positions computed together: as many as pay, or one where the model takes one image at a time.
std::int64_t batch_for(const Classifier& network) {
  constexpr std::int64_t kPositions = 16;
  return network.graph.shape(network.graph.at(network.image))[0] == Dim(1) ? 1 : kPositions;
}

/// The patch with its sizes filled in for images of this size.
OcclusionPatch completed_patch(OcclusionPatch patch, std::int64_t height, std::int64_t width) {
  constexpr std::int64_t kSizes = 5, kStrides = 28;
  const std::int64_t side = std::min(height, width);
  if (patch.size == 0) patch.size = std::max<std::int64_t>(1, (side + kSizes / 2) / kSizes);
  if (patch.stride == 0) patch.stride = std::clamp<std::int64_t>(side / kStrides, 1, patch.size);
  return patch;
}

Occluder make_occluder(const Classifier& network, const OcclusionPatch& wanted, int threads) {
  const OcclusionPatch patch = completed_patch(wanted, network.height, network.width);
  return {network,
          covering_patches(patch.size, patch.stride, network.height, network.width),
          {patch.fill, batch_for(network), threads, true}};
}

/// Scores are computed once for an image, whatever the number of targets.
class OcclusionMaps : public ManyRuns {
 public:
  OcclusionMaps(const Classifier& network, const OcclusionPatch& patch, const ExplainerOptions& options)
      : occluder_(make_occluder(network, patch, options.threads)),
        height_(network.height),
        width_(network.width),
        probability_(network.probability),
        images_(network.channels * network.height * network.width),
        scores_(static_cast<std::size_t>(options.batch)) {}

  std::unique_ptr<ManyRuns> copy() const override { return std::make_unique<OcclusionMaps>(*this); }
  void observe(const ProgramObserver& observer) override {
    occluder_.observe(for_program(observer, occluder_.program()));
  }
  Dims dims() const override { return {height_, width_}; }

  void take(std::span<const float> images) override {
    images_.take(images);
    std::ranges::fill(scores_, Scores{});
  }

  /// Each pixel's mean over the patches that cover it of how much the target falls.
  RunsMap map(std::size_t n, const Target& target) override {
    const Scores& s = scores(n);
    const PatchGrid& grid = occluder_.grid();
    const std::size_t classes = s.before.size();
    const double before = score_of(target, s.before, probability_);
    std::vector<double> sum(static_cast<std::size_t>(height_ * width_)), count(sum.size());
    std::size_t position = 0;
    for (const std::int64_t top : grid.rows)
      for (const std::int64_t left : grid.columns) {
        const std::span<const float> logits = std::span(s.under).subspan(classes * position++, classes);
        const double drop = before - score_of(target, logits, probability_);
        for (std::int64_t y = top; y < std::min(top + grid.patch, height_); ++y)
          for (std::int64_t x = left; x < std::min(left + grid.patch, width_); ++x) {
            sum[static_cast<std::size_t>(y * width_ + x)] += drop;
            count[static_cast<std::size_t>(y * width_ + x)] += 1;
          }
      }
    RunsMap map;
    for (std::size_t i = 0; i < sum.size(); ++i) map.values.push_back(static_cast<float>(sum[i] / count[i]));
    return map;
  }

 private:
  struct Scores {
    std::vector<float> before, under;  ///< logits as the image is, and [positions, classes]
  };

  const Scores& scores(std::size_t n) {
    Scores& s = scores_[n];
    if (!s.before.empty()) return s;
    std::ranges::copy(images_[n], occluder_.image().begin());
    occluder_.run([&](std::size_t, std::size_t, std::span<const float> logits) {
      s.under.insert(s.under.end(), logits.begin(), logits.end());
    });
    s.before.assign(occluder_.logits().begin(), occluder_.logits().end());
    return s;
  }

  Occluder occluder_;
  std::int64_t height_, width_;
  Probability probability_;
  ImageBatch images_;
  std::vector<Scores> scores_;  ///< by image; empty while not computed
};

}  // namespace

std::unique_ptr<ManyRuns> make_occlusion_maps(const Classifier& network, const MethodRequest& request,
                                              const ExplainerOptions& options) {
  return std::make_unique<OcclusionMaps>(network, request.patch, options);
}

}  // namespace limn
