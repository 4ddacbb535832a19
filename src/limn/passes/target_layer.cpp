#include "limn/passes/target_layer.h"

#include <algorithm>
#include <array>
#include <string_view>

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
constexpr std::array<std::string_view, 14> kActivations{
    "Relu",      "Clip", "LeakyRelu", "PRelu",    "Elu",  "Selu",    "Celu", "ThresholdedRelu",
    "HardSwish", "Mish", "Gelu",      "Softplus", "Tanh", "Softsign"};
/// Together with activations: a value that only these read is not yet at its last stage, unless it is an
/// activation.
constexpr std::array<std::string_view, 6> kFinishing{
    "BatchNormalization", "InstanceNormalization", "Sigmoid", "HardSigmoid", "Add", "Sum"};
constexpr std::array<std::string_view, 2> kGates{"Mul", "Max"};
constexpr std::array<std::string_view, 11> kLayers{"Conv",    "ConvTranspose", "BatchNormalization",
                                                   "MaxPool", "Add",           "InstanceNormalization",
                                                   "Concat",  "AveragePool",   "Sum",
                                                   "LRN",     "Resize"};

const Node* producer(const Graph& g, ValueId v) {
  const auto& from = g.value(v).producer;
  return from ? &g.nodes()[*from] : nullptr;
}

bool larger_than_one(const Dim& d) { return !d.known() || d.value > 1; }

bool has_space(const Graph& g, ValueId v) {
  const Type& t = g.value(v).type;
  return is_float(t.dtype) && t.shape && t.shape->size() == 4 &&
         (larger_than_one((*t.shape)[2]) || larger_than_one((*t.shape)[3]));
}

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
  const Node* before = producer(g, n.in[0]);
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

/// Whether the operator makes a layer in the eyes of a person: arithmetic does when it joins two branches.
bool makes_layer(const Node& n, const std::vector<char>& depends) {
  if (is_one_of(n.op, kActivations)) return true;
  if (!is_one_of(n.op, kLayers) && !is_one_of(n.op, kGates)) return false;
  if (n.op != "Add" && n.op != "Sum" && !is_one_of(n.op, kGates)) return true;
  return std::ranges::all_of(n.in, [&](ValueId v) { return v != kAbsent && depends[index(v)]; });
}

}  // namespace

Logits find_logits(const Graph& g) {
  const std::vector<char> depends = depends_on_image(g);
  std::optional<ValueId> chosen;
  for (const Output& o : g.outputs()) {
    if (!depends[index(o.value)]) continue;
    if (!chosen) chosen = o.value;
    if (!looks_like_scores(g.value(o.value))) continue;
    chosen = o.value;
    break;
  }
  if (!chosen)
    throw Error(ErrorCode::unsupported, "no output of the network depends on its input", {},
                "limn explains classifiers of images");
  for (const Node* n = producer(g, *chosen); n != nullptr;) {
    if (n->in.empty() || n->in[0] == kAbsent) break;
    if (is_one_of(n->op, kFinalActivations)) return {n->in[0], true};
    if (!is_one_of(n->op, kPassing)) break;
    n = producer(g, n->in[0]);
  }
  return {*chosen, false};
}

std::optional<ValueId> auto_target_layer(const Graph& g, ValueId logits) {
  const std::vector<char> depends = depends_on_image(g);
  const std::int64_t classes = class_count(g, logits);
  std::optional<ValueId> at = logits;
  while (at) {
    const Node* n = producer(g, *at);
    if (n == nullptr) return std::nullopt;  // the image itself
    if (has_space(g, *at) && !belongs_to_head(g, *n, classes)) return at;
    at = data_input(*n, depends);
  }
  return std::nullopt;
}

std::vector<ValueId> candidate_layers(const Graph& g, ValueId logits) {
  const std::vector<char> depends = depends_on_image(g), needed = ancestors_of(g, logits);
  const std::vector<char> finished = finished_values(g);
  const std::optional<ValueId> chosen = auto_target_layer(g, logits);
  std::vector<ValueId> layers;
  for (const Node& n : g.nodes())
    for (ValueId v : n.out) {
      if (v == kAbsent || !has_space(g, v) || !needed[index(v)] || !depends[index(v)]) continue;
      if (v == chosen || (finished[index(v)] && makes_layer(n, depends))) layers.push_back(v);
    }
  return layers;
}

}  // namespace limn
