#pragma once
// Methods that are no graph: their maps come from many runs of a network.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "limn/explain.h"

namespace limn {

/// The map of one image.
struct RunsMap {
  std::vector<float> values;         ///< as RawMap has them
  std::optional<double> delta = {};  ///< as RawMap has it
};

/// The maps of a batch of images by such a method.
class ManyRuns {
 public:
  virtual ~ManyRuns() = default;
  /// Another one on the same compiled programs, for another thread.
  virtual std::unique_ptr<ManyRuns> copy() const = 0;
  /// As Explainer::observe().
  virtual void observe(const ProgramObserver&) = 0;

  /// The images [N, C, H, W] that map() is about from now on.
  virtual void take(std::span<const float> images) = 0;
  virtual RunsMap map(std::size_t n, const Target&) = 0;
  /// The sizes of a map, as RawMap has them.
  virtual Dims dims() const = 0;

 protected:
  ManyRuns() = default;
  ManyRuns(const ManyRuns&) = default;
  ManyRuns& operator=(const ManyRuns&) = default;
};

/// The images that take() was given.
class ImageBatch {
 public:
  /// For images of so many elements.
  explicit ImageBatch(std::int64_t size) : size_(static_cast<std::size_t>(size)) {}
  void take(std::span<const float> images) { values_.assign(images.begin(), images.end()); }
  std::span<const float> operator[](std::size_t n) const { return std::span(values_).subspan(n * size_, size_); }

 private:
  std::size_t size_;
  std::vector<float> values_;
};

/// Tells `observer` of the steps of this program, which outlives it; empty for an empty one.
StepObserver for_program(const ProgramObserver& observer, const Program& program);

/// Makes one for a request with everything filled in.
using MakeRuns = std::unique_ptr<ManyRuns> (*)(const Classifier&, const MethodRequest&, const ExplainerOptions&);

std::unique_ptr<ManyRuns> make_occlusion_maps(const Classifier&, const MethodRequest&, const ExplainerOptions&);
std::unique_ptr<ManyRuns> make_integrated_gradients(const Classifier&, const MethodRequest&,
                                                    const ExplainerOptions&);
std::unique_ptr<ManyRuns> make_smooth_grad(const Classifier&, const MethodRequest&, const ExplainerOptions&);

/// Throw Error{bad_input} for a colour of another number of channels, too few samples, or noise without a standard
/// deviation.
void check_colour(const IntegrationPath&, std::int64_t channels);
void check_noise(const GradientNoise&, const std::string& variant);

}  // namespace limn
