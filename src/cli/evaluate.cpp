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
#include "ranks.h"

namespace limn::cli {
namespace {

/// Empty and nothing: as the protocol has it.
struct OcclusionFlags {
  std::optional<std::int64_t> patch, stride;
  std::string fill, score, rank, pad;
};

struct EvaluateFlags {
  NetworkFlags network;
  SpeedFlags speed;
  OcclusionFlags occlusion;
  std::string experiment, dataset, root, split, out, shard;
  std::string methods = "grad-cam", variant, layer = "auto", protocol = "correct", upsampling = "bilinear",
              precision = "auto";
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
std::vector<MethodRequest> read_methods(const EvaluateFlags& flags) {
  if (!experiment(flags.experiment).draws_maps) return {};
  ExplainFlags as_explain;
  as_explain.methods = flags.methods;
  as_explain.variant = flags.variant;
  if (flags.layer != "auto") as_explain.layers = {flags.layer};
  return read_plan(as_explain).requests;
}

EvaluationPlan read_plan(const EvaluateFlags& flags) {
  return as_usage([&] {
    EvaluationPlan plan;
    const ExperimentInfo& info = experiment(flags.experiment);
    plan.experiment = info.name;
    plan.options.protocol = parse_protocol(flags.protocol);
    read_thresholds(flags.thresholds, info, plan.options);
    plan.options.tolerance = flags.tolerance;
    plan.options.occlusion = read_occlusion(flags.occlusion, plan.options.protocol);
    plan.options.seed = flags.seed;
    plan.methods = read_methods(flags);
    plan.upsampling = parse_upsampling(flags.upsampling);
    plan.precision = parse_precision(flags.precision);
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

/// Everything that is open for an evaluation.
class Job {
 public:
  /// Reads the lists of the dataset and the network. Notes are for the process that talks.
  Job(const EvaluateFlags& flags, bool talks)
      : plan(read_plan(flags)), threads(choose_threads(flags.speed.threads)) {
    constexpr std::size_t kBlock = 8;
    const DatasetKind& kind = read_kind(flags);
    const std::string split = flags.split.empty() ? std::string(kind.split) : flags.split;
    dataset = open_dataset(kind.name, flags.root, {split, imagenet_ids()});
    network_ = open_network(flags.network);
    settle_size(network_, {});
    check_size(network_);
    plan.batch = choose_batch(flags.speed.batch, declared_batch(network_.classifier), kBlock);
    if (declared_batch(network_.classifier) == 1) plan.options.occlusion.batch = 1;
    for (MethodRequest& request : plan.methods)
      if (request.layer == "auto" && method(request.method).uses_layer) request.layer = network_.layer_of_card();
    if (experiment(plan.experiment).cropped_as_published)
      check_protocol(plan.options.protocol, network_.preprocess);
    const auto& classes = dataset->classes();
    class_map_ = map_classes(classes, network_.names.full(), network_.classifier.classes);
    if (plan.experiment == "xray")
      for (std::size_t i = 0; i < classes.size(); ++i) plan.options.findings[classes[i]] = class_map_[i];
    if (talks && !network_.note.empty()) print_note(network_.note);
    manifest = make_manifest(
        plan, subject(),
        {flags.network.model, std::string(kind.name), split, flags.root, std::string(build_commit()), threads});
  }

  EvaluationSubject subject() const {
    return {*dataset, class_map_, network_.classifier, network_.model.graph, network_.preprocess};
  }
  /// What has to be the same for all who work on it.
  std::string work() const {
    return manifest.at("model").at("sha256").get<std::string>() +
           manifest.at("dataset").at("sha256").get<std::string>();
  }

  EvaluationPlan plan;
  int threads;
  std::unique_ptr<const Dataset> dataset;
  Json manifest;

 private:
  Network network_;
  std::vector<std::size_t> class_map_;
};

/// The rest of an evaluation by the process that has the rows.
int run(const EvaluateFlags& flags, const Job& job, RowStore& rows,
        std::span<const std::unique_ptr<RemoteWorker>> others) {
  const auto planned = planned_positions(job.plan, *job.dataset);
  const std::size_t before = rows.positions().size();
  Progress progress(planned.size() - std::min(before, planned.size()));
  std::size_t done = before;
  const EvaluationHooks hooks{[&](const ImageRow& image) {
                                ++done;
                                finish_image(image, progress);
                              },
                              interrupted};
  const EvaluationOutcome outcome =
      limn::evaluate(job.plan, job.subject(), rows, maps_path(flags.out), job.threads, hooks, others);
  progress.hide();
  if (outcome.stopped && done < planned.size())
    throw Error(ErrorCode::cancelled,
                fmt::format("interrupted: {} of {} images are finished", done, planned.size()), flags.out,
                "the same command with --resume goes on");
  const Json summary = summarise(job.manifest, rows);
  rows.close();
  write_summary(flags.out, summary);
  write_output(flags.json ? summary.dump(2) + "\n" : text_of(summary));
  if (flags.stats) print_times(outcome.times, done - before, job.threads + static_cast<int>(others.size()));
  return exit_code(summary);
}

/// What went wrong, for other processes to know too.
template <class F>
std::optional<Error> failure_of(F&& prepare) {
  try {
    prepare();
  } catch (const Error& e) {
    return e;
  } catch (const UsageError&) {
    throw;  // every process sees it
  } catch (const std::exception& e) {
    return Error(ErrorCode::internal, e.what());
  }
  return std::nullopt;
}

int lead(const EvaluateFlags& flags, Ranks& ranks) {
  std::optional<Job> job;
  std::optional<RowStore> rows;
  const auto failure = failure_of([&] {
    job.emplace(flags, true);
    begin_run(flags.out, job->manifest, flags.resume);
    if (job->plan.save_maps) std::filesystem::create_directories(maps_path(flags.out));
    rows.emplace(rows_path(flags.out), make_experiment(job->plan.experiment, job->plan.options)->columns());
  });
  ranks.meet(failure ? "" : job->work(), 0, failure);
  return run(flags, *job, *rows, ranks.workers());
}

/// The first process says what there is to say, and how it ended: one that ends badly before it has is answered by
/// mpirun with the death of all.
int follow(const EvaluateFlags& flags, Ranks& ranks) {
  std::optional<Job> job;
  try {
    const auto failure = failure_of([&] { job.emplace(flags, false); });
    ranks.meet(failure ? "" : job->work(), failure ? 0 : job->threads, failure);
    serve(job->plan, job->subject(), maps_path(flags.out), job->threads, ranks);
  } catch (const std::exception&) {
    return kFine;
  }
  return kFine;
}

int evaluate(const EvaluateFlags& flags) {
  Ranks ranks;
  return ranks.first() ? lead(flags, ranks) : follow(flags, ranks);
}

int merge(const std::vector<std::string>& runs, const std::string& out, bool json) {
  const Json summary = merge_runs({runs.begin(), runs.end()}, out);
  write_output(json ? summary.dump(2) + "\n" : text_of(summary));
  return exit_code(summary);
}

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
  command.add_option("--tolerance", flags.tolerance, "pointing-game: pixels from a box (default: 15)")
      ->type_name("PIXELS");
  command.add_option("--seed", flags.seed, "Of random maps and resamples (default: 0)")->type_name("S");
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

void add_evaluate(CommandLine& line) {
  auto flags = std::make_shared<EvaluateFlags>();
  CLI::App* command = add_command(
      line, "evaluate",
      "Measure a network and its explanations on a dataset: errors, boxes against boxes, the pointing game, "
      "agreement "
      "with occlusion, findings on chest X-rays.\n"
      "Methods are compared with controls that look at nothing. Results are in a folder: a row for every image and "
      "method as it is done, and a summary with intervals at the end. A stopped run goes on with --resume.",
      {"limn evaluate classification --model model.onnx --dataset ilsvrc --root imagenet --out runs/errors",
       "limn evaluate localization --model model.onnx --dataset ilsvrc --root imagenet --method grad-cam,layer-cam "
       "--out runs/boxes",
       "limn evaluate pointing-game --model model.onnx --dataset voc --root VOCdevkit/VOC2007 --protocol "
       "as-published "
       "--limit 500 --out runs/points",
       "limn evaluate occlusion --model model.onnx --dataset ilsvrc --root imagenet --method "
       "grad-cam,guided-backprop --stride 8 --out runs/ranks",
       "limn evaluate localization ... --shard 2/8 --out runs/part-2"});
  add_subject_options(line, *command, *flags);
  add_measure_options(line, *command, *flags);
  add_occlusion_options(line, *command, flags->occlusion);
  add_run_options(*command, *flags);
  add_network_options(line, *command, flags->network);
  add_speed_options(*command, flags->speed);
  add_precision_option(line, *command, flags->precision);
  command->callback([&line, flags, command] {
    as_usage([&] { return &experiment(flags->experiment); });
    require_heeded(*command, {"--patch", "--stride", "--fill", "--score", "--rank", "--pad"},
                   flags->experiment == "occlusion", "occlusion");
    require_heeded(*command, {"--tolerance"}, flags->experiment == "pointing-game", "the pointing game");
    line.action = [flags] { return evaluate(*flags); };
  });
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
