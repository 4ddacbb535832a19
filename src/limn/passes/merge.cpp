#include "limn/passes/merge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "limn/passes/rebuild.h"

namespace limn {
namespace {

/// Constants up to this size are equal when their bytes are, larger ones when they are the same bytes in memory.
constexpr std::size_t kCompared = 4096;

std::string key_of(const Tensor& t) {
  const std::string type = fmt::format("{}[{}]", name_of(t.dtype()), fmt::join(t.dims(), ","));
  if (t.byte_count() > kCompared) return fmt::format("{}@{}", type, t.identity());
  return type + "=" + std::string(reinterpret_cast<const char*>(t.bytes()), t.byte_count());
}

struct AttributeKey {
  std::string operator()(std::int64_t v) const { return fmt::format("i{}", v); }
  std::string operator()(double v) const { return fmt::format("f{}", v); }
  std::string operator()(const std::string& v) const { return fmt::format("s{}:{}", v.size(), v); }
  std::string operator()(const std::vector<std::int64_t>& v) const { return fmt::format("I{}", v); }
  std::string operator()(const std::vector<double>& v) const { return fmt::format("F{}", v); }
  std::string operator()(const std::vector<std::string>& v) const { return fmt::format("S{}", v); }
  std::string operator()(const Tensor& v) const { return key_of(v); }
  std::string operator()(const std::shared_ptr<const Graph>& v) const {
    return fmt::format("g{}", static_cast<const void*>(v.get()));
  }
};

class Merge {
 public:
  explicit Merge(const Graph& graph) : graph_(graph), rebuild_(graph) {}

  Graph run() {
    for (std::size_t i = 0; i < graph_.value_count(); ++i)
      if (graph_.value(ValueId(i)).constant) add_constant(ValueId(i));
    for (const Node& node : graph_.nodes()) add(node);
    return std::move(rebuild_).finish();
  }

 private:
  void add_constant(ValueId id) {
    const auto [it, fresh] = constants_.try_emplace(key_of(*graph_.value(id).constant));
    if (fresh) it->second = rebuild_(id);
    rebuild_.replace(id, it->second);
  }

  std::string key_of_node(const Node& node) {
    std::string key = fmt::format("{}/{}", node.op, node.out.size());
    for (const ValueId id : node.in) key += fmt::format(",{}", index(rebuild_(id).id));
    for (const auto& [name, value] : node.attrs.all())
      key += fmt::format(";{}={}", name, std::visit(AttributeKey(), value));
    return key;
  }

  /// Equal nodes may leave out different outputs; then both stay.
  bool covers(const std::vector<Value>& first, const Node& node) const {
    for (std::size_t i = 0; i < node.out.size(); ++i)
      if (node.out[i] != kAbsent && !first[i]) return false;
    return true;
  }

  void add(const Node& node) {
    const auto [it, fresh] = nodes_.try_emplace(key_of_node(node));
    if (!fresh && covers(it->second, node)) {
      for (std::size_t i = 0; i < node.out.size(); ++i)
        if (node.out[i] != kAbsent) rebuild_.replace(node.out[i], it->second[i]);
      return;
    }
    rebuild_.copy(node);
    it->second.clear();
    for (const ValueId id : node.out) it->second.push_back(id == kAbsent ? Value{} : rebuild_(id));
  }

  const Graph& graph_;
  Rebuild rebuild_;
  std::map<std::string, Value> constants_;
  std::map<std::string, std::vector<Value>> nodes_;
};

}  // namespace

Graph merge_equal(const Graph& graph) { return Merge(graph).run(); }

}  // namespace limn
