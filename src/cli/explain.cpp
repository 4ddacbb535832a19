// limn explain: where the network looked, as overlays, numbers and boxes.

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "batch_run.h"
#include "cache.h"
#include "explain_plan.h"
#include "explanations.h"
#include "output.h"
#include "profile.h"

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

/// Of an image, as far as can be told before its scores are known.
std::size_t most_targets(const ExplainPlan& plan) {
  std::size_t most = 0;
  for (const TargetSpec& spec : plan.targets) most += spec.kind == TargetSpec::Kind::top ? spec.number : 1;
  return most;
}

/// The graphs with their weights, which a compiled program has in a form of its own.
void drop_graphs(Network& network) {
  network.model.graph = Graph();
  network.classifier.graph = Graph();
}

int explain(const ExplainFlags& flags) {
  const ExplainPlan plan = read_plan(flags);
  Stats stats;
  const auto sources = expand_inputs(flags.inputs);
  Network network = stats.measure("import", [&] { return open_network(flags.network); });
  settle_size(network, sources);
  make_folder(flags.out);
  const auto batch = choose_batch(flags.speed.batch, declared_batch(network.classifier), sources.size());
  const ExplainerOptions options{batch, choose_threads(flags.speed.threads),
                                 choose_precision(plan.precision, sources.size()), most_targets(plan),
                                 cache_folder()};
  InputReader reader(sources, network.preprocess, input_size(network.classifier), static_cast<std::size_t>(batch),
                     &stats);
  auto requests = requests_for(plan, network.layer_of_card());
  settle_baselines(flags.averages, network.preprocess, requests);
  Explainer explainer =
      stats.measure("compile", [&] { return Explainer(network.classifier, std::move(requests), options); });
  drop_graphs(network);

  Explanations explanations(plan, flags.out, network, explainer, stats);
  explanations.check_targets();
  Profile profile;
  if (flags.profile || !flags.trace.empty()) explainer.observe(profile.observer());
  if (!network.note.empty() && !std::ranges::all_of(sources, &Source::tensor)) print_note(network.note);
  if (!network.scores_note.empty()) print_note(network.scores_note);
  Progress progress(sources.size());
  const auto finish = [&](Task& task) {
    explanations.finish(task);
    progress.hide();
    write_output(flags.json ? json_line(task.item, task.result, network.preprocess)
                            : text_of(task.item, task.result));
  };
  const Stages stages{[&] { stats.measure("forward", [&] { explainer.predict(); }); },
                      [&](std::span<Task* const> tasks) { explanations.compute(tasks); }, finish};
  const ExitCode code = run_batches(reader, explainer, progress, stages, flags.json);
  progress.hide();
  if (flags.stats) stats.print(network.model, explainer.program());
  if (flags.profile) profile.print();
  if (!flags.trace.empty()) profile.write_trace(flags.trace, stats);
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
  command
      .add_option("--patch", flags.patch.size, "occlusion: pixels a side (default: a fifth of the shorter side)")
      ->type_name("PIXELS")
      ->check(above_zero());
  command
      .add_option("--stride", flags.patch.stride,
                  "occlusion: pixels from one patch to the next (default: a 28th of the shorter side)")
      ->type_name("PIXELS")
      ->check(above_zero());
  option =
      command.add_option("--fill", flags.fill,
                         "occlusion: what a patch holds: mean of the image (default), zero after preprocessing, "
                         "or grey, 0.5 after it");
  line.completions[option->type_name("NAME")] = {{"mean", "zero", "grey"}, false};
  add_average_options(line, command, flags.averages);
  command.add_option("--seed", flags.seed, "smooth-grad: of the noise (default: 0)")->type_name("S");
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
  command.add_flag("--profile", flags.profile, "Tell how long each step of the network took, on standard error");
  command
      .add_option("--trace", flags.trace, "Write stages and steps as a timeline for chrome://tracing and Perfetto")
      ->type_name("FILE.json");
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
  add_precision_option(line, *command, flags->precision);
  command->callback([&line, flags, command] {
    require_heeded(*command, {"--patch", "--stride", "--fill"},
                   flags->methods.find("occlusion") != std::string::npos, "the method occlusion");
    require_averages_heeded(*command, flags->methods);
    require_heeded(*command, {"--seed"}, flags->methods.find("smooth-grad") != std::string::npos,
                   "the method smooth-grad");
    line.action = [flags] { return explain(*flags); };
  });
}

}  // namespace limn::cli
