#include "limn/autodiff.h"
#include "limn/ops/build.h"
#include "limn/ops/table.h"

namespace limn {

RuleSet::RuleSet(std::string name, Seed seed, Fallback fallback)
    : name_(std::move(name)), seed_(seed), fallback_(fallback) {}

RuleSet& RuleSet::on(std::string op, VjpRule rule) {
  by_op_.insert_or_assign(std::move(op), std::move(rule));
  return *this;
}

std::vector<std::string> RuleSet::operators() const {
  std::vector<std::string> names;
  for (const auto& [op, rule] : by_op_) names.push_back(op);
  return names;
}

std::vector<Value> RuleSet::apply(const VjpContext& c) const {
  const std::string where = "node '" + c.node.name + "'";
  if (const auto it = by_op_.find(c.node.op); it != by_op_.end()) return it->second(c);
  if (fallback_ == Fallback::refuse)
    throw Error(ErrorCode::unsupported, "the rule set '" + name_ + "' has no rule for " + c.node.op, where,
                "choose another method");
  const OpDef& op = op_of(c.node);
  if (op.vjp == nullptr)
    throw Error(ErrorCode::unsupported,
                "the operator " + c.node.op + " has no derivative" +
                    (op.note.empty() ? std::string() : " (" + std::string(op.note) + ")"),
                where, "choose a target layer after this node");
  return op.vjp(c);
}

RuleSet gradients() { return RuleSet("gradient", Seed::one, Fallback::gradient); }

bool is_rectifier(const GraphBuilder& g, const Node& node) {
  if (node.op == "Relu") return true;
  if (node.op != "Clip" || node.in.size() < 2 || node.in[1] == kAbsent) return false;
  const auto& low = g.info(node.in[1]).constant;
  return low && is_float(low->dtype()) && low->count() == 1 && low->converted(DType::f64).as<double>()[0] == 0.0;
}

namespace {

/// The operator's own derivative for the cotangent relu(r): guided backpropagation, as the derivative of a
/// rectifier is the mask of its forward pass.
std::vector<Value> guided(const VjpContext& c) {
  const std::vector<Value> positive{is_rectifier(c.graph(), c.node) ? relu(c.dout[0]) : c.dout[0]};
  return op_of(c.node).vjp({c.node, c.in, c.out, positive, c.wants});
}

std::vector<Value> deconv(const VjpContext& c) {
  if (!is_rectifier(c.graph(), c.node)) return op_of(c.node).vjp(c);
  return {relu(c.dout[0])};
}

}  // namespace

RuleSet guided_backprop() {
  return RuleSet("guided-backprop", Seed::one, Fallback::gradient).on("Relu", guided).on("Clip", guided);
}

RuleSet deconvnet() {
  return RuleSet("deconvnet", Seed::one, Fallback::gradient).on("Relu", deconv).on("Clip", deconv);
}

}  // namespace limn
