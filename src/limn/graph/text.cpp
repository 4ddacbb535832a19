#include <fmt/format.h>

#include "limn/graph.h"

namespace limn {
namespace {

template <class T>
std::string list_text(const std::vector<T>& list) {
  return fmt::format("[{}]", fmt::join(list, ", "));
}

std::string attr_text(const Attr& attr) {
  return std::visit(
      []<class T>(const T& v) -> std::string {
        if constexpr (std::is_same_v<T, std::string>)
          return "\"" + v + "\"";
        else if constexpr (std::is_same_v<T, Tensor>)
          return "tensor " + to_string(std::span(v.dims()));
        else if constexpr (std::is_same_v<T, std::shared_ptr<const Graph>>)
          return "graph";
        else if constexpr (std::is_arithmetic_v<T>)
          return fmt::format("{}", v);
        else
          return list_text(v);
      },
      attr);
}

std::string value_name(const Graph& g, ValueId id) { return id == kAbsent ? "-" : "%" + g.value(id).name; }

std::string node_text(const Graph& g, const Node& n) {
  std::string outs, ins, attrs;
  for (ValueId o : n.out)
    if (o != kAbsent) outs += (outs.empty() ? "" : ", ") + value_name(g, o) + ": " + to_string(g.value(o).type);
  for (ValueId i : n.in) ins += (ins.empty() ? "" : ", ") + value_name(g, i);
  for (const auto& [k, v] : n.attrs.all()) attrs += (attrs.empty() ? " {" : ", ") + k + "=" + attr_text(v);
  return fmt::format("{} = {}({}){}\n", outs, n.op, ins, attrs.empty() ? "" : attrs + "}");
}

}  // namespace

std::string to_text(const Graph& g) {
  std::string s;
  for (ValueId i : g.inputs()) s += fmt::format("input %{}: {}\n", g.value(i).name, to_string(g.value(i).type));
  for (const Node& n : g.nodes()) s += node_text(g, n);
  for (const Output& o : g.outputs()) s += fmt::format("output {} = %{}\n", o.name, g.value(o.value).name);
  return s;
}

}  // namespace limn
