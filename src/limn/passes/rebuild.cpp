#include "limn/passes/rebuild.h"

#include "limn/ops/table.h"

namespace limn {

Rebuild::Rebuild(const Graph& from, const std::unordered_map<ValueId, Type>& retyped)
    : from_(from), to_(operators()) {
  for (const ValueId id : from.inputs()) {
    const auto other = retyped.find(id);
    replace(id, to_.input(from.value(id).name, other == retyped.end() ? from.value(id).type : other->second));
  }
  for (const auto& [key, value] : from.data().metadata) to_.set_metadata(key, value);
}

Value Rebuild::operator()(ValueId old) {
  if (old == kAbsent) return {};
  if (const auto it = map_.find(old); it != map_.end()) return it->second;
  const ValueInfo& v = from_.value(old);
  if (!v.constant) throw Error(ErrorCode::internal, "a pass lost the value '" + v.name + "'");
  const Value copy = to_.constant(*v.constant, v.name);
  replace(old, copy);
  return copy;
}

const ValueInfo* Rebuild::info(ValueId old) {
  const Value v = (*this)(old);
  return v ? &to_.info(v.id) : nullptr;
}

const Tensor* Rebuild::constant(ValueId old) {
  const ValueInfo* v = info(old);
  return v != nullptr && v->constant ? &*v->constant : nullptr;
}

void Rebuild::copy(const Node& node) {
  Node fresh{node.op, node.name, {}, {}, node.attrs};
  for (const ValueId id : node.in) fresh.in.push_back((*this)(id).id);
  std::vector<std::string> names;
  for (const ValueId id : node.out) names.push_back(id == kAbsent ? std::string() : from_.value(id).name);
  const std::vector<Value> out = to_.add_node(std::move(fresh), names);
  for (std::size_t i = 0; i < out.size(); ++i)
    if (node.out[i] != kAbsent) replace(node.out[i], out[i]);
}

void Rebuild::append(Node fresh, ValueId old) {
  replace(old, to_.add_node(std::move(fresh), {from_.value(old).name}).front());
}

Graph Rebuild::finish() && {
  std::vector<std::pair<std::string, Value>> outputs;
  for (const Output& o : from_.outputs()) outputs.emplace_back(o.name, (*this)(o.value));
  return std::move(to_).finish(std::move(outputs));
}

}  // namespace limn
