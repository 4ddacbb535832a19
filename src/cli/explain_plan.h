#pragma once
// What `limn explain` was asked for, read from its flags and fitted to a network.

#include <optional>
#include <string>
#include <vector>

#include "average_options.h"
#include "command_line.h"
#include "limn/heatmap.h"
#include "limn/overlay.h"

namespace limn::cli {

/// The flags of `limn explain` as typed.
struct ExplainFlags {
  NetworkFlags network;
  SpeedFlags speed;
  std::vector<std::string> inputs, targets, layers;
  std::string methods = "grad-cam";
  std::string variant, out, upsampling = "bilinear", formats = "png,npy", colormap = "inferno", trace;
  std::string precision = "auto";
  OcclusionPatch patch;
  std::string fill = "mean";
  AverageFlags averages;
  std::uint64_t seed = 0;
  std::size_t top = 5;
  bool counterfactual = false, raw = false, sheet = false, json = false, stats = false, profile = false;
};

/// The flags, read. Nothing here depends on the network.
struct ExplainPlan {
  std::vector<MethodRequest> requests;  ///< layers as asked for; "auto" where nothing was
  bool default_layer = true;            ///< no layer was asked for: the card's, else auto
  std::vector<TargetSpec> targets;
  Upsampling upsampling = Upsampling::bilinear;
  Colormap colormap = Colormap::inferno;
  std::optional<Precision> precision;  ///< nothing: as the methods need
  std::size_t top = 5;                 ///< classes to list as predictions
  bool png = true, npy = true, raw = false, sheet = false;
};

/// Throws UsageError for an unknown method, variant, target, format, ..., naming close ones.
ExplainPlan read_plan(const ExplainFlags&);

/// The requests for a network with this default layer.
std::vector<MethodRequest> requests_for(const ExplainPlan&, const std::string& default_layer);

/// The items of "a,b,c", without empty ones and repetitions.
std::vector<std::string> split_list(std::string_view text);

}  // namespace limn::cli
