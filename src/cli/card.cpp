// limn card: writes the model card, so that later commands need no flags.

#include <fmt/format.h>

#include <memory>

#include "command_line.h"
#include "failure.h"
#include "limn/explain.h"
#include "output.h"

namespace limn::cli {
namespace {

struct CardFlags {
  NetworkFlags network;
  std::optional<std::string> layer;
  bool multi_label = false;
  bool print = false;
};

/// Throws as explanation_graph() when the layer cannot be explained.
void check_layer(const Classifier& classifier, const std::string& layer) {
  explanation_graph(classifier, std::vector{MethodRequest{"grad-cam", "", layer, false}});
}

ModelCard make_card(const Network& network, const CardFlags& flags) {
  ModelCard card = card_of(network.preprocess, declared_size(network));
  if (network.card) {
    card.labels = network.card->labels;
    card.labels_file = network.card->labels_file;
    card.layer = network.card->layer;
    card.multi_label = network.card->multi_label;
  }
  if (flags.network.labels) {
    card.labels.clear();
    card.labels_file.clear();
    for (std::size_t i = 0; i < network.names.size(); ++i) card.labels.emplace_back(network.names[i]);
  }
  if (flags.layer) card.layer = *flags.layer;
  if (flags.multi_label) card.multi_label = true;
  return card;
}

int write_or_print(const CardFlags& flags) {
  const Network network = open_network(flags.network);
  if (flags.layer) check_layer(network.classifier, *flags.layer);
  const ModelCard card = make_card(network, flags);
  if (!network.note.empty()) print_note(network.note);
  if (flags.print) {
    write_output(to_json(card));
    return kFine;
  }
  const auto path = card_path(flags.network.model);
  write_card(path, card);
  print("{}\n", path.string());
  return kFine;
}

}  // namespace

void add_card(CommandLine& line) {
  auto flags = std::make_shared<CardFlags>();
  CLI::App* command = add_command(
      line, "card",
      "Write the model card: model.limn.json beside model.onnx, read by every later command.\n"
      "It holds preprocessing, class names and the layer to explain; a card that is there is kept where no flag "
      "differs.",
      {"limn card model.onnx --preset caffe --labels classes.txt",
       "limn card model.onnx --resize 256 --crop 227 --range 255 --mean 123,117,104 --layer fire9/concat",
       "limn card model.onnx --preset tf --print"});
  add_model_argument(*command, flags->network);
  add_network_options(line, *command, flags->network);
  command->add_option("--layer", flags->layer, "Layer that limn explain uses by default")->type_name("NAME");
  command->add_flag("--multi-label", flags->multi_label,
                    "Classes do not exclude each other: each gets a probability of its own (sigmoid)");
  command->add_flag("--print", flags->print, "Print the card instead of writing it");
  command->callback([&line, flags] { line.action = [flags] { return write_or_print(*flags); }; });
}

}  // namespace limn::cli
