#pragma once
// The options of `limn evaluate`, and what they ask for.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "average_options.h"
#include "command_line.h"
#include "limn/dataset.h"
#include "limn/study/evaluation.h"

namespace limn::cli {

/// Empty and nothing: as the protocol has it.
struct OcclusionFlags {
  std::optional<std::int64_t> patch, stride;
  std::string fill, score, rank, pad;
};

struct EvaluateFlags {
  NetworkFlags network;
  SpeedFlags speed;
  OcclusionFlags occlusion;
  AverageFlags averages;
  std::string experiment, dataset, root, split, out, shard, calibrate_on, box;
  std::string methods = "grad-cam", variant, layer = "auto", protocol = "correct", upsampling = "bilinear",
              precision = "auto";
  std::vector<double> thresholds;
  double tolerance = 15;
  std::optional<std::size_t> limit;
  std::uint64_t seed = 0;
  bool resume = false, save_maps = false, json = false, stats = false;
};

void add_evaluate_options(CommandLine&, CLI::App& command, EvaluateFlags&);
/// Throws UsageError for an option of another experiment, or an experiment that does not exist.
void check_heeded(const CLI::App& command, const EvaluateFlags&);

/// Throws UsageError for what cannot be asked for.
EvaluationPlan read_plan(const EvaluateFlags&);
/// An experiment with boxes on a dataset without them cannot be right, whatever the files hold: UsageError.
const DatasetKind& read_kind(const EvaluateFlags&);

}  // namespace limn::cli
