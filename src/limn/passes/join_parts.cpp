#include "limn/passes/join_parts.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "limn/passes/node_facts.h"
#include "limn/passes/rebuild.h"

namespace limn {
namespace {

class JoinParts {
 public:
  explicit JoinParts(const Graph& graph) : graph_(graph), uses_(graph.use_counts()), rebuild_(graph) {}

  Graph run() && {
    for (const Node& node : graph_.nodes())
      if (node.op != "Add" || !join(node)) rebuild_.copy(node);
    return std::move(rebuild_).finish();
  }

 private:
  /// What a Pad puts between zeros along one axis.
  struct Part {
    ValueId of;
    std::size_t axis;
    std::int64_t begin, end;
  };

  bool join(const Node& sum) {
    std::vector<Part> parts;
    const Type& type = graph_.value(sum.out[0]).type;
    if (!type.shape || !collect(sum, type, parts)) return false;
    std::ranges::sort(parts, {}, &Part::begin);
    const std::size_t axis = parts.front().axis;
    std::int64_t filled = 0;
    std::vector<Value> in;
    for (const Part& part : parts) {
      if (part.axis != axis || part.begin != filled) return false;
      filled = part.end;
      in.push_back(rebuild_(part.of));
    }
    if ((*type.shape)[axis] != Dim(filled)) return false;
    rebuild_.replace(sum.out[0], rebuild_.to().add("Concat", in, {{"axis", static_cast<std::int64_t>(axis)}},
                                                   graph_.value(sum.out[0]).name));
    return true;
  }

  /// Whether the sum is one of parts alone, which only it reads.
  bool collect(const Node& sum, const Type& type, std::vector<Part>& parts) {
    for (const ValueId id : sum.in) {
      const ValueInfo& info = graph_.value(id);
      if (!info.producer || uses_[index(id)] != 1 || !is_same_type(info.type, type)) return false;
      const Node& node = graph_.nodes()[*info.producer];
      if (node.op == "Add") {
        if (!collect(node, type, parts)) return false;
        continue;
      }
      const auto part = part_of(node);
      if (!part) return false;
      parts.push_back(*part);
    }
    return true;
  }

  std::optional<Part> part_of(const Node& pad) {
    const auto pads = zero_pads(graph_, pad);
    if (!pads) return {};
    const auto& shape = graph_.value(pad.in[0]).type.shape;
    if (!shape) return {};
    const std::size_t rank = shape->size();
    std::optional<Part> part;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const std::int64_t front = (*pads)[axis], back = (*pads)[rank + axis];
      if (front == 0 && back == 0) continue;
      if (part || front < 0 || back < 0 || !(*shape)[axis].known()) return {};
      part = Part{pad.in[0], axis, front, front + (*shape)[axis].value};
    }
    return part;
  }

  const Graph& graph_;
  std::vector<std::uint32_t> uses_;
  Rebuild rebuild_;
};

}  // namespace

Graph join_parts(const Graph& graph) { return JoinParts(graph).run(); }

}  // namespace limn
