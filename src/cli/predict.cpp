// limn predict: what the network says.

#include <algorithm>
#include <memory>

#include "batch_run.h"
#include "cache.h"
#include "command_line.h"
#include "limn/base/npy.h"
#include "output.h"

namespace limn::cli {
namespace {

struct PredictFlags {
  NetworkFlags network;
  SpeedFlags speed;
  std::vector<std::string> inputs;
  std::size_t top = 5;
  std::string save_logits, precision = "auto";
  bool json = false;
};

int predict(const PredictFlags& flags) {
  const auto precision = as_usage([&] { return parse_precision(flags.precision); });
  const auto sources = expand_inputs(flags.inputs);
  Network network = open_network(flags.network);
  settle_size(network, sources);
  const Classifier& classifier = network.classifier;
  const auto batch = choose_batch(flags.speed.batch, declared_batch(classifier), sources.size());
  Explainer explainer(classifier, {},
                      {.batch = batch,
                       .threads = choose_threads(flags.speed.threads),
                       .precision = choose_precision(precision, sources.size()),
                       .cache = cache_folder()});
  if (!network.note.empty() && !std::ranges::all_of(sources, &Source::tensor)) print_note(network.note);

  std::vector<float> all_logits;
  const auto compute = [&](std::span<Task* const> tasks) {
    for (std::size_t n = 0; n < tasks.size(); ++n) {
      const auto logits = explainer.logits(static_cast<std::int64_t>(n));
      tasks[n]->result.predictions = top_predictions(logits, network.names, flags.top, classifier.probability);
      if (!flags.save_logits.empty()) all_logits.insert(all_logits.end(), logits.begin(), logits.end());
    }
  };
  Progress progress(sources.size());
  const auto finish = [&](Task& task) {
    progress.hide();
    write_output(flags.json ? json_line(task.item, task.result, network.preprocess)
                            : text_of(task.item, task.result));
  };
  InputReader reader(sources, network.preprocess, input_size(classifier), static_cast<std::size_t>(batch), nullptr);
  const ExitCode code =
      run_batches(reader, explainer, progress, {[&] { explainer.predict(); }, compute, finish}, flags.json);
  if (!flags.save_logits.empty()) {
    const auto classes = static_cast<std::int64_t>(classifier.classes);
    write_npy(flags.save_logits, Dims{static_cast<std::int64_t>(all_logits.size()) / classes, classes}, all_logits);
  }
  return code;
}

}  // namespace

void add_predict(CommandLine& line) {
  auto flags = std::make_shared<PredictFlags>();
  CLI::App* command = add_command(
      line, "predict",
      "Say what the network sees in images: its most probable classes.\n"
      "Images are files or folders of them; a .npy file holds tensors [C,H,W] or [N,C,H,W], already preprocessed.",
      {"limn predict model.onnx photo.jpg", "limn predict model.onnx photos/ --top 1 --json > results.jsonl",
       "limn predict model.onnx photo.jpg --resize 256 --crop 227 --range 255 --mean 123,117,104",
       "limn predict model.onnx tensor.npy --save-logits logits.npy"});
  add_model_argument(*command, flags->network);
  command->add_option("INPUT", flags->inputs, "Images, folders of images, or .npy tensors")
      ->required()
      ->type_name("");
  command->add_option("--top", flags->top, "Classes to show (default: 5)")->type_name("K");
  command->add_option("--save-logits", flags->save_logits, "Write the logits of all images as float32 [N, classes]")
      ->type_name("FILE.npy");
  command->add_flag("--json", flags->json, "One JSON object per image and line");
  add_network_options(line, *command, flags->network);
  add_speed_options(*command, flags->speed);
  add_precision_option(line, *command, flags->precision);
  command->callback([&line, flags] { line.action = [flags] { return predict(*flags); }; });
}

}  // namespace limn::cli
