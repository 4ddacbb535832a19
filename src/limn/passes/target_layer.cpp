#include "limn/passes/target_layer.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "limn/passes/feature_layout.h"
#include "limn/passes/node_facts.h"

namespace limn {
namespace {

template <std::size_t n>
bool is_one_of(std::string_view op, const std::array<std::string_view, n>& ops) {
  return std::ranges::find(ops, op) != ops.end();
}

constexpr std::array<std::string_view, 4> kFinalActivations{"Softmax", "LogSoftmax", "Sigmoid", "ArgMax"};
/// Operators that only lay out their first input anew, or hand it on.
constexpr std::array<std::string_view, 8> kPassing{"Reshape",  "Flatten",   "Squeeze", "Unsqueeze",
                                                   "Identity", "Transpose", "Dropout", "Cast"};
/// What stands between the last feature map and the class scores, whatever its spatial size.
constexpr std::array<std::string_view, 10> kHead{
    "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool",
    "Gemm",    "MatMul",      "ReduceMean",        "ReduceMax",     "Pad"};
constexpr std::array<std::string_view, 15> kActivations{
    "Relu",      "Clip", "LeakyRelu", "PRelu", "Elu",      "Selu", "Celu",    "ThresholdedRelu",
    "HardSwish", "Mish", "Gelu",      "Swish", "Softplus", "Tanh", "Softsign"};
/// Together with activations: a value that only these read is not yet at its last stage, unless it is an
/// activation.
constexpr std::array<std::string_view, 6> kFinishing{
    "BatchNormalization", "InstanceNormalization", "Sigmoid", "HardSigmoid", "Add", "Sum"};
constexpr std::array<std::string_view, 2> kGates{"Mul", "Max"};
constexpr std::array<std::string_view, 11> kLayers{"Conv",    "ConvTranspose", "BatchNormalization",
                                                   "MaxPool", "Add",           "InstanceNormalization",
                                                   "Concat",  "AveragePool",   "Sum",
                                                   "LRN",     "Resize"};

bool looks_like_image(const ValueInfo& v) {
  return is_float(v.type.dtype) && v.type.shape && v.type.shape->size() == 4;
}

/// Which values depend on an image input; on any input when none looks like images.
std::vector<char> depends_on_image(const Graph& g) {
  std::vector<char> depends(g.value_count());
  const bool any_image = std::ranges::any_of(g.inputs(), [&](ValueId v) { return looks_like_image(g.value(v)); });
  for (ValueId v : g.inputs()) depends[index(v)] = !any_image || looks_like_image(g.value(v));
  for (const Node& n : g.nodes()) {
    if (!std::ranges::any_of(n.in, [&](ValueId v) { return v != kAbsent && depends[index(v)]; })) continue;
    for (ValueId v : n.out)
      if (v != kAbsent) depends[index(v)] = 1;
  }
  return depends;
}

/// [N, classes], possibly with further axes of size 1.
bool looks_like_scores(const ValueInfo& v) {
  if (!is_float(v.type.dtype) || !v.type.shape || v.type.shape->size() < 2) return false;
  const Shape& s = *v.type.shape;
  return std::all_of(s.begin() + 2, s.end(), [](const Dim& d) { return d == Dim(1); });
}

/// Number of classes; -1 when it is not known.
std::int64_t class_count(const Graph& g, ValueId logits) {
  const auto& shape = g.value(logits).type.shape;
  return shape && shape->size() >= 2 ? (*shape)[1].value : -1;
}

/// A 1x1 convolution with one output per class: the classifier itself, applied at every position.
bool is_class_convolution(const Graph& g, const Node& n, std::int64_t classes) {
  if (n.op != "Conv" || n.in.size() < 2 || n.in[1] == kAbsent) return false;
  const auto& w = g.value(n.in[1]).type.shape;
  return w && w->size() == 4 && (*w)[0] == Dim(classes) && (*w)[2] == Dim(1) && (*w)[3] == Dim(1);
}

/// Whether the walk goes on behind a value that has spatial extent.
bool belongs_to_head(const Graph& g, const Node& n, std::int64_t classes) {
  if (is_one_of(n.op, kPassing) || is_one_of(n.op, kHead) || is_class_convolution(g, n, classes)) return true;
  if (!is_one_of(n.op, kActivations) || n.in.empty() || n.in[0] == kAbsent) return false;
  const Node* before = producer_of(g, n.in[0]);
  return before != nullptr && is_class_convolution(g, *before, classes);
}

/// The first input that depends on the image.
std::optional<ValueId> data_input(const Node& n, const std::vector<char>& depends) {
  const auto it = std::ranges::find_if(n.in, [&](ValueId v) { return v != kAbsent && depends[index(v)]; });
  return it == n.in.end() ? std::nullopt : std::optional(*it);
}

std::vector<char> ancestors_of(const Graph& g, ValueId v) {
  std::vector<char> needed(g.value_count());
  needed[index(v)] = 1;
  for (auto n = g.nodes().rbegin(); n != g.nodes().rend(); ++n) {
    if (!std::ranges::any_of(n->out, [&](ValueId o) { return o != kAbsent && needed[index(o)]; })) continue;
    for (ValueId i : n->in)
      if (i != kAbsent) needed[index(i)] = 1;
  }
  return needed;
}

/// Takes from tokens only those without a place on the grid: the class token.
bool selects_class_token(const Graph& g, const Node& n, const FeatureLayouts& layouts) {
  if ((n.op != "Gather" && n.op != "Slice") || !layouts[n.in[0]]) return false;
  const FeatureLayout& l = *layouts[n.in[0]];
  if (!l.has_tokens() || l.prefix == 0) return false;
  const Tensor* which = g.constant(n.in[n.op == "Gather" ? 1 : 2]);  // the indices, or where the slice ends
  if (which == nullptr || which->dtype() != DType::i64 || which->count() != 1) return false;
  const auto size = static_cast<std::int64_t>(g.shape(n.in[0]).size());
  std::int64_t axis = n.attrs.integer("axis", 0);
  if (n.op == "Slice") {
    const Tensor* axes = n.in.size() > 3 && n.in[3] != kAbsent ? g.constant(n.in[3]) : nullptr;
    axis = axes != nullptr && axes->dtype() == DType::i64 && axes->count() == 1 ? axes->as<std::int64_t>()[0] : 0;
  }
  const std::int64_t bound = which->as<std::int64_t>()[0] + (n.op == "Gather" ? 1 : 0);
  return (axis + size) % size == l.token && bound > 0 && bound <= l.prefix;
}

/// The tokens that enter the last attention before `from`: behind it, patch tokens no longer reach the class token,
/// so that their gradient is 0. Walks back from the last softmax over keys to the input of the projection to
/// queries.
std::optional<ValueId> tokens_before_last_attention(const Graph& g, ValueId from, const FeatureLayouts& layouts,
                                                    const std::vector<char>& depends) {
  const std::vector<char> needed = ancestors_of(g, from);
  const auto attention = std::find_if(g.nodes().rbegin(), g.nodes().rend(), [&](const Node& n) {
    return n.op == "Softmax" && needed[index(n.out[0])] && depends[index(n.in[0])];
  });
  if (attention == g.nodes().rend()) return std::nullopt;
  bool projected = false;
  for (std::optional<ValueId> at = attention->in[0]; at;) {
    const Node* n = producer_of(g, *at);
    if (n == nullptr) return std::nullopt;
    const bool laid_out = projected && layouts.has_space(*at);
    const bool only_moved = is_one_of(n->op, kPassing) && layouts.has_space(n->in[0]);
    if (laid_out && !only_moved) return at;
    projected |= (n->op == "MatMul" || n->op == "Gemm") && !depends[index(n->in[1])];
    at = data_input(*n, depends);
  }
  return std::nullopt;
}

/// Layouts that only moved: nothing behind this value has space at once, as where a transformer's windows are
/// joined.
bool ends_in_space(const FeatureLayouts& layouts, const Node& n) {
  return is_one_of(n.op, kPassing) && !layouts.has_space(n.in[0]);
}

bool finishes_its_input(const Node& n) {
  return is_one_of(n.op, kActivations) || is_one_of(n.op, kFinishing) || is_one_of(n.op, kGates);
}

/// Activations are finished, other values unless all that reads them is their normalisation, activation or sum.
std::vector<char> finished_values(const Graph& g) {
  std::vector<char> finished(g.value_count()), read(g.value_count());
  for (const Node& n : g.nodes()) {
    for (ValueId v : n.in) {
      if (v == kAbsent) continue;
      read[index(v)] = 1;
      finished[index(v)] |= !finishes_its_input(n);
    }
    if (is_one_of(n.op, kActivations) && n.out[0] != kAbsent) finished[index(n.out[0])] = 1;
  }
  for (const Output& o : g.outputs()) finished[index(o.value)] = 1;
  for (std::size_t i = 0; i < read.size(); ++i) finished[i] |= !read[i];
  return finished;
}

/// Whether the operator makes a layer in the eyes of a person: arithmetic does when it joins two branches. Of
/// tokens, those are the normalisations and the sums.
bool makes_layer(const Node& n, const FeatureLayout& layout, const std::vector<char>& depends) {
  if (n.op == "LayerNormalization") return true;
  if (!layout.is_usual() && n.op != "Add" && n.op != "Sum" && n.op != "Concat") return false;
  if (is_one_of(n.op, kActivations)) return true;
  if (!is_one_of(n.op, kLayers) && !is_one_of(n.op, kGates)) return false;
  if (n.op != "Add" && n.op != "Sum" && !is_one_of(n.op, kGates)) return true;
  return std::ranges::all_of(n.in, [&](ValueId v) { return v != kAbsent && depends[index(v)]; });
}

/// Of the outputs that depend on the image, the first that looks like class scores, otherwise the first.
std::optional<ValueId> likely_output(const Graph& g, const std::vector<char>& depends) {
  std::optional<ValueId> chosen;
  for (const Output& o : g.outputs()) {
    if (!depends[index(o.value)]) continue;
    if (looks_like_scores(g.value(o.value))) return o.value;
    if (!chosen) chosen = o.value;
  }
  return chosen;
}

/// The walk that auto_target_layer() describes.
std::optional<ValueId> automatic(const Graph& g, ValueId logits, const FeatureLayouts& layouts) {
  const std::vector<char> depends = depends_on_image(g);
  const std::int64_t classes = class_count(g, logits);
  std::optional<ValueId> at = logits;
  while (at) {
    const Node* n = producer_of(g, *at);
    if (n == nullptr) return std::nullopt;  // the image itself
    if (layouts.has_space(*at) && (!belongs_to_head(g, *n, classes) || ends_in_space(layouts, *n))) return at;
    if (selects_class_token(g, *n, layouts)) return tokens_before_last_attention(g, n->in[0], layouts, depends);
    at = data_input(*n, depends);
  }
  return std::nullopt;
}

ValueId output_named(const Graph& g, std::string_view name) {
  std::string all;
  for (const Output& o : g.outputs()) {
    if (o.name == name) return o.value;
    all += (all.empty() ? "" : ", ") + o.name;
  }
  throw Error(ErrorCode::not_found, "the network has no output '" + std::string(name) + "'", {},
              "its outputs are " + all);
}

}  // namespace

Logits find_logits(const Graph& g, std::string_view output) {
  const std::vector<char> depends = depends_on_image(g);
  const std::optional<ValueId> chosen = output.empty() ? likely_output(g, depends) : output_named(g, output);
  if (!chosen)
    throw Error(ErrorCode::unsupported, "no output of the network depends on its input", {},
                "limn explains classifiers of images");
  for (const Node* n = producer_of(g, *chosen); n != nullptr;) {
    if (n->in.empty() || n->in[0] == kAbsent) break;
    if (is_one_of(n->op, kFinalActivations)) return {n->in[0], n->op};
    if (!is_one_of(n->op, kPassing)) break;
    n = producer_of(g, n->in[0]);
  }
  return {*chosen, {}};
}

std::optional<ValueId> auto_target_layer(const Graph& graph, ValueId logits) {
  const Graph g = for_layouts(graph);
  const auto found = automatic(g, g.at(graph.value(logits).name), FeatureLayouts(g));
  return found ? graph.find(g.value(*found).name) : std::nullopt;
}

std::vector<ValueId> candidate_layers(const Graph& graph, ValueId logits_there) {
  const Graph g = for_layouts(graph);
  const ValueId logits = g.at(graph.value(logits_there).name);
  const FeatureLayouts layouts(g);
  const std::vector<char> depends = depends_on_image(g), needed = ancestors_of(g, logits);
  const std::vector<char> finished = finished_values(g);
  const std::optional<ValueId> chosen = automatic(g, logits, layouts);
  std::vector<ValueId> layers;
  for (const Node& n : g.nodes())
    for (ValueId v : n.out) {
      if (v == kAbsent || !layouts.has_space(v) || !needed[index(v)] || !depends[index(v)]) continue;
      if (v == chosen || (finished[index(v)] && makes_layer(n, *layouts[v], depends)))
        layers.push_back(graph.at(g.value(v).name));
    }
  return layers;
}

}  // namespace limn
