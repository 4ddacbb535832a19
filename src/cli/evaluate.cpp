// limn evaluate: an experiment on a whole dataset, as a run on disk that can be stopped and gone on with.

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "batch_run.h"
#include "command_line.h"
#include "evaluate_report.h"
#include "explain_plan.h"
#include "interrupt.h"
#include "limn/build_commit.h"
#include "limn/study/run_folder.h"
#include "output.h"
#include "progress.h"

namespace limn::cli {
namespace {

struct EvaluateFlags {
  NetworkFlags network;
  SpeedFlags speed;
  std::string experiment, dataset, root, split, out, shard;
  std::string methods = "grad-cam", variant, layer = "auto", protocol = "correct", upsampling = "bilinear";
  std::vector<double> thresholds;
  double tolerance = 15;
  std::optional<std::size_t> limit;
  std::uint64_t seed = 0;
  bool resume = false, save_maps = false, json = false, stats = false;
};

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

void read_thresholds(const std::vector<double>& thresholds, ExperimentOptions& options) {
  if (thresholds.empty()) return;
  for (const double t : thresholds)
    if (!(t >= 0 && t < 1))
      throw UsageError(Error(ErrorCode::bad_input, fmt::format("a threshold of {} is not below 1", t),
                             "--threshold", "thresholds are fractions of a map's maximum, such as 0.15"));
  options.thresholds = thresholds;
}

/// The methods as asked for; none where the experiment draws no maps.
std::vector<MethodRequest> read_methods(const EvaluateFlags& flags) {
  if (!experiment(flags.experiment).needs_boxes) return {};
  ExplainFlags as_explain;
  as_explain.methods = flags.methods;
  as_explain.variant = flags.variant;
  if (flags.layer != "auto") as_explain.layers = {flags.layer};
  return read_plan(as_explain).requests;
}

EvaluationPlan read_plan(const EvaluateFlags& flags) {
  return as_usage([&] {
    EvaluationPlan plan;
    plan.experiment = experiment(flags.experiment).name;
    plan.options.protocol = parse_protocol(flags.protocol);
    read_thresholds(flags.thresholds, plan.options);
    plan.options.tolerance = flags.tolerance;
    plan.options.seed = flags.seed;
    plan.methods = read_methods(flags);
    plan.upsampling = parse_upsampling(flags.upsampling);
    plan.limit = flags.limit;
    plan.save_maps = flags.save_maps;
    read_shard(flags.shard, plan);
    return plan;
  });
}

/// An experiment with boxes on a dataset without them cannot be right, whatever the files hold.
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

/// What the rows tell of the images that failed, now or before.
ExitCode exit_code(const Json& summary) {
  const auto failed = summary.at("images").at("failed").get<std::size_t>();
  if (failed == 0) return kFine;
  return failed == summary.at("images").at("all").get<std::size_t>() ? kBadInput : kSomeFailed;
}

void finish_image(const ImageRow& image, Progress& progress) {
  if (image.error) {
    progress.hide();
    print_note(fmt::format("{} failed: {}", image.id, *image.error));
  }
  progress.advance();
}

/// Before any image fails for it.
void check_size(const Network& network) {
  const auto made = fixed_size(network.preprocess);
  const InputSize taken = input_size(network.classifier);
  if (!made) return;
  if (made->width != taken.width || made->height != taken.height)
    throw Error(ErrorCode::bad_input,
                fmt::format("the preprocessing makes {}x{} pixels, but the network takes {}x{}", made->width,
                            made->height, taken.width, taken.height),
                {}, fmt::format("add --crop {}x{}", taken.width, taken.height));
}

int evaluate(const EvaluateFlags& flags) {
  constexpr std::size_t kBlock = 8;
  EvaluationPlan plan = read_plan(flags);
  const DatasetKind& kind = read_kind(flags);
  const std::string split = flags.split.empty() ? std::string(kind.split) : flags.split;
  const int threads = choose_threads(flags.speed.threads);
  const auto dataset = open_dataset(kind.name, flags.root, {split, imagenet_ids()});
  Network network = open_network(flags.network);
  settle_size(network, {});
  check_size(network);
  plan.batch = choose_batch(flags.speed.batch, declared_batch(network.classifier), kBlock);
  for (MethodRequest& request : plan.methods)
    if (request.layer == "auto" && method(request.method).uses_layer) request.layer = network.layer_of_card();
  check_protocol(plan.options.protocol, network.preprocess);
  const auto class_map = map_classes(dataset->classes(), network.names.full(), network.classifier.classes);
  if (!network.note.empty()) print_note(network.note);

  const EvaluationSubject subject{*dataset, class_map, network.classifier, network.preprocess};
  const Json manifest = make_manifest(
      plan, subject,
      {flags.network.model, std::string(kind.name), split, flags.root, std::string(build_commit()), threads});
  begin_run(flags.out, manifest, flags.resume);
  if (plan.save_maps) std::filesystem::create_directories(maps_path(flags.out));
  RowStore rows(rows_path(flags.out), make_experiment(plan.experiment, plan.options)->columns());
  const auto planned = planned_positions(plan, *dataset);
  const std::size_t before = rows.positions().size();
  Progress progress(planned.size() - std::min(before, planned.size()));
  std::size_t done = before;
  const EvaluationHooks hooks{[&](const ImageRow& image) {
                                ++done;
                                finish_image(image, progress);
                              },
                              interrupted};
  const EvaluationOutcome outcome = limn::evaluate(plan, subject, rows, maps_path(flags.out), threads, hooks);
  progress.hide();
  if (outcome.stopped && done < planned.size())
    throw Error(ErrorCode::cancelled,
                fmt::format("interrupted: {} of {} images are finished", done, planned.size()), flags.out,
                "the same command with --resume goes on");
  const Json summary = summarise(manifest, rows);
  rows.close();
  write_summary(flags.out, summary);
  write_output(flags.json ? summary.dump(2) + "\n" : text_of(summary));
  if (flags.stats) print_times(outcome.times, done - before, threads);
  return exit_code(summary);
}

int merge(const std::vector<std::string>& runs, const std::string& out, bool json) {
  const Json summary = merge_runs({runs.begin(), runs.end()}, out);
  write_output(json ? summary.dump(2) + "\n" : text_of(summary));
  return exit_code(summary);
}

void add_subject_options(CommandLine& line, CLI::App& command, EvaluateFlags& flags) {
  CLI::Option* option =
      command.add_option("EXPERIMENT", flags.experiment, "classification, localization or pointing-game");
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
      .add_option("--threshold", flags.thresholds,
                  "localization: boxes around what is above this fraction of the maximum (default: 0.15); may be "
                  "repeated")
      ->type_name("T")
      ->allow_extra_args(false);
  command.add_option("--tolerance", flags.tolerance, "pointing-game: pixels from a box (default: 15)")
      ->type_name("PIXELS");
  command.add_option("--seed", flags.seed, "Of random maps and resamples (default: 0)")->type_name("S");
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

void add_evaluate(CommandLine& line) {
  auto flags = std::make_shared<EvaluateFlags>();
  CLI::App* command = add_command(
      line, "evaluate",
      "Measure a network and its explanations on a dataset: errors, boxes against boxes, the pointing game.\n"
      "Methods are compared with controls that look at nothing. Results are in a folder: a row for every image and "
      "method as it is done, and a summary with intervals at the end. A stopped run goes on with --resume.",
      {"limn evaluate classification --model model.onnx --dataset ilsvrc --root imagenet --out runs/errors",
       "limn evaluate localization --model model.onnx --dataset ilsvrc --root imagenet --method grad-cam,layer-cam "
       "--out runs/boxes",
       "limn evaluate pointing-game --model model.onnx --dataset voc --root VOCdevkit/VOC2007 --protocol "
       "as-published "
       "--limit 500 --out runs/points",
       "limn evaluate localization ... --shard 2/8 --out runs/part-2"});
  add_subject_options(line, *command, *flags);
  add_measure_options(line, *command, *flags);
  add_run_options(*command, *flags);
  add_network_options(line, *command, flags->network);
  add_speed_options(*command, flags->speed);
  command->callback([&line, flags] { line.action = [flags] { return evaluate(*flags); }; });
}

void add_merge(CommandLine& line) {
  struct Flags {
    std::vector<std::string> runs;
    std::string out;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = add_command(line, "merge", "Join the shards of an evaluation into one run.",
                                  {"limn merge runs/part-1 runs/part-2 --out runs/whole"});
  command->add_option("RUN", flags->runs, "Folders of finished shards")->required()->type_name("");
  command->add_option("-o,--out", flags->out, "Folder of the whole run")->required()->type_name("DIR");
  command->add_flag("--json", flags->json, "Print the summary as JSON");
  command->callback(
      [&line, flags] { line.action = [flags] { return merge(flags->runs, flags->out, flags->json); }; });
}

}  // namespace limn::cli
