#include <fmt/format.h>

#include <algorithm>

#include "limn/methods/method.h"
#include "limn/ops/build.h"
#include "limn/passes/bind.h"
#include "limn/passes/fold_batch_norm.h"
#include "limn/passes/join_layers.h"
#include "limn/passes/join_products.h"
#include "limn/passes/select_early.h"

namespace limn {
namespace {

std::string layer_of(const MethodRequest& request, const MethodInfo& info, const Classifier& classifier) {
  if (!info.uses_layer) return {};
  if (request.layer != "auto") return request.layer;
  if (!classifier.auto_layer.empty()) return classifier.auto_layer;
  throw Error(ErrorCode::unsupported, "no layer with a spatial extent leads to the class scores", {},
              "name the target layer with --layer; limn inspect MODEL lists the layers");
}

/// How the layers that requests name are laid out; found out when first asked for, by walking the whole network.
class LayerLayouts {
 public:
  explicit LayerLayouts(const Graph& network) : network_(network) {}
  std::optional<FeatureLayout> of(const std::string& layer) {
    if (!tracked_) tracked_.emplace(network_);
    const auto id = tracked_->graph.find(layer);
    return id ? tracked_->layouts[*id] : std::nullopt;
  }

 private:
  struct Tracked {
    explicit Tracked(const Graph& network) : graph(for_layouts(network)), layouts(graph) {}
    Graph graph;
    FeatureLayouts layouts;
  };
  const Graph& network_;
  std::optional<Tracked> tracked_;
};

void check_layer(const Graph& graph, const std::string& name, LayerLayouts& layouts) {
  const Shape shape = graph.shape(graph.at(name));
  const auto layout = layouts.of(name);
  if (!layout || !layout->has_space())
    throw Error(ErrorCode::unsupported,
                fmt::format("the layer '{}' has no spatial extent: its shape is {}", name, to_string(shape)), {},
                "choose a layer [N, K, h, w], or tokens, with more than one position; limn inspect MODEL lists "
                "them");
}

std::string variant_of(const MethodRequest& request, const MethodInfo& info) {
  if (request.variant.empty()) return std::string(info.variants.front());
  if (std::ranges::find(info.variants, request.variant) != info.variants.end()) return request.variant;
  throw Error(ErrorCode::not_found, fmt::format("{} has no variant '{}'", info.name, request.variant), {},
              fmt::format("its variants are {}", fmt::join(info.variants, ", ")));
}

/// Guided and DeconvNet rules act on rectifiers; without one they would quietly be the plain gradient.
void require_rectifier(const GraphBuilder& g, const MethodRequest& r) {
  const bool is_guided = r.method == "guided-backprop" || r.method == "deconvnet" ||
                         r.method == "guided-grad-cam" || (r.method == "grad-cam" && r.variant == "study");
  if (!is_guided) return;
  for (std::size_t i = 0; i < g.node_count(); ++i)
    if (is_rectifier(g, g.node(i))) return;
  throw Error(ErrorCode::unsupported,
              fmt::format("{}{} needs a network with rectifiers, and this one has none", r.method,
                          r.variant == "study" ? " in its variant study" : ""),
              "rectifiers are Relu, and Clip with minimum 0", "use gradient, or grad-cam in its variant paper");
}

}  // namespace

Value Cotangents::of(Value wrt, const RuleSet& rules) {
  const auto [it, fresh] = known_.try_emplace({rules.name(), wrt.id});
  if (fresh) it->second = pull_back(output_, seed_, std::span(&wrt, 1), rules).front();
  return it->second;
}

Value MethodContext::layer_cotangent(const RuleSet& rules) const {
  const Value g = as_feature_map(cotangents.of(layer, rules), layout);
  return counterfactual ? -g : g;
}

Value MethodContext::layer_gradient() const { return layer_cotangent(gradients()); }

Value MethodContext::image_cotangent(const RuleSet& rules) const { return cotangents.of(image, rules); }

namespace {

std::vector<MethodRequest> completed(const Classifier& classifier, std::span<const MethodRequest> requests,
                                     LayerLayouts& layouts) {
  std::vector<MethodRequest> out(requests.begin(), requests.end());
  for (MethodRequest& r : out) {
    const MethodInfo& info = method(r.method);
    r.method = info.name;
    r.variant = variant_of(r, info);
    r.layer = layer_of(r, info, classifier);
    if (!r.layer.empty()) check_layer(classifier.graph, r.layer, layouts);
    if (r.counterfactual && !info.has_counterfactual)
      throw Error(ErrorCode::unsupported, fmt::format("{} has no counterfactual", info.name), {},
                  "use it with grad-cam");
  }
  return out;
}

}  // namespace

std::vector<MethodRequest> completed(const Classifier& classifier, std::span<const MethodRequest> requests) {
  LayerLayouts layouts(classifier.graph);
  return completed(classifier, requests, layouts);
}

bool backward_reads_large_layers(const Classifier& classifier, std::span<const MethodRequest> requests) {
  const Graph& g = classifier.graph;
  std::vector<char> behind(g.value_count());
  for (const MethodRequest& r : requests) {
    const MethodInfo& info = method(r.method);
    if (!info.is_graph || info.kind != MapKind::cam) return false;
    if (info.class_discriminative) behind[index(g.at(r.layer))] = 1;
  }
  const ValueId logits = g.at(classifier.logits);
  for (const Node& node : g.nodes()) {
    const bool reached =
        std::ranges::any_of(node.in, [&](ValueId i) { return i != kAbsent && behind[index(i)] != 0; });
    if (!reached) continue;
    if (reads_large_matrix(g, node) && node.out[0] != logits) return true;
    for (const ValueId o : node.out)
      if (o != kAbsent) behind[index(o)] = 1;
  }
  return false;
}

namespace {

std::vector<std::string> values_to_keep(const Classifier& classifier, std::span<const MethodRequest> requests) {
  std::vector<std::string> keep{classifier.logits};
  for (const MethodRequest& r : completed(classifier, requests))
    if (!r.layer.empty()) keep.push_back(r.layer);
  return keep;
}

bool selects(const Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [&](const Node& node) {
    return (node.op == "Gather" || node.op == "Slice") && is_float(graph.value(node.out[0]).type.dtype);
  });
}

}  // namespace

Classifier with_joined_layers(Classifier classifier, std::span<const MethodRequest> requests) {
  const std::vector<std::string> keep = values_to_keep(classifier, requests);
  classifier.graph = join_layers(fold_batch_norm(classifier.graph, keep), keep);
  return classifier;
}

Classifier with_early_selections(Classifier classifier, std::span<const MethodRequest> requests,
                                 std::int64_t batch) {
  // Sizes are only needed for this, and finding them takes as long as all the rest of what is done to the network.
  if (selects(classifier.graph))
    classifier.graph = select_early(with_batch(classifier.graph, batch), values_to_keep(classifier, requests));
  return classifier;
}

MapBuilder::MapBuilder(GraphBuilder& g, const Classifier& classifier, std::span<const MethodRequest> requests)
    : g_(g), image_(g.find(classifier.image)) {
  LayerLayouts layouts(classifier.graph);
  requests_ = completed(classifier, requests, layouts);
  for (const MethodRequest& r : requests_) {
    require_rectifier(g, r);
    layouts_.push_back(r.layer.empty() ? FeatureLayout{} : *layouts.of(r.layer));
  }
}

std::vector<Value> MapBuilder::append(Cotangents& cotangents) const {
  std::vector<Value> maps;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    const MethodRequest& r = requests_[i];
    const MethodRow& row = method_row(r.method);
    if (!row.info.is_graph) {
      maps.emplace_back();
      continue;
    }
    MethodContext context{g_, cotangents, image_, {}, {}, {}, r.variant, r.counterfactual};
    if (!r.layer.empty()) {
      context.layer = g_.find(r.layer);
      context.layout = layouts_[i];
      context.activation = as_feature_map(context.layer, context.layout);
    }
    maps.push_back(row.build(context));
  }
  return maps;
}

std::string of_target(std::string name, std::size_t t) {
  return t == 0 ? std::move(name) : fmt::format("{}_{}", name, t);
}

Graph explanation_graph(const Classifier& classifier, std::span<const MethodRequest> requests,
                        std::size_t targets) {
  GraphBuilder g(classifier.graph);
  const MapBuilder builder(g, classifier, requests);
  const Value logits = g.find(classifier.logits);
  std::vector<std::pair<std::string, Value>> outputs{{"logits", logits}};
  for (std::size_t t = 0; t < targets; ++t) {
    Cotangents cotangents(logits, g.input(of_target("target", t), logits.type()));
    const std::vector<Value> maps = builder.append(cotangents);
    for (std::size_t i = 0; i < maps.size(); ++i)
      if (maps[i]) outputs.emplace_back(of_target(fmt::format("map_{}", i), t), maps[i]);
  }
  return std::move(g).finish(std::move(outputs));
}

}  // namespace limn
