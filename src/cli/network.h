#pragma once
// A model file made ready to be asked: imported, its card read, its classes named, its preprocessing chosen.

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "class_names.h"
#include "inputs.h"
#include "limn/explain.h"
#include "limn/model.h"
#include "preprocess_choice.h"

namespace limn::cli {

struct NetworkFlags {
  std::string model;
  std::string output;  ///< of several, the one with the class scores; empty: the likely one
  PreprocessFlags preprocess;
  std::optional<std::string> labels;
};

struct Network {
  Model model;
  std::optional<ModelCard> card;
  Classifier classifier;
  ClassNames names;
  Preprocess preprocess;
  std::string note;         ///< what was assumed about the preprocessing
  std::string scores_note;  ///< which value explanations are of, where that is not the network's output itself

  std::string layer_of_card() const { return card && card->layer ? *card->layer : "auto"; }
};

/// Sizes of the network's image input; 0 where the model leaves them open.
InputSize declared_size(const Network&);
/// The sizes that the classifier runs with.
InputSize input_size(const Classifier&);
/// The number of images in one run that the model insists on; nothing when any number will do.
std::optional<std::int64_t> declared_batch(const Classifier&);

/// Reads and prepares the model. Errors as import_onnx(), as_classifier(), choose_preprocess().
Network open_network(const NetworkFlags&);

/// A network that leaves its input size open gets the size that the preprocessing makes or, when there are only
/// .npy inputs, that of the first of them. Throws Error{bad_input} when neither tells a size.
void settle_size(Network&, std::span<const Source>);

}  // namespace limn::cli
