#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "limn/base/random.h"
#include "limn/methods/many_runs.h"
#include "limn/methods/point_gradients.h"

namespace limn {
namespace {

enum class Statistic { mean, squared, variance };

/// Of numbers that come one after the other, without cancellation (Welford 1962).
struct Moments {
  std::vector<double> mean, spread;  ///< spread: the sum of squared distances to the mean
  double count = 0;
  explicit Moments(std::size_t size) : mean(size), spread(size) {}

  void add(std::span<const float> values) {
    ++count;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double before = values[i] - mean[i];
      mean[i] += before / count;
      spread[i] += before * (values[i] - mean[i]);
    }
  }
  double of(Statistic statistic, std::size_t i) const {
    switch (statistic) {
      case Statistic::mean: return mean[i];
      case Statistic::squared: return mean[i] * mean[i] + spread[i] / count;
      case Statistic::variance: return spread[i] / (count - 1);
    }
    return 0;
  }
};

Statistic statistic_of(const std::string& variant) {
  return variant == "squared" ? Statistic::squared : variant == "vargrad" ? Statistic::variance : Statistic::mean;
}

/// See standard_noise().
void draw_noise(std::uint64_t seed, std::int64_t sample, std::span<float> e) {
  const std::uint64_t key = random_bits(random_key(seed, "smooth-grad"), static_cast<std::uint64_t>(sample));
  for (std::size_t i = 0; i < e.size(); i += 2) {  // Box and Muller 1958
    const double radius = std::sqrt(-2 * std::log1p(-random_unit(key, i)));
    const double angle = 2 * std::numbers::pi * random_unit(key, i + 1);
    e[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < e.size()) e[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

/// The mean over samples of d f(x + e) / dx; of its square (Hooker et al. 2018, arXiv 1806.10758); its unbiased
/// variance (Adebayo et al. 2018, arXiv 1810.03292).
class SmoothGrad : public ManyRuns {
 public:
  SmoothGrad(const Classifier& network, const MethodRequest& request, const ExplainerOptions& options)
      : noise_(request.noise),
        statistic_(statistic_of(request.variant)),
        gradients_(network, request.noise.samples, options),
        images_(element_count(gradients_.dims())) {}

  std::unique_ptr<ManyRuns> copy() const override { return std::make_unique<SmoothGrad>(*this); }
  void observe(const ProgramObserver& observer) override { gradients_.observe(observer); }
  Dims dims() const override { return gradients_.dims(); }
  void take(std::span<const float> images) override { images_.take(images); }

  RunsMap map(std::size_t n, const Target& target) override {
    const std::span<const float> x = images_[n];
    const auto [least, most] = std::ranges::minmax(x);
    const double sigma = noise_.sigma * (static_cast<double>(most) - least);
    Moments moments(x.size());
    gradients_.run(
        static_cast<std::size_t>(noise_.samples), target,
        [&](std::size_t m, std::span<float> point) {
          draw_noise(noise_.seed, static_cast<std::int64_t>(m), point);
          for (std::size_t i = 0; i < x.size(); ++i) point[i] = static_cast<float>(x[i] + sigma * point[i]);
        },
        [&](std::size_t, std::span<const float>, std::span<const float> gradient) { moments.add(gradient); });
    RunsMap map;
    for (std::size_t i = 0; i < x.size(); ++i) map.values.push_back(static_cast<float>(moments.of(statistic_, i)));
    return map;
  }

 private:
  GradientNoise noise_;
  Statistic statistic_;
  PointGradients gradients_;
  ImageBatch images_;
};

}  // namespace

void check_noise(const GradientNoise& noise, const std::string& variant) {
  const std::int64_t least = statistic_of(variant) == Statistic::variance ? 2 : 1;
  if (noise.samples < least)
    throw Error(ErrorCode::bad_input,
                fmt::format("smooth-grad ({}) needs {} samples at least, not {}", variant, least, noise.samples),
                "--samples");
  if (!(noise.sigma >= 0) || !std::isfinite(noise.sigma))
    throw Error(ErrorCode::bad_input, fmt::format("noise has no standard deviation of {}", noise.sigma), "--sigma",
                "take a fraction of the image's range, such as 0.15");
}

std::vector<float> standard_noise(std::uint64_t seed, std::int64_t sample, std::size_t elements) {
  std::vector<float> e(elements);
  draw_noise(seed, sample, e);
  return e;
}

std::unique_ptr<ManyRuns> make_smooth_grad(const Classifier& network, const MethodRequest& request,
                                           const ExplainerOptions& options) {
  check_noise(request.noise, request.variant);
  return std::make_unique<SmoothGrad>(network, request, options);
}

}  // namespace limn
