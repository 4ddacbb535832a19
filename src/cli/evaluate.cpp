// limn evaluate: an experiment on a whole dataset, as a run on disk that can be stopped and gone on with.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "batch_run.h"
#include "cache.h"
#include "evaluate_flags.h"
#include "evaluate_report.h"
#include "interrupt.h"
#include "limn/build_commit.h"
#include "limn/study/run_folder.h"
#include "output.h"
#include "progress.h"
#include "ranks.h"

namespace limn::cli {
namespace {

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
    plan.cache = cache_folder();
    plan.batch = choose_batch(flags.speed.batch, declared_batch(network_.classifier), kBlock);
    if (declared_batch(network_.classifier) == 1) plan.options.occlusion.batch = 1;
    for (MethodRequest& request : plan.methods)
      if (request.layer == "auto" && method(request.method).uses_layer) request.layer = network_.layer_of_card();
    settle_baselines(flags.averages, network_.preprocess, plan.methods);
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

  /// By the thresholds of a finished run, which follow into the manifest.
  void calibrate(const std::string& run) {
    std::set<std::string> ids;
    for (const std::int64_t position : planned_positions(plan, *dataset))
      ids.insert(dataset->id(static_cast<std::size_t>(position)));
    plan.options.calibration = calibrate_on(run, manifest, ids);
    manifest["calibration"] = to_json(*plan.options.calibration);
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
    if (!flags.calibrate_on.empty()) job->calibrate(flags.calibrate_on);
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
  add_evaluate_options(line, *command, *flags);
  command->callback([&line, flags, command] {
    check_heeded(*command, *flags);
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
