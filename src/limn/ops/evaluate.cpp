#include "limn/ops/evaluate.h"

#include <algorithm>

#include "limn/ops/table.h"

namespace limn {
namespace {

DType held_as(DType t, FloatWidth w) {
  if (!is_float(t)) return t;
  return w == FloatWidth::f64 ? DType::f64 : DType::f32;
}

Tensor held(const Tensor& t, FloatWidth w) {
  const DType to = held_as(t.dtype(), w);
  return to == t.dtype() ? t : t.converted(to);
}

/// A computed tensor as shape inference sees it: everything about it is known.
ValueInfo known_value(const Tensor& t, std::string name) {
  ValueInfo info{std::move(name), {t.dtype(), to_shape(t.dims())}, {}, t, {}};
  if (!is_float(t.dtype()) && t.dtype() != DType::boolean && t.dims().size() <= 1) {
    info.content.emplace();
    for (std::int64_t v : t.to_int64()) info.content->push_back(v < 0 ? Dim() : Dim(v));
  }
  return info;
}

std::vector<Schema::Inferred> concrete_types(const Node& node, std::span<const Tensor> in) {
  std::vector<ValueInfo> infos(in.size());
  std::vector<const ValueInfo*> seen;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in[i].present()) infos[i] = known_value(in[i], "input " + std::to_string(i) + " of " + node.name);
    seen.push_back(in[i].present() ? &infos[i] : nullptr);
  }
  auto types = operators().infer(node, seen);
  types.resize(node.out.size());
  return types;
}

/// Computes what `wanted` depends on, and drops each value after its last use.
class Interpreter {
 public:
  Interpreter(const Graph& graph, const std::map<std::string, Tensor>& feeds, const EvaluateOptions& options)
      : g_(graph), feeds_(feeds), options_(options), uses_(graph.value_count()) {}

  std::vector<Tensor> run(std::span<const ValueId> wanted) {
    for (ValueId v : wanted) ++uses_[index(v)];
    const std::vector<char> needed = count_uses();
    for (std::size_t k = 0; k < needed.size(); ++k)
      if (needed[k]) compute(g_.nodes()[k]);
    std::vector<Tensor> out;
    for (ValueId v : wanted) out.push_back(value(v));
    return out;
  }

 private:
  /// Which nodes have to run; counts how often each value is read by those and by the caller.
  std::vector<char> count_uses() {
    std::vector<char> needed(g_.nodes().size());
    for (std::size_t k = needed.size(); k-- > 0;) {
      const Node& node = g_.nodes()[k];
      needed[k] = std::ranges::any_of(node.out, [&](ValueId o) { return wants(o); });
      if (!needed[k]) continue;
      for (ValueId i : node.in)
        if (i != kAbsent) ++uses_[index(i)];
    }
    return needed;
  }

  /// Whether a node's output is read, and not given from outside.
  bool wants(ValueId out) const { return out != kAbsent && uses_[index(out)] > 0 && !options_.given.contains(out); }

  Tensor value(ValueId id) {
    if (const auto it = held_.find(id); it != held_.end()) return it->second;
    return held_.emplace(id, source(id)).first->second;
  }

  /// A value that no node computes here.
  Tensor source(ValueId id) const {
    if (const auto it = options_.given.find(id); it != options_.given.end())
      return held(it->second, options_.width);
    const ValueInfo& info = g_.value(id);
    if (info.constant) return held(*info.constant, options_.width);
    const auto it = feeds_.find(info.name);
    if (it == feeds_.end())
      throw Error(ErrorCode::not_found, "the input '" + info.name + "' was not given", {},
                  "feed a tensor of that name");
    check_feed(info, it->second);
    return held(it->second, options_.width);
  }

  static void check_feed(const ValueInfo& info, const Tensor& t) {
    bool fits = info.type.dtype == t.dtype() || (is_float(info.type.dtype) && is_float(t.dtype()));
    if (info.type.shape) {
      const Shape& want = *info.type.shape;
      fits = fits && want.size() == t.dims().size();
      for (std::size_t i = 0; fits && i < want.size(); ++i) fits = !want[i].known() || want[i].value == t.dims()[i];
    }
    if (fits) return;
    throw Error(ErrorCode::bad_input, "the input '" + info.name + "' is " + to_string(info.type) + ", but " +
                                          std::string(name_of(t.dtype())) + " " + to_string(std::span(t.dims())) +
                                          " was fed");
  }

  void compute(const Node& node) {
    std::vector<Tensor> in;
    for (ValueId i : node.in) in.push_back(i == kAbsent ? Tensor() : value(i));
    std::vector<Tensor> out = evaluate_node(node, in, options_.width);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (wants(node.out[i])) held_.insert_or_assign(node.out[i], std::move(out[i]));
    for (ValueId i : node.in)
      if (i != kAbsent && --uses_[index(i)] == 0) held_.erase(i);
  }

  const Graph& g_;
  const std::map<std::string, Tensor>& feeds_;
  const EvaluateOptions& options_;
  std::vector<std::uint32_t> uses_;
  std::unordered_map<ValueId, Tensor> held_;
};

}  // namespace

std::vector<Tensor> evaluate_node(const Node& node, std::span<const Tensor> in, FloatWidth width) {
  const OpDef& op = op_of(node);
  std::vector<Tensor> out;
  std::vector<TensorView> in_views;
  std::vector<MutableTensorView> out_views;
  for (const Tensor& t : in) in_views.push_back(t.view());
  for (const Schema::Inferred& o : concrete_types(node, in)) {
    if (o.type.dtype == DType::undefined || !o.type.shape || !is_known(*o.type.shape))
      throw Error(ErrorCode::unsupported, "the size of an output cannot be told",
                  "node '" + node.name + "' (" + node.op + ")");
    out.emplace_back(held_as(o.type.dtype, width), known_dims(*o.type.shape));
  }
  for (Tensor& t : out) out_views.push_back(t.mutable_view());
  op.reference({node, in_views, out_views});
  return out;
}

std::vector<Tensor> evaluate(const Graph& graph, const std::map<std::string, Tensor>& feeds,
                             std::span<const ValueId> wanted, const EvaluateOptions& options) {
  return Interpreter(graph, feeds, options).run(wanted);
}

std::map<std::string, Tensor> evaluate(const Graph& graph, const std::map<std::string, Tensor>& feeds,
                                       const EvaluateOptions& options) {
  std::vector<ValueId> wanted;
  for (const Output& o : graph.outputs()) wanted.push_back(o.value);
  const std::vector<Tensor> values = evaluate(graph, feeds, wanted, options);
  std::map<std::string, Tensor> named;
  for (std::size_t i = 0; i < values.size(); ++i) named.emplace(graph.outputs()[i].name, values[i]);
  return named;
}

}  // namespace limn
