#include "limn/passes/simplify.h"

#include <algorithm>

#include "limn/passes/node_facts.h"
#include "limn/passes/rebuild.h"

namespace limn {
namespace {

/// Constants of more elements than this are not searched for zeros and ones.
constexpr std::int64_t kSearched = 1 << 20;

bool is_all(const Tensor* t, float value) {
  if (t == nullptr || t->dtype() != DType::f32 || t->count() > kSearched) return false;
  return std::ranges::all_of(t->as<float>(), [&](float v) { return v == value; });
}

class Simplify {
 public:
  explicit Simplify(const Graph& graph) : graph_(graph), uses_(graph.use_counts()), rebuild_(graph) {}

  Graph run() {
    for (const Node& node : graph_.nodes()) {
      if (const Value same = unchanged(node))
        rebuild_.replace(node.out[0], same);
      else if (!join_transposes(node) && !untranspose(node) && !mask_pooled(node) && !pool_first(node) &&
               !spread_last(node))
        rebuild_.copy(node);
    }
    return std::move(rebuild_).finish();
  }

 private:
  using Ids = std::vector<ValueId>;

  bool same_type(ValueId a, ValueId b) const { return is_same_type(graph_.value(a).type, graph_.value(b).type); }
  const Tensor* constant_in(const Node& node, std::size_t i) {
    return i < node.in.size() && node.in[i] != kAbsent ? rebuild_.constant(node.in[i]) : nullptr;
  }
  /// Whether the input is that number everywhere, repeated to its size or not.
  bool consists_of(const Node& node, std::size_t i, float value) {
    if (i >= node.in.size() || node.in[i] == kAbsent) return false;
    ValueId id = node.in[i];
    for (const Node* p = producer_of(graph_, id); p != nullptr && p->op == "Expand"; p = producer_of(graph_, id))
      id = p->in[0];
    return is_all(rebuild_.constant(id), value);
  }

  /// The input that the node only repeats; empty when it does something.
  Value unchanged(const Node& node) {
    if (node.in.empty() || node.in[0] == kAbsent || !has_one_output(node)) return {};
    if (node.op == "Identity" || (node.op == "Dropout" && !trains(node))) return rebuild_(node.in[0]);
    if (const Node* repeated = undone(node)) return rebuild_(repeated->in[0]);
    const bool first = same_type(node.in[0], node.out[0]);
    if (first && repeats_first(node)) return rebuild_(node.in[0]);
    const bool second = node.in.size() == 2 && same_type(node.in[1], node.out[0]);
    const float neutral = node.op == "Mul" ? 1.0F : 0.0F;
    if (second && (node.op == "Mul" || node.op == "Add") && consists_of(node, 0, neutral))
      return rebuild_(node.in[1]);
    return {};
  }

  /// The Expand before a mean (or maximum) that brings it back to its old shape: every element meets copies of
  /// itself.
  const Node* undone(const Node& node) const {
    static constexpr std::string_view kAverages[] = {"ReduceMean", "ReduceMax", "ReduceMin", "GlobalAveragePool",
                                                     "GlobalMaxPool"};
    if (std::ranges::find(kAverages, node.op) == std::end(kAverages)) return nullptr;
    const Node* expand = producer_of(graph_, node.in[0]);
    return expand != nullptr && expand->op == "Expand" && same_type(expand->in[0], node.out[0]) ? expand : nullptr;
  }

  bool trains(const Node& node) {
    const Tensor* mode = constant_in(node, 2);
    return node.in.size() > 2 && node.in[2] != kAbsent && (mode == nullptr || mode->as<bool>()[0]);
  }

  /// For a node whose output has the type of its first input.
  bool repeats_first(const Node& node) {
    static constexpr std::string_view kReshaping[] = {"Reshape",   "Flatten", "Squeeze",
                                                      "Unsqueeze", "Expand",  "Cast"};
    if (std::ranges::find(kReshaping, node.op) != std::end(kReshaping)) return true;
    if (node.op == "Concat" || node.op == "Sum") return node.in.size() == 1;
    if (node.op == "Add" || node.op == "Sub") return consists_of(node, 1, 0.0F);
    if (node.op == "Mul" || node.op == "Div") return consists_of(node, 1, 1.0F);
    if (node.op == "Transpose") return std::ranges::is_sorted(node.attrs.integers("perm", {1, 0}));
    if (node.op == "Slice") return forward_slice(node);
    if (node.op == "Pad") return pads_nothing(constant_in(node, 1));
    if (node.op == "AveragePool" || node.op == "MaxPool" || node.op == "limn::AveragePoolGrad")
      return all_equal(node.attrs.integers("kernel_shape"), 1) && all_equal(node.attrs.integers("strides"), 1) &&
             all_equal(node.attrs.integers("pads"), 0);
    return false;
  }

  static bool pads_nothing(const Tensor* pads) {
    return pads != nullptr && std::ranges::all_of(pads->to_int64(), [](std::int64_t p) { return p == 0; });
  }

  /// A slice of all elements keeps their order unless a step is negative.
  bool forward_slice(const Node& node) {
    if (node.in.size() < 5 || node.in[4] == kAbsent) return true;
    const Tensor* steps = constant_in(node, 4);
    return steps != nullptr && std::ranges::all_of(steps->to_int64(), [](std::int64_t s) { return s > 0; });
  }

  /// Transpose(Transpose(x)) becomes one Transpose, or nothing where the second undoes the first.
  bool join_transposes(const Node& node) {
    if (node.op != "Transpose") return false;
    const Node* first = producer_of(graph_, node.in[0]);
    if (first == nullptr || first->op != "Transpose") return false;
    const auto inner = first->attrs.integers("perm"), outer = node.attrs.integers("perm");
    if (inner.empty() || inner.size() != outer.size()) return false;
    std::vector<std::int64_t> both;
    for (const std::int64_t axis : outer) {
      if (axis < 0) return false;
      both.push_back(inner[static_cast<std::size_t>(axis)]);
    }
    if (std::ranges::any_of(both, [](std::int64_t axis) { return axis < 0; })) return false;
    const Value x = rebuild_(first->in[0]);
    if (std::ranges::is_sorted(both))
      rebuild_.replace(node.out[0], x);
    else
      rebuild_.append({"Transpose", node.name, {x.id}, {}, {{"perm", both}}}, node.out[0]);
    return true;
  }

  /// x * transpose(W) for a constant matrix W becomes Gemm(x, W, transB = 1), which reads W as it lies.
  bool untranspose(const Node& node) {
    const bool gemm = node.op == "Gemm";
    if ((!gemm && node.op != "MatMul") || graph_.shape(node.in[0]).size() != 2) return false;
    const Node* t = producer_of(graph_, node.in[1]);
    if (t == nullptr || t->op != "Transpose" || graph_.shape(node.in[1]).size() != 2) return false;
    const auto perm = t->attrs.integers("perm", {1, 0});
    if (perm != std::vector<std::int64_t>{1, 0} || rebuild_.constant(t->in[0]) == nullptr) return false;
    Attrs attrs = gemm ? node.attrs : Attrs();
    attrs.set("transB", std::int64_t{1} - attrs.integer("transB", 0));
    Node fresh{"Gemm", node.name, {rebuild_(node.in[0]).id, rebuild_(t->in[0]).id}, {}, attrs};
    if (gemm && node.in.size() > 2) fresh.in.push_back(rebuild_(node.in[2]).id);
    rebuild_.append(std::move(fresh), node.out[0]);
    return true;
  }

  /// ReluGrad(MaxPoolGrad(dy, y), y) with y = Relu(x) equals MaxPoolGrad(ReluGrad(dy, MaxPool(y)), y): the maximum
  /// of a window is positive exactly where the element that takes the cotangent is. A Relu between the two, of
  /// guided backpropagation, stays behind them: masking and cutting off commute.
  bool mask_pooled(const Node& node) {
    if (node.op != "limn::ReluGrad") return false;
    const Node* last = made_for_one(node.in[0]);
    const bool guided = last != nullptr && last->op == "Relu";
    const Node* grad = guided ? made_for_one(last->in[0]) : last;
    const Node* rectifier = producer_of(graph_, node.in[1]);
    if (grad == nullptr || grad->op != "limn::MaxPoolGrad" || grad->in[1] != node.in[1]) return false;
    if (rectifier == nullptr || rectifier->op != "Relu") return false;
    const auto pooled = pooled_of(node.in[1], *grad);
    if (!pooled) return false;
    const Value masked =
        with_name({"limn::ReluGrad", {}, {rebuild_(grad->in[0]).id, pooled->id}, {}, {}}, node.out[0], "/pooled");
    Node spread{"limn::MaxPoolGrad", grad->name + "/masked", {masked.id, rebuild_(node.in[1]).id}, {}, grad->attrs};
    if (guided) spread = {"Relu", last->name + "/masked", {add(std::move(spread)).id}, {}, {}};
    rebuild_.append(std::move(spread), node.out[0]);
    return true;
  }

  /// The node that makes a value for one reader alone; nullptr otherwise.
  const Node* made_for_one(ValueId id) const { return uses_[index(id)] == 1 ? producer_of(graph_, id) : nullptr; }

  /// Appends a node whose output has its name.
  Value add(Node node) {
    const std::string name = node.name;
    return rebuild_.to().add_node(std::move(node), {name}).front();
  }

  /// The output of the MaxPool of `y` whose gradient `grad` is.
  std::optional<Value> pooled_of(ValueId y, const Node& grad) {
    for (const Node& node : graph_.nodes()) {
      if (node.op != "MaxPool" || node.in[0] != y || !has_one_output(node)) continue;
      if (graph_.value(node.out[0]).type == graph_.value(grad.in[0]).type && same_window(node, grad))
        return rebuild_(node.out[0]);
    }
    return std::nullopt;
  }

  static bool same_window(const Node& a, const Node& b) {
    static constexpr std::string_view kLists[] = {"kernel_shape", "strides", "pads", "dilations"};
    for (const std::string_view name : kLists)
      if (a.attrs.integers(name) != b.attrs.integers(name)) return false;
    return a.attrs.integer("ceil_mode", 0) == b.attrs.integer("ceil_mode", 0) &&
           a.attrs.text("auto_pad", "NOTSET") == b.attrs.text("auto_pad", "NOTSET");
  }

  bool has_pointwise_weights(const Node& conv) {
    const Tensor* w = constant_in(conv, 1);
    return w != nullptr && is_pointwise(conv, w->dims());
  }
  const Node* only_reader_of(std::string_view op, ValueId id) const {
    const Node* p = producer_of(graph_, id);
    return p != nullptr && p->op == op && uses_[index(id)] == 1 ? p : nullptr;
  }
  Value with_name(Node fresh, ValueId like, std::string_view suffix) {
    fresh.name = graph_.value(like).name + std::string(suffix);
    return add(std::move(fresh));
  }

  /// AveragePool(Conv(x)) becomes Conv(AveragePool(x)): both are linear, and the average of a constant is itself.
  bool pool_first(const Node& node) {
    if (node.op != "AveragePool" || !pools_evenly(node)) return false;
    const Node* conv = only_reader_of("Conv", node.in[0]);
    if (conv == nullptr || !has_pointwise_weights(*conv)) return false;
    const Value pooled =
        with_name({"AveragePool", {}, {rebuild_(conv->in[0]).id}, {}, node.attrs}, node.out[0], "/pooled");
    Node fresh{"Conv", conv->name + "/pooled", {pooled.id}, {}, conv->attrs};
    for (std::size_t i = 1; i < conv->in.size(); ++i) fresh.in.push_back(rebuild_(conv->in[i]).id);
    rebuild_.append(std::move(fresh), node.out[0]);
    return true;
  }

  /// The same for the gradient: ConvGrad(AveragePoolGrad(dy)) becomes AveragePoolGrad(ConvGrad(dy)).
  bool spread_last(const Node& node) {
    if (node.op != "limn::ConvGrad" || !has_pointwise_weights(node)) return false;
    const Node* pool = only_reader_of("limn::AveragePoolGrad", node.in[0]);
    if (pool == nullptr || !pools_evenly(*pool)) return false;
    const Shape &x = graph_.shape(node.out[0]), &dy = graph_.shape(pool->in[0]);
    if (!is_known(x) || !is_known(dy)) return false;
    const Value small =
        rebuild_.to().constant(Tensor::of<std::int64_t>({4}, {x[0].value, x[1].value, dy[2].value, dy[3].value}),
                               graph_.value(node.out[0]).name + "/sizes");
    Node conv{"limn::ConvGrad", {}, {rebuild_(pool->in[0]).id, rebuild_(node.in[1]).id, small.id}, {}, node.attrs};
    const Value d = with_name(std::move(conv), node.out[0], "/pooled");
    rebuild_.append(
        {"limn::AveragePoolGrad", pool->name + "/spread", {d.id, rebuild_(node.in[2]).id}, {}, pool->attrs},
        node.out[0]);
    return true;
  }

  const Graph& graph_;
  std::vector<std::uint32_t> uses_;
  Rebuild rebuild_;
};

}  // namespace

Graph simplify(const Graph& graph) { return Simplify(graph).run(); }

}  // namespace limn
