#include <fmt/format.h>

#include <algorithm>

#include "limn/methods/many_runs.h"
#include "limn/methods/point_gradients.h"

namespace limn {
namespace {

using Baseline = IntegrationPath::Baseline;

/// x0 for an image of so many channels.
std::vector<float> baseline_of(const IntegrationPath& path, std::span<const float> image, std::size_t channels) {
  const std::size_t plane = image.size() / channels;
  std::vector<float> x0(image.size());
  for (std::size_t c = 0; c < channels && path.baseline != Baseline::zero; ++c) {
    double sum = 0;
    for (const float v : image.subspan(c * plane, plane)) sum += v;
    std::fill_n(
        x0.begin() + static_cast<std::ptrdiff_t>(c * plane), plane,
        path.baseline == Baseline::colour ? path.colour[c] : static_cast<float>(sum / static_cast<double>(plane)));
  }
  return x0;
}

/// R = (x - x0) sum_m w_m d f(x0 + t_m (x - x0)) / dx (equations 1 and 3 of the paper, with the points and weights
/// of a quadrature).
class IntegratedGradients : public ManyRuns {
 public:
  IntegratedGradients(const Classifier& network, const IntegrationPath& path, const ExplainerOptions& options)
      : path_(path),
        points_(quadrature_points(path.quadrature, path.steps)),
        probability_(network.probability),
        gradients_(network, path.steps + kEnds, options),
        images_(element_count(gradients_.dims())) {
    check_colour(path, network.channels);
    // The scores at both ends tell how far the sum is from the integral.
    points_.push_back({0, 0});
    points_.push_back({1, 0});
  }

  std::unique_ptr<ManyRuns> copy() const override { return std::make_unique<IntegratedGradients>(*this); }
  void observe(const ProgramObserver& observer) override { gradients_.observe(observer); }
  Dims dims() const override { return gradients_.dims(); }
  void take(std::span<const float> images) override { images_.take(images); }

  RunsMap map(std::size_t n, const Target& target) override {
    const std::span<const float> x = images_[n];
    const std::vector<float> x0 = baseline_of(path_, x, static_cast<std::size_t>(gradients_.dims()[0]));
    std::vector<double> sum(x.size());
    double ends[kEnds] = {};
    gradients_.run(
        points_.size(), target,
        [&](std::size_t m, std::span<float> point) {
          for (std::size_t i = 0; i < x.size(); ++i)
            point[i] = static_cast<float>(x0[i] + points_[m].at * (static_cast<double>(x[i]) - x0[i]));
        },
        [&](std::size_t m, std::span<const float> logits, std::span<const float> gradient) {
          if (m >= points_.size() - kEnds)
            ends[m + kEnds - points_.size()] = score_of(target, logits, probability_);
          for (std::size_t i = 0; i < x.size(); ++i) sum[i] += points_[m].weight * gradient[i];
        });
    RunsMap map;
    double total = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double part = sum[i] * (static_cast<double>(x[i]) - x0[i]);
      total += part;
      map.values.push_back(static_cast<float>(part));
    }
    map.delta = total - (ends[1] - ends[0]);
    return map;
  }

 private:
  static constexpr std::int64_t kEnds = 2;
  IntegrationPath path_;
  std::vector<QuadraturePoint> points_;
  Probability probability_;
  PointGradients gradients_;
  ImageBatch images_;
};

}  // namespace

void check_colour(const IntegrationPath& path, std::int64_t channels) {
  if (path.baseline != Baseline::colour || path.colour.size() == static_cast<std::size_t>(channels)) return;
  throw Error(ErrorCode::bad_input,
              fmt::format("the colour of the baseline has {} values, but images have {} channels",
                          path.colour.size(), channels));
}

std::unique_ptr<ManyRuns> make_integrated_gradients(const Classifier& network, const MethodRequest& request,
                                                    const ExplainerOptions& options) {
  return std::make_unique<IntegratedGradients>(network, request.path, options);
}

}  // namespace limn
