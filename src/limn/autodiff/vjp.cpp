#include <unordered_map>

#include "limn/autodiff.h"
#include "limn/ops/build.h"
#include "limn/ops/op.h"

namespace limn {
namespace {

/// For each value, whether it depends on one of `wrt` (and is one of them, or made by a node before `end`).
std::vector<char> dependants(const GraphBuilder& g, std::span<const Value> wrt, std::size_t end) {
  std::vector<char> wants(g.value_count());
  for (const Value& v : wrt) wants[index(v.id)] = 1;
  for (std::size_t k = 0; k < end; ++k) {
    bool any = false;
    for (ValueId i : g.node(k).in) any = any || (i != kAbsent && wants[index(i)]);
    if (!any) continue;
    for (ValueId o : g.node(k).out)
      if (o != kAbsent) wants[index(o)] = 1;
  }
  return wants;
}

using Cotangents = std::unordered_map<ValueId, Value>;

void accumulate(Cotangents& sums, ValueId id, Value d) {
  const auto [it, fresh] = sums.try_emplace(id, d);
  if (!fresh) it->second = it->second + d;
}

/// One node of the reverse walk: cotangents of its outputs in, cotangents of its wanted inputs added to `sums`.
void step_back(GraphBuilder& g, std::size_t k, const std::vector<char>& wants, const RuleSet& rules,
               Cotangents& sums) {
  const Node& node = g.node(k);  // a deque keeps its elements in place while rules append
  std::vector<Value> in, out, dout;
  std::vector<char> need;
  bool arrives = false, leads = false;
  for (const ValueId i : node.in) {
    in.push_back(i == kAbsent ? Value{} : g.handle(i));
    need.push_back(i != kAbsent && wants[index(i)]);
    leads = leads || need.back();
  }
  for (ValueId o : node.out) {
    out.push_back(o == kAbsent ? Value{} : g.handle(o));
    const auto it = o == kAbsent ? sums.end() : sums.find(o);
    dout.push_back(it == sums.end() ? Value{} : it->second);
    arrives = arrives || dout.back();
  }
  if (!arrives || !leads) return;
  const std::vector<Value> din = rules.apply({node, in, out, dout, need});
  for (std::size_t i = 0; i < din.size() && i < need.size(); ++i)
    if (need[i] && din[i]) accumulate(sums, node.in[i], din[i]);
}

}  // namespace

std::vector<Value> pull_back(Value output, Value dout, std::span<const Value> wrt, const RuleSet& rules) {
  GraphBuilder& g = *output.in;
  const std::size_t end = g.node_count();
  const std::vector<char> wants = dependants(g, wrt, end);
  Cotangents sums{{output.id, dout}};
  for (std::size_t k = end; k-- > 0;) step_back(g, k, wants, rules, sums);
  std::vector<Value> result;
  for (const Value& v : wrt) {
    const auto it = sums.find(v.id);
    if (it == sums.end() || !wants[index(output.id)])
      throw Error(ErrorCode::bad_input, "the class score does not depend on '" + g.info(v.id).name + "'", {},
                  "choose a layer between the input and the class scores");
    result.push_back(it->second);
  }
  return result;
}

std::vector<Value> vjp(Value score, std::span<const Value> wrt, const RuleSet& rules) {
  const Value seed = rules.seed() == Seed::score ? score : expand(float_constant(*score.in, 1.0F), shape_of(score));
  return pull_back(score, seed, wrt, rules);
}

}  // namespace limn
