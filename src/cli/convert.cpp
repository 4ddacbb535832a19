// limn convert: a published file of weights becomes an ONNX file with a model card.

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <system_error>

#include "command_line.h"
#include "failure.h"
#include "limn/card.h"
#include "limn/checkpoint.h"
#include "limn/export_onnx.h"
#include "limn/zoo.h"
#include "output.h"

namespace limn::cli {
namespace {

struct ConvertFlags {
  std::string architecture, checkpoint, output;
  std::string transform_input = "on";
  bool list = false;
};

int list_architectures() {
  for (const Architecture& a : architectures()) {
    print("{:<18}{}\n", a.name, a.title);
    for (const PublishedWeights& weights : a.published) print("{:<18}{}  ({})\n", "", weights.file, a.where);
  }
  return kFine;
}

/// Preprocessing as the architecture's weights expect it; as that file was evaluated, where its name is known.
ModelCard card_for(const Architecture& a, const std::filesystem::path& checkpoint, std::int64_t classes) {
  const InputSize size{a.channels, a.size, a.size};
  ModelCard card = card_of(preset(a.preset, size), size);
  for (const PublishedWeights& weights : a.published)
    if (weights.file == checkpoint.filename().string()) card.resize = SizeRule::side(weights.resize);
  if (static_cast<std::int64_t>(a.labels.size()) == classes) card.labels.assign(a.labels.begin(), a.labels.end());
  return card;
}

bool switched_on(const ConvertFlags& flags, const Architecture& a, bool given) {
  if (flags.transform_input != "on" && flags.transform_input != "off")
    throw UsageError(Error(ErrorCode::bad_input, fmt::format("'{}' is neither on nor off", flags.transform_input),
                           "--transform-input"));
  if (given && !a.transforms_input)
    throw UsageError(Error(ErrorCode::bad_input, fmt::format("{} does not transform its input", a.name),
                           "--transform-input", "leave the option out"));
  return flags.transform_input == "on";
}

void require(const std::string& value, std::string_view name) {
  if (value.empty())
    throw UsageError(Error(ErrorCode::bad_input, fmt::format("{} is missing", name), {},
                           "limn convert ARCH CHECKPOINT -o MODEL.onnx; limn convert --list names architectures"));
}

int convert(const ConvertFlags& flags, bool transform_given) {
  require(flags.architecture, "ARCH");
  require(flags.checkpoint, "CHECKPOINT");
  require(flags.output, "-o MODEL.onnx");
  const Architecture& architecture = find_architecture(flags.architecture);
  const bool transform = switched_on(flags, architecture, transform_given);
  std::error_code none;
  if (std::filesystem::equivalent(flags.checkpoint, flags.output, none))
    throw UsageError(Error(ErrorCode::bad_input, "the model would replace the checkpoint", "--out",
                           "name another file, such as model.onnx"));
  const Checkpoint checkpoint = read_checkpoint(flags.checkpoint);
  const BuiltNetwork network = build_network(architecture, checkpoint, {.transform_input = transform});
  export_onnx(network.graph, flags.output);
  const auto card = card_path(flags.output);
  write_card(card, card_for(architecture, flags.checkpoint, network.classes));
  if (architecture.transforms_input)
    print_note(fmt::format("the input is {}brought to the range -1..1 first; --transform-input {} for the other",
                           transform ? "" : "not ", transform ? "off" : "on"));
  print("{}\n{}\n", flags.output, card.string());
  return kFine;
}

}  // namespace

void add_convert(CommandLine& line) {
  auto flags = std::make_shared<ConvertFlags>();
  CLI::App* command =
      add_command(line, "convert",
                  "Make an ONNX model of a file of PyTorch weights, with its model card beside it.\n"
                  "Reads what torch.save writes, today's zip format and the legacy one, and safetensors. The file "
                  "is read as data: "
                  "nothing in it is run. The number of classes is the checkpoint's.",
                  {"limn convert --list", "limn convert vgg16 vgg16-397923af.pth -o vgg16.onnx",
                   "limn convert chexnet model.pth.tar -o chexnet.onnx"});
  command->add_option("ARCH", flags->architecture, "The architecture; --list names them")->type_name("");
  command->add_option("CHECKPOINT", flags->checkpoint, "Its weights: .pth, .pt, .pth.tar or .safetensors")
      ->type_name("");
  command->add_option("-o,--out", flags->output, "The ONNX file to write")->type_name("MODEL");
  CLI::Option* transform = command->add_option(
      "--transform-input", flags->transform_input,
      "GoogLeNet and Inception v3: bring images to -1..1 first, as torchvision does for the weights it publishes "
      "(default: on)");
  line.completions[transform->type_name("on|off")] = {{"on", "off"}};
  command->add_flag("--list", flags->list, "List architectures and the public files of their weights");
  command->callback([&line, flags, transform] {
    const bool given = transform->count() != 0;
    line.action = [flags, given] { return flags->list ? list_architectures() : convert(*flags, given); };
  });
}

}  // namespace limn::cli
