#pragma once
// Symbolic reverse-mode differentiation over the graph, with replaceable rules.

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "limn/graph.h"

namespace limn {

struct VjpContext;
/// One cotangent per input of the node; empty handles where nothing flows.
using VjpRule = std::function<std::vector<Value>(const VjpContext&)>;

/// What the walk starts with: a cotangent of one, or the score itself (relevance).
enum class Seed { one, score };
/// What happens at an operator without a rule in the set: its own derivative, or an error. Rule sets that are not
/// gradients refuse, because a gradient slipped in among other rules gives numbers that only look right.
enum class Fallback { gradient, refuse };

/// A named choice of differentiation rules, by operator.
class LIMN_API RuleSet {
 public:
  RuleSet(std::string name, Seed seed, Fallback fallback);
  /// Replaces the rule of every node of that operator.
  RuleSet& on(std::string op, VjpRule rule);

  const std::string& name() const { return name_; }
  Seed seed() const { return seed_; }
  /// The operators that have a rule of their own here.
  std::vector<std::string> operators() const;
  /// Throws Error{unsupported} when neither the set nor the operator has a rule.
  std::vector<Value> apply(const VjpContext& context) const;

 private:
  std::string name_;
  Seed seed_;
  Fallback fallback_;
  std::map<std::string, VjpRule, std::less<>> by_op_;
};

/// The true derivative of every operator.
LIMN_API RuleSet gradients();
/// Guided backpropagation (Springenberg et al. 2014, arXiv 1412.6806): at every rectifier relu(r) where the forward
/// input was positive. Rectifiers are Relu, and Clip with minimum 0.
LIMN_API RuleSet guided_backprop();
/// DeconvNet (Zeiler and Fergus 2013, arXiv 1311.2901): relu(r) at every rectifier.
LIMN_API RuleSet deconvnet();

/// Cotangents of `wrt` for the sum of all elements of `score`, by the rules of `rules`: one value per entry of
/// `wrt`, shaped like it. Appends to the builder of `score`; differentiates only what leads from `wrt` to `score`.
/// Throws Error{bad_input} when the score does not depend on one of them.
LIMN_API std::vector<Value> vjp(Value score, std::span<const Value> wrt, const RuleSet& rules = gradients());

/// The same, starting from a given cotangent `dout` of `output` (shaped like it).
LIMN_API std::vector<Value> pull_back(Value output, Value dout, std::span<const Value> wrt,
                                      const RuleSet& rules = gradients());

/// Whether a node acts as a rectifier in the sense of guided backpropagation: Relu, or Clip with minimum 0.
LIMN_API bool is_rectifier(const GraphBuilder& graph, const Node& node);

}  // namespace limn
