#include "limn/compile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "limn/compile/append.h"
#include "limn/compile/join.h"
#include "limn/compile/maps.h"
#include "limn/compile/picture.h"
#include "limn/compile/shorten.h"
#include "limn/error.h"
#include "limn/export_onnx.h"
#include "limn/onnx/decompose.h"
#include "limn/onnx/extend.h"
#include "limn/onnx/fold.h"
#include "limn/passes/channels_first.h"
#include "limn/passes/join_parts.h"
#include "limn/passes/mean_first.h"
#include "limn/passes/merge.h"
#include "limn/passes/prune.h"
#include "limn/passes/rebuild.h"
#include "limn/passes/simplify.h"
#include "limn/version.h"

namespace limn {
namespace {

/// What a model older than all that can be written becomes.
constexpr std::int64_t kUsualOpset = 17;

/// Whether the constants are small change, and not weights in another order.
bool is_small(const std::vector<Tensor>& constants) {
  constexpr std::int64_t kMostReals = 16;
  return std::ranges::all_of(constants,
                             [](const Tensor& t) { return !is_float(t.dtype()) || t.count() <= kMostReals; });
}

/// Arithmetic with sizes and other small constants, done now.
Graph folded(const Graph& graph) {
  Rebuild rebuild(graph);
  for (const Node& node : graph.nodes()) {
    Node fresh{node.op, node.name, {}, {}, node.attrs};
    for (const ValueId id : node.in) fresh.in.push_back(rebuild(id).id);
    const auto known = fold(rebuild.to(), fresh, node.out.size());
    if (!known || !is_small(*known)) {
      rebuild.copy(node);
      continue;
    }
    for (std::size_t i = 0; i < node.out.size(); ++i)
      if (node.out[i] != kAbsent)
        rebuild.replace(node.out[i], rebuild.to().constant((*known)[i], graph.value(node.out[i]).name));
  }
  return std::move(rebuild).finish();
}

/// The explanation in few standard operators, reading the model's values by their names.
Graph in_short(const Graph& graph, std::int64_t opset) {
  const Graph simple = with_scaled_weights(
      join_parts(prune(mean_first(simplify(prune(graph)), channel_means_as_nodes))));
  return prune(merge_equal(folded(with_fewer_passes(in_onnx_operators(simple, opset)))));
}

std::string text_of(const CompiledTarget& target) {
  using Kind = CompiledTarget::Kind;
  switch (target.kind) {
    case Kind::argmax: return "argmax";
    case Kind::input: return "input";
    case Kind::optional_input: return "input:argmax";
    case Kind::class_index: return std::to_string(target.number);
    case Kind::top: return fmt::format("top:{}", target.number);
  }
  return {};
}

std::string text_of(const IntegrationPath& path) {
  switch (path.baseline) {
    case IntegrationPath::Baseline::zero: return "zero";
    case IntegrationPath::Baseline::mean: return "mean";
    case IntegrationPath::Baseline::colour: return fmt::format("{}", fmt::join(path.colour, ","));
  }
  return {};
}

std::map<std::string, std::string> metadata_of(const CompileModelOptions& options, const MethodRequest& request) {
  std::map<std::string, std::string> entries{{"limn.version", std::string(kVersion)},
                                             {"limn.method", request.method},
                                             {"limn.variant", request.variant},
                                             {"limn.target", text_of(options.target)},
                                             {"limn.size", options.size == HeatmapSize::input ? "input" : "layer"},
                                             {"limn.normalize", options.normalize ? "yes" : "no"}};
  if (!request.layer.empty()) entries["limn.layer"] = request.layer;
  if (request.counterfactual) entries["limn.counterfactual"] = "yes";
  if (request.method == "integrated-gradients") {
    entries["limn.steps"] = std::to_string(request.path.steps);
    entries["limn.quadrature"] = name_of(request.path.quadrature);
    entries["limn.baseline"] = text_of(request.path);
  }
  if (request.method == "smooth-grad") {
    entries["limn.samples"] = std::to_string(request.noise.samples);
    entries["limn.sigma"] = fmt::format("{}", request.noise.sigma);
  }
  if (options.preprocess) entries["limn.preprocess"] = to_json(*options.preprocess);
  if (options.overlay) entries["limn.overlay"] = name_of(options.colormap);
  return entries;
}

void check_names(const Graph& model, const CompileModelOptions& options) {
  const std::pair<const char*, bool> names[] = {{"heatmap", true},
                                                {"target", true},
                                                {"attribution", options.raw},
                                                {"class_scores", options.scores},
                                                {"overlay", options.overlay},
                                                {"noise", options.request.method == "smooth-grad"}};
  for (const auto& [name, wanted] : names) {
    if (!wanted || !model.find(name)) continue;
    throw Error(ErrorCode::unsupported, fmt::format("the model has a value named '{}' already", name),
                "the explanation needs that name",
                "rename it in the model; if this file was compiled before, compile the model that it was made of");
  }
}

/// The graph with the model's outputs in front of its own.
Graph with_outputs_of(const Graph& model, const Graph& graph, const std::map<std::string, std::string>& metadata) {
  GraphBuilder g(graph);
  std::vector<std::pair<std::string, Value>> outputs;
  for (const Output& output : model.outputs()) outputs.emplace_back(output.name, g.handle(output.value));
  for (const Output& output : graph.outputs()) outputs.emplace_back(output.name, g.handle(output.value));
  for (const auto& [key, value] : metadata) g.set_metadata(key, value);
  return std::move(g).finish(std::move(outputs));
}

}  // namespace

CompiledModel compile_model(const Model& model, const std::filesystem::path& out,
                            const CompileModelOptions& options) {
  check_names(model.graph, options);
  const Classifier classifier = as_open_classifier(model.graph, options.output);
  const ValueId image = model.graph.at(classifier.image);
  const PictureInput picture = picture_input(model.graph, image);
  CompiledGraph compiled = compiled_graph(classifier, options, picture);
  const bool channels_last =
      model.graph.shape(image) != classifier.graph.shape(classifier.graph.at(classifier.image));
  if (channels_last) compiled.graph = with_channels_last(compiled.graph, compiled.graph.at(classifier.image));

  CompiledModel result;
  result.rewritten = model.opset < kOldestWritten || (options.opset != 0 && options.opset != model.opset);
  result.opset = options.opset != 0 ? options.opset : result.rewritten ? kUsualOpset : model.opset;
  result.variant = compiled.request.variant;
  result.layer = compiled.request.layer;
  result.bytes_before = model.file_bytes;
  std::optional<Graph> front;
  if (options.preprocess) {
    front = in_short(preprocess_graph(model.graph, image, *options.preprocess, channels_last), result.opset);
    result.picture = picture.name;
  }
  auto metadata = metadata_of(options, compiled.request);
  const Graph graph =
      appended(model.graph, in_short(compiled.graph, result.opset), options.explain_nodes ? "explain" : "");
  std::map<std::string, Tensor> defaults;
  if (options.target.kind == CompiledTarget::Kind::optional_input)
    defaults.emplace("target", Tensor::of<std::int64_t>({1}, {-1}));
  if (result.rewritten) {
    const std::string note =
        fmt::format("the whole model is written anew, in opset {} in place of {}", result.opset, model.opset);
    result.notes.push_back(note);
    metadata["limn.note"] = note;
    const Graph whole = with_outputs_of(model.graph, graph, metadata);
    export_onnx(front ? joined(*front, whole) : whole, out,
                {.opset = result.opset, .defaults = std::move(defaults)});
    result.bytes_after = std::filesystem::file_size(out);
    result.external_data = std::filesystem::exists(out.string() + ".data");
  } else {
    const Extended written =
        extend_onnx(model, {graph, std::move(defaults), std::move(metadata), std::move(front)}, out);
    result.bytes_after = written.bytes;
    result.external_data = written.external_data;
    result.nodes_before = written.nodes_before;
    result.nodes_added = written.nodes_added;
  }
  return result;
}

}  // namespace limn
