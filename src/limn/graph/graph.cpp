#include "limn/graph.h"

#include "limn/graph/names.h"

namespace limn {

std::optional<ValueId> Graph::find(std::string_view name) const {
  for (std::size_t i = 0; i < data_->values.size(); ++i)
    if (data_->values[i].name == name) return ValueId(i);
  return std::nullopt;
}

ValueId Graph::at(std::string_view name) const {
  if (const auto id = find(name)) return *id;
  throw no_such_value(name, *data_);
}

const Tensor* Graph::constant(ValueId id) const {
  const auto& c = value(id).constant;
  return c ? &*c : nullptr;
}

const Shape& Graph::shape(ValueId id) const {
  const ValueInfo& v = value(id);
  if (!v.type.shape)
    throw Error(ErrorCode::unsupported, "the shape of '" + v.name + "' cannot be told before run time",
                v.producer ? "node '" + nodes()[*v.producer].name + "' (" + nodes()[*v.producer].op + ")" : "");
  return *v.type.shape;
}

std::vector<std::uint32_t> Graph::use_counts() const {
  std::vector<std::uint32_t> uses(value_count());
  for (const Node& n : nodes())
    for (ValueId v : n.in)
      if (v != kAbsent) ++uses[index(v)];
  for (const Output& o : outputs()) ++uses[index(o.value)];
  return uses;
}

Error no_such_value(std::string_view name, const GraphData& data) {
  std::vector<std::string> names;
  for (const ValueInfo& v : data.values)
    if (!v.constant) names.push_back(v.name);
  std::string mend;
  for (const std::string& close : close_names(name, names))
    mend += (mend.empty() ? "did you mean '" : "', '") + close;
  return Error(
      ErrorCode::not_found, "the network has no value named '" + std::string(name) + "'", {},
      mend.empty() ? "limn inspect MODEL lists the layers" : mend + "'? limn inspect MODEL lists all layers");
}

}  // namespace limn
