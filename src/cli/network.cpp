#include "network.h"

#include <fmt/format.h>

#include <algorithm>

#include "failure.h"
#include "limn/base/npy.h"

namespace limn::cli {
namespace {

/// The last two or three sizes of a tensor [C, H, W] or [N, C, H, W].
InputSize tensor_size(const Tensor& tensor) {
  const Dims& dims = tensor.dims();
  if (dims.size() < 3) return {};
  const auto from_end = [&](std::size_t i) { return static_cast<int>(dims[dims.size() - i]); };
  return {from_end(3), from_end(2), from_end(1)};
}

InputSize size_for(const Network& network, std::span<const Source> sources) {
  const bool only_tensors = !sources.empty() && std::ranges::all_of(sources, &Source::tensor);
  if (only_tensors) return tensor_size(read_npy(sources.front().path));
  if (const auto size = fixed_size(network.preprocess)) return *size;
  throw Error(ErrorCode::bad_input, "the network takes images of any size, and nothing says which to use",
              network.model.path.string(), "add --crop N, or --resize WxH for an exact size");
}

std::string note_on_scores(const Classifier& classifier) {
  if (classifier.final_activation.empty()) return {};
  return fmt::format("the network ends in {}; what is explained is '{}', the scores that enter it",
                     classifier.final_activation, classifier.logits);
}

}  // namespace

InputSize declared_size(const Network& network) {
  const Graph& graph = network.model.graph;  // the classifier's has a size in any case
  const Shape& shape = graph.shape(graph.at(network.classifier.image));
  const auto size = [&](std::size_t axis) { return shape[axis].known() ? static_cast<int>(shape[axis].value) : 0; };
  return {static_cast<int>(network.classifier.channels), size(2), size(3)};
}

InputSize input_size(const Classifier& classifier) {
  return {static_cast<int>(classifier.channels), static_cast<int>(classifier.height),
          static_cast<int>(classifier.width)};
}

std::optional<std::int64_t> declared_batch(const Classifier& classifier) {
  const Dim& batch = classifier.graph.shape(classifier.graph.at(classifier.image))[0];
  return batch.known() ? std::optional(batch.value) : std::nullopt;
}

Network open_network(const NetworkFlags& flags) {
  const PreprocessWish wish = read_flags(flags.preprocess);
  Network network;
  network.model = import_onnx(flags.model);
  network.model.graph = channels_first(network.model.graph);
  network.card = find_card(flags.model);
  network.classifier = as_classifier(network.model.graph, flags.output);
  network.scores_note = note_on_scores(network.classifier);
  if (network.card && network.card->multi_label)
    network.classifier.probability = *network.card->multi_label ? Probability::sigmoid : Probability::softmax;
  network.names = find_class_names(flags.labels, network.card, card_path(flags.model), network.classifier.classes);
  auto choice = choose_preprocess(wish, network.card, declared_size(network));
  network.preprocess = std::move(choice.preprocess);
  network.note = std::move(choice.note);
  return network;
}

void settle_size(Network& network, std::span<const Source> sources) {
  const InputSize declared = declared_size(network);
  if (declared.height != 0 && declared.width != 0) return;
  const InputSize size = size_for(network, sources);
  Classifier open = network.classifier;
  open.graph = network.model.graph;
  network.classifier = with_size(std::move(open), size.height, size.width);
}

}  // namespace limn::cli
