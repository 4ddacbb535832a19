#pragma once
// How a method is written: a function that appends its map to the model's graph.

#include <map>
#include <utility>

#include "limn/autodiff.h"
#include "limn/explain.h"
#include "limn/methods/many_runs.h"
#include "limn/passes/feature_layout.h"

namespace limn {

/// Cotangents of image and layers, each differentiated once per rule set however many methods ask.
class Cotangents {
 public:
  /// `logits` of the model and the `target` cotangent given for it.
  Cotangents(Value logits, Value target) : Cotangents(logits, target, logits, target) {}
  /// The same where `output` with the cotangent `seed` stands for them.
  Cotangents(Value logits, Value target, Value output, Value seed)
      : logits_(logits), target_(target), output_(output), seed_(seed) {}
  Value of(Value wrt, const RuleSet& rules);
  Value logits() const { return logits_; }
  Value target() const { return target_; }

 private:
  Value logits_, target_, output_, seed_;
  std::map<std::pair<std::string, ValueId>, Value> known_;
};

/// What a method may use.
struct MethodContext {
  GraphBuilder& graph;
  Cotangents& cotangents;
  Value image;           ///< x   [N, C, H, W]
  Value layer;           ///< the target layer as the network keeps it; empty for methods without one
  FeatureLayout layout;  ///< where its channels, rows and columns are
  Value activation;      ///< A   [N, K, h, w]: the layer as a feature map
  std::string variant;
  bool counterfactual = false;

  /// G = d target / d A, negated for a counterfactual; [N, K, h, w].
  Value layer_gradient() const;
  /// The same by a rule set.
  Value layer_cotangent(const RuleSet& rules) const;
  /// d target / d x by a rule set; [N, C, H, W].
  Value image_cotangent(const RuleSet& rules) const;
};

using BuildFn = Value (*)(const MethodContext&);

struct MethodRow {
  MethodInfo info;
  BuildFn build = nullptr;       ///< of a method that is a graph
  MakeRuns make_runs = nullptr;  ///< of any other
};

// cam.cpp: maps [N, 1, h, w]
Value build_cam(const MethodContext&);
Value build_grad_cam(const MethodContext&);
Value build_grad_cam_plus_plus(const MethodContext&);
Value build_hires_cam(const MethodContext&);
Value build_layer_cam(const MethodContext&);
Value build_xgrad_cam(const MethodContext&);
Value build_eigen_cam(const MethodContext&);

// attribution.cpp: [N, C, H, W]
Value build_gradient(const MethodContext&);
Value build_saliency(const MethodContext&);
Value build_input_x_gradient(const MethodContext&);
Value build_guided_backprop(const MethodContext&);
Value build_deconvnet(const MethodContext&);
Value build_guided_grad_cam(const MethodContext&);

/// The requests with names, variants and layers filled in and checked; errors as explanation_graph().
std::vector<MethodRequest> completed(const Classifier&, std::span<const MethodRequest>);

/// Appends maps to a builder that began as the classifier's graph, for as many targets as there are.
class MapBuilder {
 public:
  /// Errors as explanation_graph().
  MapBuilder(GraphBuilder&, const Classifier&, std::span<const MethodRequest>);
  /// With everything filled in.
  const std::vector<MethodRequest>& requests() const { return requests_; }
  /// The map of every request, in their order; an empty handle for a method that is no graph. `cotangents` are of
  /// the same builder.
  std::vector<Value> append(Cotangents& cotangents) const;

 private:
  GraphBuilder& g_;
  Value image_;
  std::vector<MethodRequest> requests_;
  std::vector<FeatureLayout> layouts_;  ///< of their layers
};

/// What explanation_graph() calls an input or output for target t: "target" for the first, "target_1" for the next.
std::string of_target(std::string name, std::size_t t);

/// Whether large dense layers lie between the layers of the requests and the class scores, before the last one: a
/// class reads all their weights on its way back, where of the last one it reads its own row. False unless every
/// request is a class activation map, for in a whole backward pass such layers matter little.
bool backward_reads_large_layers(const Classifier&, std::span<const MethodRequest> completed);
/// map [N, 1, h, w] -> [N, 1, H, W] with the sizes of `like`, bilinear with half-pixel centres.
Value upsample(Value map, Value like);
/// Per map of [N, K, H, W] (t - min) / (max - min); a constant map becomes 0.
Value min_max(Value map);

/// The row of a method; throws Error{not_found}.
const MethodRow& method_row(std::string_view name);

}  // namespace limn
