#pragma once
// What is told of one input, as JSON and as text.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "class_names.h"
#include "input_reader.h"
#include "limn/explain.h"
#include "limn/preprocess.h"
#include "limn/runtime.h"
#include "limn/target.h"

namespace limn::cli {

struct Prediction {
  std::size_t index = 0;
  std::string label;  ///< empty when the classes have no names
  double probability = 0;
  double logit = 0;
};

/// The k most probable classes, best first.
std::vector<Prediction> top_predictions(std::span<const float> logits, const ClassNames&, std::size_t k,
                                        Probability);

struct Explanation {
  std::string method, variant;
  bool counterfactual = false;
  Target target;
  std::string label;                       ///< of the target's class
  std::optional<std::string> layer;        ///< for methods that use one
  std::string heatmap, overlay;            ///< paths; empty when not written
  std::optional<Box> box;                  ///< original pixels, half-open, whole numbers
  double score = 0;                        ///< value of the target
  double raw_min = 0, raw_max = 0;         ///< of the method's own output
  bool degenerate = false;                 ///< a constant map, which shows nothing
  Precision precision = Precision::exact;  ///< as it was computed; occlusion always exactly
  std::optional<double> delta;             ///< as RawMap has it
  MethodRequest request;                   ///< parameters of the method are read from it
};

struct ImageResult {
  std::vector<Prediction> predictions;
  std::vector<Explanation> explanations;
  std::string sheet;  ///< path; empty when not written
};

/// One line each, with its line end. With `preprocess`, explanations repeat it (tensors came without).
std::string json_line(const Item&, const ImageResult&, const Preprocess&);
/// {"input": .., "error": {"what", "where", "mend"}}
std::string json_line(const Item&, const Error&);

/// A heading and a line for each prediction and explanation.
std::string text_of(const Item&, const ImageResult&);
/// "photo.jpg", "batch.npy[3]"
std::string display_name(const Item&);
/// "207 golden retriever", "prob:207 golden retriever", "diff:7,3"
std::string display_target(const Target&, const std::string& label);

}  // namespace limn::cli
