// limn explain: where the network looked, as overlays, numbers and boxes.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "batch_run.h"
#include "explain_plan.h"
#include "file_names.h"
#include "interrupt.h"
#include "limn/base/npy.h"
#include "output.h"
#include "rendering.h"
#include "stats.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder))
    throw Error(
        ErrorCode::io,
        "cannot create the output folder: " + (error ? error.message() : std::string("a file is in its place")),
        folder.string(), "choose another --out");
  if (access(folder.c_str(), W_OK) != 0)
    throw Error(ErrorCode::io, "cannot write to the output folder: " + std::generic_category().message(errno),
                folder.string(), "choose another --out");
}

/// Explains the images of one batch after another and writes their files.
class Explanations {
 public:
  Explanations(const ExplainPlan& plan, fs::path out, std::size_t top, const Network& network, Explainer& explainer,
               Stats& stats)
      : plan_(plan), out_(std::move(out)), top_(top), network_(network), explainer_(explainer), stats_(stats) {}

  /// Finds out whether every target exists, before any work is done.
  void check_targets() const { targets_of(std::vector<float>(network_.classifier.classes)); }

  void compute(std::span<Task* const> tasks) {
    std::vector<std::vector<Target>> targets;
    for (std::size_t n = 0; n < tasks.size(); ++n) {
      const auto logits = explainer_.logits(static_cast<std::int64_t>(n));
      tasks[n]->result.predictions = top_predictions(logits, network_.names, top_);
      targets.push_back(targets_of(logits));
    }
    tiles_.clear();
    const auto most = std::ranges::max(targets, {}, &std::vector<Target>::size).size();
    for (std::size_t t = 0; t < most; ++t) explain_one_target_each(tasks, targets, t);
  }

  void finish(Task& task) {
    if (!plan_.sheet) return;
    task.result.sheet = (out_ / (task.item.stem + ".sheet.png")).string();
    write_png(task.result.sheet,
              contact_sheet(sheet_title(task), tiles_.at(&task), sheet_options(task.item.picture)));
  }

 private:
  std::vector<Target> targets_of(std::span<const float> logits) const {
    std::vector<Target> targets;
    for (const auto& spec : plan_.targets)
      for (const Target& target : resolve_target(spec, logits, network_.names.full()))
        if (std::ranges::find(targets, target) == targets.end()) targets.push_back(target);
    return targets;
  }

  /// Images with fewer than t + 1 targets go along with their last one, and nothing is read of them.
  void explain_one_target_each(std::span<Task* const> tasks, const std::vector<std::vector<Target>>& targets,
                               std::size_t t) {
    std::vector<Target> now;
    for (const auto& list : targets) now.push_back(list[std::min(t, list.size() - 1)]);
    stats_.measure("explain", [&] { explainer_.explain(now); });
    for (std::size_t n = 0; n < tasks.size(); ++n) {
      if (t >= targets[n].size() || tasks[n]->item.error) continue;
      try {
        for (std::size_t r = 0; r < plan_.requests.size(); ++r) take_map(*tasks[n], n, r, now[n]);
      } catch (const Error& e) {
        if (e.code() == ErrorCode::io || e.code() == ErrorCode::cancelled) throw;
        tasks[n]->item.error = e;
      }
    }
  }

  void take_map(Task& task, std::size_t n, std::size_t r, const Target& target) {
    stop_if_interrupted();
    const RawMap raw = explainer_.map(r, static_cast<std::int64_t>(n));
    const RenderedMap rendered =
        stats_.measure("render", [&] { return render(raw, task.item.geometry, plan_.upsampling); });
    Explanation e = describe(r, target, explainer_.logits(static_cast<std::int64_t>(n)));
    e.box = rendered.box;
    e.raw_min = rendered.raw_min;
    e.raw_max = rendered.raw_max;
    e.degenerate = rendered.degenerate;
    stats_.measure("write", [&] { write_files(task, r, raw, rendered, e); });
    task.result.explanations.push_back(std::move(e));
  }

  Explanation describe(std::size_t r, const Target& target, std::span<const float> logits) const {
    const MethodRequest& request = explainer_.requests()[r];
    Explanation e;
    e.method = request.method;
    e.variant = request.variant;
    e.counterfactual = request.counterfactual;
    e.target = target;
    e.label = network_.names[target.class_index];
    if (method(request.method).uses_layer) e.layer = request.layer;
    e.score = score_of(target, logits);
    return e;
  }

  void write_files(const Task& task, std::size_t r, const RawMap& raw, const RenderedMap& rendered,
                   Explanation& e) {
    const Subject subject{e.method, e.counterfactual, e.target, plan_.requests[r].layer};
    const auto path = [&](std::string_view ending) {
      return (out_ / file_name(task.item.stem, subject, ending)).string();
    };
    if (plan_.raw)
      write_npy(e.heatmap = path(".raw.npy"), raw.dims, raw.data);
    else if (plan_.npy)
      write_npy(e.heatmap = path(".npy"), Dims{rendered.heatmap.height, rendered.heatmap.width},
                rendered.heatmap.values);
    if (!plan_.png && !plan_.sheet) return;
    Image picture = overlay(task.item.picture, for_display(rendered.heatmap, raw.kind), task.item.geometry,
                            {.colormap = plan_.colormap});
    if (plan_.png) write_png(e.overlay = path(".png"), picture);
    if (plan_.sheet) add_tile(task, e, std::move(picture));
  }

  void add_tile(const Task& task, const Explanation& e, Image picture) {
    auto& tiles = tiles_[&task];
    if (tiles.empty()) tiles.push_back({task.item.picture, prediction_lines(task.result)});
    std::string what = e.counterfactual ? "counterfactual " + e.method : e.method;
    if (e.layer) what += " at " + *e.layer;
    tiles.push_back({std::move(picture),
                     {what, fmt::format("{}  {:.3g}", display_target(e.target, e.label), e.score),
                      e.degenerate ? "shows nothing: constant map" : ""}});
  }

  static std::vector<std::string> prediction_lines(const ImageResult& result) {
    std::vector<std::string> lines;
    for (const auto& p : result.predictions) {
      const std::string name =
          p.label.empty() ? fmt::format("class {}", p.index) : p.label.substr(0, p.label.find(','));
      lines.push_back(fmt::format("{:.1f} %  {}", 100 * p.probability, name));
      if (lines.size() == 3) break;
    }
    return lines;
  }

  /// Tiles shaped like the photo, so that rows leave no gaps.
  static SheetOptions sheet_options(const Image& photo) {
    SheetOptions options;
    options.tile_height = std::clamp(options.tile_width * photo.height / photo.width, 80, 2 * options.tile_width);
    return options;
  }

  static std::string sheet_title(const Task& task) {
    return fs::path(task.item.name).filename().string() +
           (task.item.row ? fmt::format("[{}]", *task.item.row) : "");
  }

  const ExplainPlan& plan_;
  fs::path out_;
  std::size_t top_;
  const Network& network_;
  Explainer& explainer_;
  Stats& stats_;
  std::map<const Task*, std::vector<SheetTile>> tiles_;  ///< of the current batch
};

int explain(const ExplainFlags& flags) {
  const ExplainPlan plan = read_plan(flags);
  Stats stats;
  const auto sources = expand_inputs(flags.inputs);
  Network network = stats.measure("import", [&] { return open_network(flags.network); });
  settle_size(network, sources);
  make_folder(flags.out);
  const auto batch = choose_batch(flags.speed.batch, declared_batch(network.classifier), sources.size());
  const ExplainerOptions options{batch, choose_threads(flags.speed.threads)};
  InputReader reader(sources, network.preprocess, input_size(network.classifier), static_cast<std::size_t>(batch));
  Explainer explainer = stats.measure("compile", [&] {
    return Explainer(network.classifier, requests_for(plan, network.layer_of_card()), options);
  });

  Explanations explanations(plan, flags.out, flags.top, network, explainer, stats);
  explanations.check_targets();
  if (!network.note.empty() && !std::ranges::all_of(sources, &Source::tensor)) print_note(network.note);
  Progress progress(sources.size());
  const auto finish = [&](Task& task) {
    explanations.finish(task);
    progress.hide();
    write_output(flags.json ? json_line(task.item, task.result, network.preprocess)
                            : text_of(task.item, task.result));
  };
  const Stages stages{[&](std::span<Task* const> tasks) { explanations.compute(tasks); }, finish};
  const ExitCode code = run_batches(reader, explainer, progress, stages, flags.json);
  progress.hide();
  if (flags.stats) stats.print(explainer.program());
  return code;
}

void add_method_options(CommandLine& line, CLI::App& command, ExplainFlags& flags) {
  std::vector<std::string> names;
  for (const MethodInfo& info : methods()) names.emplace_back(info.name);
  CLI::Option* option = command.add_option("-m,--method", flags.methods,
                                           "Methods, separated by commas (default: grad-cam); see limn methods");
  option->type_name("LIST");
  line.completions[option] = {names, true};
  option = command.add_option("-t,--target", flags.targets,
                              "What to explain: a class index or name, top:K, argmax (default), prob:CLASS for the "
                              "probability, diff:A,B for the difference of two classes; may be repeated");
  option->type_name("TARGET")->allow_extra_args(false);
  line.completions[option] = {{"argmax", "top:"}, false};
  command
      .add_option("--layer", flags.layers, "Layer for the methods that use one, or auto (default); may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command.add_flag("--counterfactual", flags.counterfactual, "Show what speaks against the target (grad-cam)");
  command.add_option("--variant", flags.variant, "Variant of the method, see limn methods")->type_name("NAME");
}

void add_output_options(CommandLine& line, CLI::App& command, ExplainFlags& flags) {
  command.add_option("-o,--out", flags.out, "Folder for the files; made when missing")
      ->required()
      ->type_name("DIR");
  CLI::Option* option =
      command.add_option("--format", flags.formats, "Files to write, of png and npy (default: both)");
  option->type_name("LIST");
  line.completions[option] = {{"png", "npy"}, true};
  command.add_flag("--raw", flags.raw,
                   "Write the method's own numbers, not rescaled, to .raw.npy in place of .npy: a CAM [h,w] at the "
                   "layer's size, an attribution [C,H,W]");
  command.add_flag("--sheet", flags.sheet, "Write a contact sheet of all maps of an image too");
  option =
      command.add_option("--upsample", flags.upsampling, "How a CAM grows: bilinear (default), nearest, bicubic");
  option->type_name("NAME");
  line.completions[option] = {{"bilinear", "nearest", "bicubic"}, false};
  option = command.add_option("--colormap", flags.colormap, "inferno (default), viridis or jet")->type_name("NAME");
  line.completions[option] = {{"inferno", "viridis", "jet"}, false};
  command.add_option("--top", flags.top, "Classes to list as predictions (default: 5)")->type_name("K");
  command.add_flag("--json", flags.json, "One JSON object per image and line");
  command.add_flag("--stats", flags.stats, "Tell times and memory on standard error");
}

}  // namespace

void add_explain(CommandLine& line) {
  auto flags = std::make_shared<ExplainFlags>();
  CLI::App* command = add_command(
      line, "explain",
      "Show where in an image the evidence for a class is: overlays, heatmaps and boxes.\n"
      "Every image gets every method for every target; files are named <image>.<method>.<class>.png and .npy.",
      {"limn explain model.onnx photo.jpg --out maps",
       "limn explain model.onnx photo.jpg --method grad-cam,guided-grad-cam --target top:2 --sheet --out maps",
       "limn explain model.onnx photos/ --target 'tiger cat' --target 207 --layer conv4 --json --out maps",
       "limn explain model.onnx photo.jpg --counterfactual --out maps",
       "limn explain model.onnx photo.jpg --method gradient --raw --format npy --out maps"});
  add_model_argument(*command, flags->network);
  command->add_option("INPUT", flags->inputs, "Images, folders of images, or .npy tensors")
      ->required()
      ->type_name("");
  add_method_options(line, *command, *flags);
  add_output_options(line, *command, *flags);
  add_network_options(line, *command, flags->network);
  add_speed_options(*command, flags->speed);
  command->callback([&line, flags] { line.action = [flags] { return explain(*flags); }; });
}

}  // namespace limn::cli
