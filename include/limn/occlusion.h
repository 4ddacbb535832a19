#pragma once
// Occlusion (Zeiler and Fergus 2013, arXiv 1311.2901): how a class score changes when a patch hides a part of the
// image, for many positions of the patch.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "limn/explain.h"
#include "limn/patches.h"

namespace limn {

struct OccluderOptions {
  OcclusionFill fill = OcclusionFill::mean;
  std::int64_t batch = 16;  ///< positions computed together
  int threads = 1;
  /// Computes of every feature map only the window that a patch can change. Scores are the same but for rounding.
  bool incremental = true;
};

/// What a position costs, beside a whole forward pass.
struct OcclusionCost {
  double multiplications = 1;  ///< of convolutions and matrix products, as a part of those of the network
  std::string whole_from;      ///< the first value that is computed for whole maps; empty when there is none
};
/// Without compiling anything. Errors as Occluder.
LIMN_API OcclusionCost occlusion_cost(const Classifier& classifier, const PatchGrid& grid,
                                      const OccluderOptions& options = {});

/// The scores of an image under patches. Not to be shared between threads; copies share the compiled program.
class LIMN_API Occluder {
 public:
  /// Throws as Explainer, and Error{bad_input} for an empty grid.
  Occluder(const Classifier& classifier, const PatchGrid& grid, const OccluderOptions& options = {});
  Occluder(const Occluder& other);
  Occluder(Occluder&&) noexcept;
  Occluder& operator=(Occluder&&) noexcept;
  ~Occluder();

  const PatchGrid& grid() const;
  const Program& program() const;
  /// Session::observe() of the session that runs program(); copies are not observed.
  void observe(StepObserver observer);
  /// The preprocessed image [C, H, W], to be written before run().
  std::span<float> image();
  /// Class scores of the image as it is, and of every patch: `visit(row, column, logits)` with indices into the
  /// grid, row by row. Throws Error{bad_input} when image or class scores are NaN or infinite.
  void run(const std::function<void(std::size_t row, std::size_t column, std::span<const float> logits)>& visit);
  /// Of the image as it is, after run().
  std::span<const float> logits() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How much the target falls under each patch of the grid, [rows, columns], for the image in it; positive where the
/// hidden part speaks for the target.
LIMN_API std::vector<float> occlusion_drops(Occluder&, const Target&, Probability = Probability::softmax);

}  // namespace limn
