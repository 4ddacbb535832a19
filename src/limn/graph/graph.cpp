#include "limn/graph.h"

#include <algorithm>
#include <cctype>

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

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string lower(std::string_view s) {
  std::string r(s);
  std::ranges::transform(r, r.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return r;
}

}  // namespace

Error no_such_value(std::string_view name, const GraphData& data) {
  std::vector<std::string> names;
  for (const ValueInfo& v : data.values)
    if (!v.constant) names.push_back(v.name);
  std::string mend;
  for (const std::string& close : close_names(name, names))
    mend += (mend.empty() ? "did you mean '" : "', '") + close;
  return Error(ErrorCode::not_found, "the network has no value named '" + std::string(name) + "'", {},
               mend.empty() ? "limn inspect MODEL lists the layers" : mend + "'? limn inspect MODEL lists all layers");
}

std::vector<std::string> close_names(std::string_view name, std::span<const std::string> candidates,
                                     std::size_t limit) {
  const std::string wanted = lower(name);
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const std::string& candidate : candidates) {
    const std::string c = lower(candidate);
    // A name that contains the other is near whatever its length.
    const bool contains = !wanted.empty() && !c.empty() && (c.find(wanted) != std::string::npos);
    const std::size_t distance = contains ? 1 : edit_distance(wanted, c);
    if (distance <= std::max<std::size_t>(2, wanted.size() / 3)) ranked.emplace_back(distance, candidate);
  }
  std::ranges::stable_sort(ranked, {}, [](const auto& r) { return r.first; });
  std::vector<std::string> out;
  for (const auto& r : ranked)
    if (out.size() < limit && std::ranges::find(out, r.second) == out.end()) out.push_back(r.second);
  return out;
}

}  // namespace limn
