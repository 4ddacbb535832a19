#include "average_options.h"

#include <fmt/format.h>

namespace limn::cli {
namespace {

using Baseline = IntegrationPath::Baseline;

Baseline parse_baseline(const std::string& text) {
  if (text == "zero") return Baseline::zero;
  if (text == "mean") return Baseline::mean;
  if (text == "black" || text == "white") return Baseline::colour;
  throw Error(ErrorCode::bad_input, fmt::format("there is no baseline '{}'", text), "--baseline",
              "zero, mean, black or white");
}

/// A pixel, 0 black and 1 white in every channel, after the preprocessing.
std::vector<float> preprocessed(double pixel, const Preprocess& p) {
  std::vector<float> colour;
  for (std::size_t c = 0; c < static_cast<std::size_t>(p.channels); ++c) {
    const auto value = [c](const std::vector<float>& v, double none) {
      return v.empty() ? none : static_cast<double>(v[v.size() == 1 ? 0 : c]);
    };
    colour.push_back(static_cast<float>((pixel * p.range - value(p.mean, 0)) / value(p.std, 1)));
  }
  return colour;
}

}  // namespace

void add_average_options(CommandLine& line, CLI::App& command, AverageFlags& flags) {
  command.add_option("--steps", flags.steps, "integrated-gradients: points of the path (default: 50)")
      ->type_name("N")
      ->check(above_zero());
  CLI::Option* option = command.add_option(
      "--quadrature", flags.quadrature,
      "integrated-gradients: how the path is summed: gauss-legendre (default), left, right, middle or trapezoid");
  line.completions[option->type_name("NAME")] = {{"gauss-legendre", "left", "right", "middle", "trapezoid"}, false};
  option =
      command.add_option("--baseline", flags.baseline,
                         "integrated-gradients: where the path begins: zero after preprocessing (default), the "
                         "mean of the image, black or white");
  line.completions[option->type_name("NAME")] = {{"zero", "mean", "black", "white"}, false};
  command.add_option("--samples", flags.samples, "smooth-grad: noisy copies of the image (default: 50)")
      ->type_name("N")
      ->check(above_zero());
  command
      .add_option("--sigma", flags.sigma,
                  "smooth-grad: standard deviation of the noise, as a part of the range of the preprocessed image "
                  "(default: 0.15)")
      ->type_name("PART");
}

void require_averages_heeded(const CLI::App& command, const std::string& methods) {
  const auto asked = [&](const char* name) { return methods.find(name) != std::string::npos; };
  require_heeded(command, {"--steps", "--quadrature", "--baseline"}, asked("integrated-gradients"),
                 "the method integrated-gradients");
  require_heeded(command, {"--samples", "--sigma"}, asked("smooth-grad"), "the method smooth-grad");
}

void read_averages(const AverageFlags& flags, std::uint64_t seed, MethodRequest& request) {
  request.path = {flags.steps, parse_quadrature(flags.quadrature), parse_baseline(flags.baseline), {}};
  request.noise = {flags.samples, flags.sigma, seed};
}

void settle_baselines(const AverageFlags& flags, const Preprocess& preprocess, std::span<MethodRequest> requests) {
  const double pixel = flags.baseline == "white" ? 1 : 0;
  for (MethodRequest& request : requests)
    if (request.path.baseline == Baseline::colour) request.path.colour = preprocessed(pixel, preprocess);
}

}  // namespace limn::cli
