#include "evaluate_flags.h"

#include <fmt/format.h>

#include <utility>

#include "explain_plan.h"
#include "failure.h"

namespace limn::cli {
namespace {

/// "2/4" is the second of four.
void read_shard(const std::string& text, EvaluationPlan& plan) {
  if (text.empty()) return;
  const auto fail = [&] {
    throw UsageError(Error(ErrorCode::bad_input, fmt::format("'{}' is not a shard", text), "--shard",
                           "write I/N, from 1/N to N/N"));
  };
  std::size_t end = 0, end2 = 0;
  try {
    const std::size_t number = std::stoul(text, &end);
    if (end >= text.size() || text[end] != '/') fail();
    plan.shards = std::stoul(text.substr(end + 1), &end2);
    if (end + 1 + end2 != text.size() || number < 1 || number > plan.shards) fail();
    plan.shard = number - 1;
  } catch (const std::logic_error&) {
    fail();
  }
}

void read_thresholds(const std::vector<double>& thresholds, const ExperimentInfo& info,
                     ExperimentOptions& options) {
  if (!info.thresholds.empty()) options.thresholds = info.thresholds;
  if (thresholds.empty()) return;
  if (info.thresholds.empty())
    throw UsageError(
        Error(ErrorCode::bad_input, fmt::format("{} has no thresholds", info.name), "--threshold", "leave it out"));
  for (const double t : thresholds)
    if (!(t >= 0 && t < 1))
      throw UsageError(Error(ErrorCode::bad_input, fmt::format("a threshold of {} is not below 1", t),
                             "--threshold", "thresholds are fractions of a map's maximum, such as 0.15"));
  options.thresholds = thresholds;
}

/// `text` is the first of two words, or the second; what holds already where it is empty.
void read_choice(const std::string& text, std::string_view option,
                 std::pair<std::string_view, std::string_view> words, bool& second) {
  if (text.empty()) return;
  if (text != words.first && text != words.second)
    throw Error(ErrorCode::bad_input, fmt::format("there is no {} '{}'", option.substr(2), text),
                std::string(option), fmt::format("{} or {}", words.first, words.second));
  second = text == words.second;
}

OcclusionRules read_occlusion(const OcclusionFlags& flags, Protocol protocol) {
  OcclusionRules rules;
  if (protocol == Protocol::as_published) {
    rules.stride = 1;
    rules.fill = OcclusionFill::grey;
    rules.padded = rules.argsort = true;
  }
  rules.patch = flags.patch.value_or(rules.patch);
  rules.stride = flags.stride.value_or(rules.stride);
  if (!flags.fill.empty()) rules.fill = parse_occlusion_fill(flags.fill);
  bool logit = false;
  read_choice(flags.score, "--score", {"probability", "logit"}, logit);
  if (logit) rules.score = Target::Kind::logit;
  read_choice(flags.rank, "--rank", {"correct", "argsort"}, rules.argsort);
  read_choice(flags.pad, "--pad", {"none", "frame"}, rules.padded);
  return rules;
}

/// The methods as asked for; none where the experiment draws no maps.
std::vector<MethodRequest> read_methods(const EvaluateFlags& flags, Protocol protocol) {
  if (!experiment(flags.experiment).draws_maps) return {};
  ExplainFlags as_explain;
  as_explain.methods = flags.methods;
  as_explain.variant = flags.variant;
  as_explain.averages = flags.averages;
  as_explain.seed = flags.seed;
  if (flags.layer != "auto") as_explain.layers = {flags.layer};
  auto requests = read_plan(as_explain).requests;
  // Occlusion was published with the hooks of guided backpropagation in the network.
  if (flags.variant.empty() && flags.experiment == "occlusion" && protocol == Protocol::as_published)
    for (MethodRequest& r : requests)
      if (r.method == "grad-cam" || r.method == "guided-grad-cam") r.variant = "study";
  return requests;
}

}  // namespace

EvaluationPlan read_plan(const EvaluateFlags& flags) {
  return as_usage([&] {
    EvaluationPlan plan;
    const ExperimentInfo& info = experiment(flags.experiment);
    plan.experiment = info.name;
    plan.options.protocol = parse_protocol(flags.protocol);
    read_thresholds(flags.thresholds, info, plan.options);
    plan.options.box = flags.box.empty() ? usual_box(plan.options.protocol) : parse_region_rule(flags.box);
    plan.options.tolerance = flags.tolerance;
    plan.options.occlusion = read_occlusion(flags.occlusion, plan.options.protocol);
    plan.options.seed = flags.seed;
    plan.methods = read_methods(flags, plan.options.protocol);
    plan.upsampling = parse_upsampling(flags.upsampling);
    plan.precision = parse_precision(flags.precision);
    plan.limit = flags.limit;
    plan.save_maps = flags.save_maps;
    read_shard(flags.shard, plan);
    return plan;
  });
}

const DatasetKind& read_kind(const EvaluateFlags& flags) {
  return as_usage([&]() -> const DatasetKind& {
    const DatasetKind& kind = dataset_kind(flags.dataset);
    if (experiment(flags.experiment).needs_boxes && !kind.has_boxes)
      throw Error(ErrorCode::bad_input,
                  fmt::format("{} needs boxes, and {} has none", flags.experiment, kind.summary), "--dataset",
                  "take a dataset with boxes, such as ilsvrc or voc");
    return kind;
  });
}

namespace {

void add_subject_options(CommandLine& line, CLI::App& command, EvaluateFlags& flags) {
  CLI::Option* option = command.add_option("EXPERIMENT", flags.experiment,
                                           "classification, localization, pointing-game, occlusion or xray");
  option->required()->type_name("");
  command.add_option("--model", flags.network.model, "The network, an ONNX file")->required()->type_name("FILE");
  std::vector<std::string> kinds;
  for (const DatasetKind& kind : dataset_kinds()) kinds.emplace_back(kind.name);
  option = command.add_option("--dataset", flags.dataset, "Kind of dataset, see limn datasets");
  line.completions[option->required()->type_name("KIND")] = one_of(kinds);
  command.add_option("--root", flags.root, "Folder of the dataset")->required()->type_name("DIR");
  command.add_option("--split", flags.split, "Part of the dataset (default: see limn datasets)")->type_name("NAME");
  command.add_option("--limit", flags.limit, "The first N images only")->type_name("N");
}

void add_measure_options(CommandLine& line, CLI::App& command, EvaluateFlags& flags) {
  std::vector<std::string> names;
  for (const MethodInfo& info : methods()) names.emplace_back(info.name);
  CLI::Option* option = command.add_option("-m,--method", flags.methods,
                                           "Methods, separated by commas (default: grad-cam); see limn methods");
  line.completions[option->type_name("LIST")] = {names, true};
  command.add_option("--layer", flags.layer, "Layer for the methods that use one, or auto (default)")
      ->type_name("NAME");
  command.add_option("--variant", flags.variant, "Variant of the method, see limn methods")->type_name("NAME");
  option =
      command.add_option("--upsample", flags.upsampling, "How a CAM grows: bilinear (default), nearest, bicubic");
  line.completions[option->type_name("NAME")] = {{"bilinear", "nearest", "bicubic"}, false};
  option = command.add_option("--protocol", flags.protocol,
                              "correct (default), or as-published: the rules of the KTH study of Grad-CAM, faults "
                              "included, to compare with its numbers");
  line.completions[option->type_name("NAME")] = {{"correct", "as-published"}, false};
  command
      .add_option(
          "--threshold", flags.thresholds,
          "localization: boxes around what is above this fraction of the maximum (default: 0.15); xray: pixels "
          "above it (default: 0.85, 0.5, 0.15); may be repeated")
      ->type_name("T")
      ->allow_extra_args(false);
  option = command.add_option("--box", flags.box,
                              "localization and xray: the box that is judged first, around the region with most "
                              "pixels (default), the largest rectangle (as-published) or the largest contour; "
                              "localization keeps the numbers of all three");
  line.completions[option->type_name("NAME")] = {{"region", "rectangle", "contour"}, false};
  command
      .add_option(
          "--calibrate-on", flags.calibrate_on,
          "localization: a finished run on other images, on which thresholds are chosen (default: chosen on "
          "every other image, judged on the rest)")
      ->type_name("RUN");
  command.add_option("--tolerance", flags.tolerance, "pointing-game: pixels from a box (default: 15)")
      ->type_name("PIXELS");
  command.add_option("--seed", flags.seed, "Of random maps, resamples and noise (default: 0)")->type_name("S");
}

void add_occlusion_options(CommandLine& line, CLI::App& command, OcclusionFlags& flags) {
  command.add_option("--patch", flags.patch, "occlusion: rows and columns of the patch (default: 45)")
      ->type_name("PIXELS")
      ->check(above_zero());
  command
      .add_option("--stride", flags.stride,
                  "occlusion: pixels from one patch to the next (default: 16; 1 with --protocol as-published)")
      ->type_name("PIXELS")
      ->check(above_zero());
  const auto choice = [&](const char* name, std::string& value, const char* help, std::vector<std::string> words) {
    line.completions[command.add_option(name, value, help)->type_name("NAME")] = {std::move(words), false};
  };
  choice(
      "--fill", flags.fill,
      "occlusion: what a patch holds: mean of the image (default), zero after preprocessing, or grey, 0.5 after it "
      "(as-published)",
      {"mean", "zero", "grey"});
  choice("--score", flags.score, "occlusion: what falls under a patch: probability (default) or logit",
         {"probability", "logit"});
  choice("--rank", flags.rank,
         "occlusion: the headline: correct (default), of ranks, or argsort, of sorting orders (as-published); rows "
         "hold "
         "both",
         {"correct", "argsort"});
  choice("--pad", flags.pad,
         "occlusion: none (default), or frame: the network sees the image in a grey frame half a patch wide "
         "(as-published)",
         {"none", "frame"});
}

void add_run_options(CLI::App& command, EvaluateFlags& flags) {
  command.add_option("-o,--out", flags.out, "Folder of the run; made when missing")->required()->type_name("DIR");
  command.add_flag("--resume", flags.resume, "Go on with the run in that folder");
  command.add_option("--shard", flags.shard, "Only every N-th block of images, the I-th; see limn merge")
      ->type_name("I/N");
  command.add_flag("--save-maps", flags.save_maps, "Keep the methods' own numbers and the class scores, as .npy");
  command.add_flag("--json", flags.json, "Print the summary as JSON");
  command.add_flag("--stats", flags.stats, "Tell rates and times on standard error");
}

}  // namespace

void add_evaluate_options(CommandLine& line, CLI::App& command, EvaluateFlags& flags) {
  add_subject_options(line, command, flags);
  add_measure_options(line, command, flags);
  add_average_options(line, command, flags.averages);
  add_occlusion_options(line, command, flags.occlusion);
  add_run_options(command, flags);
  add_network_options(line, command, flags.network);
  add_speed_options(command, flags.speed);
  add_precision_option(line, command, flags.precision);
}

void check_heeded(const CLI::App& command, const EvaluateFlags& flags) {
  as_usage([&] { return &experiment(flags.experiment); });
  require_heeded(command, {"--patch", "--stride", "--fill", "--score", "--rank", "--pad"},
                 flags.experiment == "occlusion", "occlusion");
  require_averages_heeded(command, experiment(flags.experiment).draws_maps ? flags.methods : "");
  require_heeded(command, {"--tolerance"}, flags.experiment == "pointing-game", "the pointing game");
  require_heeded(command, {"--calibrate-on"}, flags.experiment == "localization", "localization");
  require_heeded(command, {"--box"}, flags.experiment == "localization" || flags.experiment == "xray",
                 "localization and xray");
}

}  // namespace limn::cli
