#include <fmt/format.h>

#include "limn/explain.h"
#include "limn/passes/bind.h"
#include "limn/passes/channels_first.h"
#include "limn/passes/target_layer.h"

namespace limn {
namespace {

constexpr std::int64_t kUsualSize = 224;

/// The one input that looks like images: float [N, C, H, W].
ValueId find_image(const Graph& graph) {
  std::vector<ValueId> found;
  std::string seen;
  for (ValueId id : graph.inputs()) {
    const ValueInfo& v = graph.value(id);
    seen += (seen.empty() ? "" : "; ") + v.name + ": " + to_string(v.type);
    if (is_float(v.type.dtype) && v.type.shape && v.type.shape->size() == 4) found.push_back(id);
  }
  if (found.size() == 1) return found.front();
  throw Error(ErrorCode::unsupported,
              found.empty() ? "the network has no input of images [N, C, H, W]"
                            : "the network has several inputs of images",
              seen.empty() ? "it has no inputs" : "inputs: " + seen, "limn explains classifiers of single images");
}

bool counts_channels(const Dim& d) { return d.known() && d.value >= 1 && d.value <= 4; }

/// [N, H, W, C], as TensorFlow exports it.
bool has_channels_last(const Shape& image) { return counts_channels(image[3]) && !counts_channels(image[1]); }

std::int64_t channels_of(const Graph& graph, ValueId image) {
  const Shape& shape = graph.shape(image);
  if (shape[1].known() && shape[1].value >= 1) return shape[1].value;
  throw Error(ErrorCode::unsupported,
              fmt::format("the image input '{}' does not say how many channels it has: its shape is {}",
                          graph.value(image).name, to_string(shape)),
              {}, "export the network with a fixed number of channels");
}

std::size_t classes_of(const Graph& graph, ValueId logits) {
  const Shape& shape = graph.shape(logits);
  bool flat = shape.size() >= 2 && shape[1].known();
  for (std::size_t i = 2; i < shape.size(); ++i) flat = flat && shape[i] == Dim(1);
  if (flat) return static_cast<std::size_t>(shape[1].value);
  throw Error(ErrorCode::unsupported,
              fmt::format("the output '{}' is not a list of class scores [N, classes]: its shape is {}",
                          graph.value(logits).name, to_string(shape)),
              {}, "limn explains classifiers");
}

std::int64_t size_or_usual(const Dim& d) { return d.known() ? d.value : kUsualSize; }

void describe(Classifier& c, const std::string& output) {
  const ValueId image = find_image(c.graph);
  const Logits logits = find_logits(c.graph, output);
  const Shape shape = c.graph.shape(image);
  c.image = c.graph.value(image).name;
  c.output = output;
  c.logits = c.graph.value(logits.value).name;
  c.final_activation = logits.activation;
  c.channels = channels_of(c.graph, image);
  c.height = size_or_usual(shape[2]);
  c.width = size_or_usual(shape[3]);
  c.classes = classes_of(c.graph, logits.value);
  const auto layer = auto_target_layer(c.graph, logits.value);
  c.auto_layer = layer ? c.graph.value(*layer).name : std::string();
}

}  // namespace

Graph channels_first(const Graph& model) {
  const ValueId image = find_image(model);
  return has_channels_last(model.shape(image)) ? with_channels_first(model, image) : model;
}

Classifier as_open_classifier(const Graph& model, const std::string& output) {
  Classifier c;
  c.graph = channels_first(model);
  describe(c, output);
  if (c.final_activation == "Sigmoid") c.probability = Probability::sigmoid;
  return c;
}

Classifier as_classifier(const Graph& model, const std::string& output) {
  Classifier c = as_open_classifier(model, output);
  const Shape shape = c.graph.shape(c.graph.at(c.image));
  if (!shape[2].known() || !shape[3].known()) return with_size(std::move(c), c.height, c.width);
  return c;
}

Classifier with_size(Classifier c, std::int64_t height, std::int64_t width) {
  const Shape shape = c.graph.shape(c.graph.at(c.image));
  const auto fits = [](const Dim& d, std::int64_t size) { return !d.known() || d.value == size; };
  if (!fits(shape[2], height) || !fits(shape[3], width))
    throw Error(ErrorCode::bad_input,
                fmt::format("the network takes images of {}x{}, not of {}x{}", c.height, c.width, height, width),
                {}, "resize or crop the image to the network's size");
  if (shape[2].known() && shape[3].known()) return c;
  if (shape[2].symbol == shape[3].symbol && height != width)
    throw Error(ErrorCode::bad_input, fmt::format("the network takes square images, not {}x{}", height, width));
  c.graph = bind(c.graph, {{shape[2].symbol, height}, {shape[3].symbol, width}}, Unnamed::keep);
  describe(c, c.output);
  return c;
}

}  // namespace limn
