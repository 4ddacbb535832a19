#include "limn/compile/maps.h"

#include <fmt/format.h>

#include <algorithm>

#include "limn/compile/averages.h"
#include "limn/compile/class_head.h"
#include "limn/compile/overlay_nodes.h"
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
  if (options.overlay && !options.preprocess)
    throw Error(ErrorCode::bad_input, "there is no picture to lay the heatmap over", "overlay",
                "ask for the preprocessing inside the model too");
}

/// All maps side by side along a new or given axis 1.
Value side_by_side(std::vector<Value> maps) {
  return maps.size() == 1 ? maps.front() : emit("Concat", std::move(maps), {{"axis", std::int64_t{1}}});
}

/// The method's map as a heatmap [N, 1, H, W], or [N, 1, h, w].
Value heatmap_of(Value map, MapKind kind, Value image, HeatmapSize size, bool normalize) {
  Value heat = map;
  if (kind == MapKind::attribution)
    heat = reduce_max(abs(map), {1});
  else if (size == HeatmapSize::input)
    heat = upsample(map, image);
  return normalize ? min_max(heat) : heat;
}

/// Pictures tinted by the heatmaps of one class an image.
class Overlays {
 public:
  Overlays(GraphBuilder& g, const PictureInput& input, const CompileModelOptions& options)
      : picture_(g.input(input.name, input.type)),
        axes_(picture_axes(picture_, *options.preprocess)),
        colormap_(options.colormap) {}

  /// `heat` [N, 1, H, W] in [0, 1].
  Value of(Value heat, MapKind kind) const {
    const Value flat = emit("Squeeze", {heat, int64_constant(*heat.in, {1})});
    return append_overlay(picture_, axes_, kind == MapKind::cam ? flat : attribution_for_display(flat), colormap_);
  }

 private:
  Value picture_;
  PictureAxes axes_;
  Colormap colormap_;
};

/// Ones for `score`, [N, 1] or [N, 1, 1, 1], that do not need it computed.
Value ones_for(Value score, Value logits) {
  GraphBuilder& g = *logits.in;
  Value first = emit("Slice", {logits, int64_constant(g, {0}), int64_constant(g, {1}), int64_constant(g, {1})});
  if (const std::size_t rank = score.shape().size(); rank != first.shape().size()) {
    Dims sizes(rank, 1);
    sizes[0] = 0;  // as it is
    first = reshape(first, sizes);
  }
  return expand_like(float_constant(g, 1.0F), first);
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

CompiledGraph compiled_graph(const Classifier& classifier, const CompileModelOptions& options,
                             const PictureInput& picture) {
  const MethodInfo& info = method(options.request.method);
  check(info, options);
  GraphBuilder g(classifier.graph);
  const MapBuilder maps(g, classifier, std::span(&options.request, 1));
  const MethodRequest& request = maps.requests().front();
  const Value logits = g.find(classifier.logits), image = g.find(classifier.image);
  std::optional<Overlays> overlay;
  if (options.overlay) overlay.emplace(g, picture, options);
  const ClassChoice choice = choose_classes(logits, options.target);
  std::optional<PointScores> points;
  if (averages_gradients(request)) points.emplace(image, logits, request);
  const auto map_for = [&](Value classes) {
    if (points)
      return points->map(classes, [&](Value of, Value scores) { return cotangents_of(of, scores, request.layer); });
    Cotangents cotangents = cotangents_of(classes, logits, request.layer);
    return maps.append(cotangents).front();
  };
  const bool stacked = options.target.kind == CompiledTarget::Kind::top;
  std::vector<Value> heatmaps, attributions, overlays;
  for (const Value& classes : choice.classes) {
    const Value map = map_for(classes);
    heatmaps.push_back(heatmap_of(map, info.kind, image, options.size, options.normalize));
    if (options.raw) attributions.push_back(stacked ? unsqueeze(map, {1}) : map);
    if (!overlay) continue;
    const Value tinted = overlay->of(heatmap_of(map, info.kind, image, HeatmapSize::input, true), info.kind);
    overlays.push_back(stacked ? unsqueeze(tinted, {1}) : tinted);
  }
  std::vector<std::pair<std::string, Value>> outputs{{"heatmap", side_by_side(std::move(heatmaps))}};
  if (choice.output) outputs.emplace_back("target", choice.output);
  if (options.raw) outputs.emplace_back("attribution", side_by_side(std::move(attributions)));
  if (options.scores) outputs.emplace_back("class_scores", flat_scores(logits));
  if (overlay) outputs.emplace_back("overlay", side_by_side(std::move(overlays)));
  return {std::move(g).finish(std::move(outputs)), request};
}

}  // namespace limn
