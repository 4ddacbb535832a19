#include "limn/compile/maps.h"

#include <fmt/format.h>

#include <algorithm>

#include "limn/compile/class_head.h"
#include "limn/compile/target.h"
#include "limn/error.h"
#include "limn/methods/method.h"
#include "limn/ops/build.h"

namespace limn {
namespace {

void check(const MethodInfo& info, const CompileModelOptions& options) {
  if (!info.not_compiled.empty())
    throw Error(ErrorCode::unsupported, fmt::format("{} cannot be compiled: {}", info.name, info.not_compiled), {},
                "limn compile --list names the methods that can be");
  if (info.kind == MapKind::attribution && options.size == HeatmapSize::layer)
    throw Error(ErrorCode::bad_input, fmt::format("{} has no map at a layer's size", info.name), "size: layer",
                "leave the size out: an attribution has that of the image");
  if (info.kind == MapKind::cam && options.raw)
    throw Error(ErrorCode::bad_input, fmt::format("{} makes no attribution", info.name), "raw",
                "its own numbers are the heatmap of the layer's size");
}

/// All maps side by side along a new or given axis 1.
Value joined(std::vector<Value> maps) {
  return maps.size() == 1 ? maps.front() : emit("Concat", std::move(maps), {{"axis", std::int64_t{1}}});
}

/// The method's map as a heatmap [N, 1, H, W], or [N, 1, h, w].
Value heatmap_of(Value map, MapKind kind, Value image, const CompileModelOptions& options) {
  Value heat = map;
  if (kind == MapKind::attribution)
    heat = reduce_max(abs(map), {1});
  else if (options.size == HeatmapSize::input)
    heat = upsample(map, image);
  return options.normalize ? min_max(heat) : heat;
}

/// Ones for `score`, [N, 1] or [N, 1, 1, 1], that do not need it computed.
Value ones_for(Value score, Value logits) {
  GraphBuilder& g = *logits.in;
  const Value images = emit("Slice", {shape_of(logits), int64_constant(g, {0}), int64_constant(g, {1})});
  const Value rest = int64_constant(g, std::vector<std::int64_t>(score.shape().size() - 1, 1));
  return expand(float_constant(g, 1.0F), emit("Concat", {images, rest}, {{"axis", std::int64_t{0}}}));
}

/// What is differentiated: the score of the classes alone where the network allows it, and the layer lies before
/// it.
Cotangents cotangents_of(Value classes, Value logits, const std::string& layer) {
  const Value target = one_hot(classes, logits);
  const auto head = class_head(logits, classes);
  if (!head) return {logits, target};
  GraphBuilder& g = *logits.in;
  if (!layer.empty() && std::ranges::find(head->behind, g.find(layer).id) != head->behind.end())
    return {logits, target};
  return {logits, target, head->score, ones_for(head->score, logits)};
}

}  // namespace

CompiledGraph compiled_graph(const Classifier& classifier, const CompileModelOptions& options) {
  const MethodInfo& info = method(options.request.method);
  check(info, options);
  const std::vector<MethodRequest> request = completed(classifier, std::span(&options.request, 1));
  GraphBuilder g(classifier.graph);
  const Value logits = g.find(classifier.logits), image = g.find(classifier.image);
  const ClassChoice choice = choose_classes(logits, options.target);
  std::vector<Value> heatmaps, attributions;
  for (const Value& classes : choice.classes) {
    Cotangents cotangents = cotangents_of(classes, logits, request.front().layer);
    const Value map = append_maps(g, classifier, request, cotangents).front();
    heatmaps.push_back(heatmap_of(map, info.kind, image, options));
    const bool stacked = options.target.kind == CompiledTarget::Kind::top;
    if (options.raw) attributions.push_back(stacked ? unsqueeze(map, {1}) : map);
  }
  std::vector<std::pair<std::string, Value>> outputs{{"heatmap", joined(std::move(heatmaps))}};
  if (choice.output) outputs.emplace_back("target", choice.output);
  if (options.raw) outputs.emplace_back("attribution", joined(std::move(attributions)));
  return {std::move(g).finish(std::move(outputs)), request.front()};
}

}  // namespace limn
