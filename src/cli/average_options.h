#pragma once
// The options of the methods that average a gradient over points, integrated-gradients and smooth-grad.

#include <span>
#include <string>

#include "command_line.h"
#include "limn/explain.h"
#include "limn/preprocess.h"

namespace limn::cli {

struct AverageFlags {
  std::int64_t steps = IntegrationPath{}.steps;
  std::string quadrature = "gauss-legendre", baseline = "zero";
  std::int64_t samples = GradientNoise{}.samples;
  double sigma = GradientNoise{}.sigma;
};

/// --steps, --quadrature, --baseline, --samples, --sigma.
void add_average_options(CommandLine&, CLI::App&, AverageFlags&);
/// Throws UsageError when one is given and no method of the list would heed it.
void require_averages_heeded(const CLI::App&, const std::string& methods);

/// Fills in what the methods read. Throws Error{bad_input} for an unknown quadrature or baseline.
void read_averages(const AverageFlags&, std::uint64_t seed, MethodRequest&);
/// Black and white baselines as the network sees them.
void settle_baselines(const AverageFlags&, const Preprocess&, std::span<MethodRequest>);

}  // namespace limn::cli
