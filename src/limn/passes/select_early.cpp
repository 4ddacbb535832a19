#include "limn/passes/select_early.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "limn/ops/infer.h"
#include "limn/passes/node_facts.h"
#include "limn/passes/rebuild.h"

namespace limn {
namespace {

/// The positions [begin, begin + count) of an axis.
struct Rows {
  std::size_t axis = 0;
  std::int64_t begin = 0, count = 0;
  friend auto operator<=>(const Rows&, const Rows&) = default;
};
/// What is wanted of a value: rows, or all of it.
using Part = std::optional<Rows>;

/// What a node reads of its inputs to compute some rows of its result.
class Reading {
 public:
  explicit Reading(const Graph& graph) : graph_(graph) {}

  /// One part per input; nothing where the node cannot compute rows of its result alone.
  std::optional<std::vector<Part>> of(const Node& node, const Rows& rows) const {
    if (!has_one_output(node) || !sizes(node.out[0]) || node.in.empty() || !sizes(node.in[0])) return std::nullopt;
    if (is_by_element(node.op)) return broadcast(node, rows);
    if (node.op == "MatMul") return matmul(node, rows);
    if (node.op == "Gemm") return gemm(node, rows);
    if (node.op == "LayerNormalization") return before(node, rows, axis(node, "axis", -1));
    if (node.op == "Softmax" || node.op == "LogSoftmax") return beside(node, rows, axis(node, "axis", -1));
    if (node.op == "Transpose") return transposed(node, rows);
    if (is_reshaping(node)) return reshaped(node, rows);
    return std::nullopt;
  }

  static bool is_reshaping(const Node& node) {
    static constexpr std::string_view kOps[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"};
    return std::ranges::find(kOps, node.op) != std::end(kOps);
  }
  static bool is_costly(const Node& node) {
    return node.op == "MatMul" || node.op == "Gemm" || node.op == "LayerNormalization";
  }

  /// The sizes of a value of floats; nothing where one is unknown.
  std::optional<Dims> sizes(ValueId id) const {
    if (id == kAbsent) return std::nullopt;
    const Type& type = graph_.value(id).type;
    if (!is_float(type.dtype) || !type.shape || !is_known(*type.shape)) return std::nullopt;
    return known_dims(*type.shape);
  }

  /// The neighbouring positions of one axis that a Gather or Slice takes.
  std::optional<Rows> selected(const Node& node) const {
    if (!has_one_output(node) || node.in.empty()) return std::nullopt;
    const auto x = sizes(node.in[0]);
    if (!x || x->empty()) return std::nullopt;
    if (node.op == "Gather") return gathered(node, *x);
    if (node.op == "Slice") return sliced(node, *x);
    return std::nullopt;
  }

 private:
  std::size_t axis(const Node& node, std::string_view name, std::int64_t otherwise) const {
    return from_front(node.attrs.integer(name, otherwise), graph_.shape(node.in[0]).size());
  }
  static std::vector<Part> first_alone(const Node& node, const Rows& rows) {
    std::vector<Part> parts(node.in.size());
    parts[0] = rows;
    return parts;
  }

  /// Of an input that is repeated along the axis, or lacks it, all is read.
  Part of_operand(ValueId id, const Rows& rows, std::size_t rank) const {
    const Shape& shape = graph_.shape(id);
    const std::size_t missing = rank - shape.size();
    if (rows.axis < missing || shape[rows.axis - missing] == Dim(1)) return std::nullopt;
    return Rows{rows.axis - missing, rows.begin, rows.count};
  }
  std::optional<std::vector<Part>> broadcast(const Node& node, const Rows& rows) const {
    if (node.op == "Dropout" && node.in.size() > 2) return std::nullopt;  // it may draw
    const std::size_t rank = graph_.shape(node.out[0]).size();
    std::vector<Part> parts;
    for (const ValueId id : node.in) {
      if (id != kAbsent && !sizes(id)) return std::nullopt;
      parts.push_back(id == kAbsent ? Part() : of_operand(id, rows, rank));
    }
    return parts;
  }

  std::optional<std::vector<Part>> matmul(const Node& node, const Rows& rows) const {
    const auto a = sizes(node.in[0]), b = sizes(node.in[1]);
    const std::size_t rank = graph_.shape(node.out[0]).size();
    if (!b || a->size() < 2 || b->size() < 2 || rows.axis + 1 == rank) return std::nullopt;
    if (rows.axis + 2 == rank) return first_alone(node, Rows{a->size() - 2, rows.begin, rows.count});
    return std::vector<Part>{of_operand(node.in[0], rows, rank), of_operand(node.in[1], rows, rank)};
  }
  std::optional<std::vector<Part>> gemm(const Node& node, const Rows& rows) const {
    if (rows.axis != 0 || node.attrs.integer("transA", 0) != 0) return std::nullopt;
    std::vector<Part> parts = first_alone(node, rows);
    if (node.in.size() > 2 && node.in[2] != kAbsent) parts[2] = of_operand(node.in[2], rows, 2);
    return parts;
  }

  static std::optional<std::vector<Part>> before(const Node& node, const Rows& rows, std::size_t axis) {
    return rows.axis < axis ? std::optional(first_alone(node, rows)) : std::nullopt;
  }
  static std::optional<std::vector<Part>> beside(const Node& node, const Rows& rows, std::size_t axis) {
    return rows.axis != axis ? std::optional(first_alone(node, rows)) : std::nullopt;
  }

  std::optional<std::vector<Part>> transposed(const Node& node, const Rows& rows) const {
    const std::size_t rank = graph_.shape(node.in[0]).size();
    const auto perm = node.attrs.integers("perm");
    const std::size_t from = perm.empty() ? rank - 1 - rows.axis : from_front(perm[rows.axis], rank);
    return first_alone(node, {from, rows.begin, rows.count});
  }

  /// Neighbouring positions of an axis stay neighbours where the elements before the axis are as many as those
  /// before some axis of the input, and the elements of the rows are whole positions of that.
  std::optional<std::vector<Part>> reshaped(const Node& node, const Rows& rows) const {
    const Dims in = *sizes(node.in[0]), out = *sizes(node.out[0]);
    const auto elements = [](const Dims& dims, std::size_t begin, std::size_t end) {
      return element_count(
          Dims(dims.begin() + static_cast<std::ptrdiff_t>(begin), dims.begin() + static_cast<std::ptrdiff_t>(end)));
    };
    const std::int64_t outer = elements(out, 0, rows.axis), inner = elements(out, rows.axis + 1, out.size());
    for (std::size_t axis = 0; axis < in.size(); ++axis) {
      const std::int64_t each = elements(in, axis + 1, in.size());
      if (in[axis] == 1 || each == 0 || elements(in, 0, axis) != outer) continue;
      const std::int64_t begin = rows.begin * inner, count = rows.count * inner;
      if (begin % each != 0 || count % each != 0) return std::nullopt;
      return first_alone(node, {axis, begin / each, count / each});
    }
    return std::nullopt;
  }

  std::optional<std::vector<std::int64_t>> integers(const Node& node, std::size_t i) const {
    if (i >= node.in.size() || node.in[i] == kAbsent) return std::nullopt;
    const Tensor* t = graph_.constant(node.in[i]);
    return t == nullptr ? std::nullopt : std::optional(t->to_int64());
  }
  std::optional<Rows> gathered(const Node& node, const Dims& x) const {
    const auto at = integers(node, 1);
    if (!at || at->size() != 1 || graph_.shape(node.in[1]).size() > 1) return std::nullopt;
    const std::size_t axis = this->axis(node, "axis", 0);
    const std::int64_t begin = at->front() < 0 ? at->front() + x[axis] : at->front();
    return Rows{axis, begin, 1};
  }
  std::optional<Rows> sliced(const Node& node, const Dims& x) const {
    const auto starts = integers(node, 1), axes = integers(node, 3), steps = integers(node, 4);
    if (!starts || starts->size() != 1 || (node.in.size() > 3 && !axes)) return std::nullopt;
    if (node.in.size() > 4 && (!steps || steps->front() != 1)) return std::nullopt;
    const std::size_t axis = from_front(axes ? axes->front() : 0, x.size());
    const Shape& y = graph_.shape(node.out[0]);
    if (!is_known(y)) return std::nullopt;
    const std::int64_t start = starts->front() < 0 ? starts->front() + x[axis] : starts->front();
    return Rows{axis, std::clamp<std::int64_t>(start, 0, x[axis]), y[axis].value};
  }

  const Graph& graph_;
};

class SelectEarly {
 public:
  SelectEarly(const Graph& graph, std::span<const std::string> keep)
      : graph_(graph), reading_(graph), wanted_(graph.value_count()), rows_(graph.nodes().size()) {
    for (const Output& o : graph.outputs()) want(o.value, {});
    for (const std::string& name : keep)
      if (const auto v = graph.find(name)) want(*v, {});
  }

  Graph run() {
    for (std::size_t k = graph_.nodes().size(); k-- > 0;) visit(k);
    for (std::size_t k = 0; k < rows_.size(); ++k)
      if (rows_[k] && Reading::is_costly(graph_.nodes()[k])) return rebuilt();
    return graph_;
  }

 private:
  struct Wanted {
    bool read = false;
    Part part;
  };

  void want(ValueId id, const Part& part) {
    if (id == kAbsent) return;
    Wanted& w = wanted_[index(id)];
    if (!w.read)
      w = {true, part};
    else if (w.part != part)
      w.part = {};
  }

  /// Decides, all readers of its result being known, which rows node `k` computes.
  void visit(std::size_t k) {
    const Node& node = graph_.nodes()[k];
    const Wanted wanted = has_one_output(node) ? wanted_[index(node.out[0])] : Wanted();
    const auto parts = wanted.part ? reading_.of(node, *wanted.part) : std::nullopt;
    if (parts) {
      rows_[k] = wanted.part;
      for (std::size_t i = 0; i < node.in.size(); ++i) want(node.in[i], (*parts)[i]);
      return;
    }
    const auto selected = reading_.selected(node);
    const bool few = selected && selected->count * 4 <= graph_.shape(node.in[0])[selected->axis].value;
    for (std::size_t i = 0; i < node.in.size(); ++i) want(node.in[i], i == 0 && few ? Part(*selected) : Part());
  }

  /// The rows that the new graph holds of a value; nothing where it holds all of it.
  Part held(ValueId id) const {
    const auto& producer = graph_.value(id).producer;
    return producer ? rows_[*producer] : Part();
  }

  Graph rebuilt() {
    Rebuild rebuild(graph_);
    for (std::size_t k = 0; k < rows_.size(); ++k) {
      const Node& node = graph_.nodes()[k];
      if (rows_[k])
        narrow(rebuild, node, *rows_[k]);
      else if (const Part part = node.in.empty() || node.in[0] == kAbsent ? Part() : held(node.in[0]))
        rebuild.replace(node.out[0], selection(rebuild, node));
      else
        rebuild.copy(node);
    }
    return std::move(rebuild).finish();
  }

  /// The result of a selection whose rows are all that is there: only an axis of size 1 may have to go.
  Value selection(Rebuild& rebuild, const Node& node) const {
    const Value x = rebuild(node.in[0]);
    const Dims want = known_dims(graph_.shape(node.out[0]));
    if (known_dims(x.shape()) == want) return x;
    return reshape(rebuild, x, want, node);
  }
  Value reshape(Rebuild& rebuild, Value x, const Dims& dims, const Node& node) const {
    const std::string& name = graph_.value(node.out[0]).name;
    const auto rank = static_cast<std::int64_t>(dims.size());
    const Value sizes = rebuild.to().constant(Tensor::of<std::int64_t>({rank}, dims), name + "/sizes");
    return rebuild.to().add_node({"Reshape", node.name, {x.id, sizes.id}, {}, {}}, {name}).front();
  }

  void narrow(Rebuild& rebuild, const Node& node, const Rows& rows) {
    const std::vector<Part> parts = *reading_.of(node, rows);
    if (Reading::is_reshaping(node)) {
      Dims dims = known_dims(graph_.shape(node.out[0]));
      dims[rows.axis] = rows.count;
      rebuild.replace(node.out[0], reshape(rebuild, part_of(rebuild, node.in[0], parts[0]), dims, node));
      return;
    }
    Node fresh{node.op, node.name, {}, {}, node.attrs};
    for (std::size_t i = 0; i < node.in.size(); ++i) fresh.in.push_back(part_of(rebuild, node.in[i], parts[i]).id);
    rebuild.append(std::move(fresh), node.out[0]);
  }

  Value part_of(Rebuild& rebuild, ValueId id, const Part& part) {
    if (id == kAbsent || !part || held(id) == part) return rebuild(id);
    const auto [it, fresh] = slices_.try_emplace({id, *part});
    if (!fresh) return it->second;
    GraphBuilder& g = rebuild.to();
    const auto number = [&](std::int64_t n) { return g.constant(Tensor::of<std::int64_t>({1}, {n})); };
    const Value begin = number(part->begin), end = number(part->begin + part->count);
    return it->second = g.add("Slice", {rebuild(id), begin, end, number(static_cast<std::int64_t>(part->axis))}, {},
                              graph_.value(id).name + "/rows");
  }

  const Graph& graph_;
  Reading reading_;
  std::vector<Wanted> wanted_;  ///< by value
  std::vector<Part> rows_;      ///< by node: the rows it computes
  std::map<std::pair<ValueId, Rows>, Value> slices_;
};

}  // namespace

Graph select_early(const Graph& graph, std::span<const std::string> keep) { return SelectEarly(graph, keep).run(); }

}  // namespace limn
