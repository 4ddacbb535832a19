#include "limn/runtime/links.h"

#include <algorithm>
#include <limits>
#include <map>

namespace limn {
namespace {

using Kind = ChainStage::Kind;
using Form = ChainLink::Form;

Dims dims_of(const Graph& g, ValueId id) { return known_dims(*g.value(id).type.shape); }
bool is_f32(const Graph& g, ValueId id) { return g.value(id).type.dtype == DType::f32; }

/// The number in a constant of one element.
std::optional<float> scalar(const Graph& g, ValueId id) {
  const Tensor* t = id == kAbsent ? nullptr : g.constant(id);
  if (t == nullptr || t->dtype() != DType::f32 || t->count() != 1) return std::nullopt;
  return t->as<float>()[0];
}

/// A bound in input i: `otherwise` when left out, nothing when it is not constant.
std::optional<float> bound(const Graph& g, const Node& node, std::size_t i, float otherwise) {
  if (i >= node.in.size() || node.in[i] == kAbsent) return otherwise;
  return scalar(g, node.in[i]);
}

std::optional<Bounds> bounds(const Graph& g, const Node& node, std::size_t first) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto low = bound(g, node, first, -kInfinity), high = bound(g, node, first + 1, kInfinity);
  if (!low || !high) return std::nullopt;
  return Bounds{*low, *high};
}

ChainLink unary(Kind kind, float a = 0.0F, float b = 0.0F) { return {{kind, -1, a, b}}; }

std::optional<ChainLink> unary_link(const Graph& g, const Node& node) {
  static const std::map<std::string_view, Kind> kPlain{{"Relu", Kind::relu},
                                                       {"Abs", Kind::absolute},
                                                       {"Sqrt", Kind::square_root},
                                                       {"Exp", Kind::exponential},
                                                       {"Sigmoid", Kind::sigmoid},
                                                       {"Tanh", Kind::tanh},
                                                       {"HardSwish", Kind::hard_swish},
                                                       {"Erf", Kind::erf}};
  const auto real = [&](std::string_view name, double otherwise) {
    return static_cast<float>(node.attrs.real(name, otherwise));
  };
  if (const auto it = kPlain.find(node.op); it != kPlain.end()) return unary(it->second);
  if (node.op == "Gelu") return unary(is_tanh_gelu(node) ? Kind::tanh_gelu : Kind::gelu);
  if (node.op == "limn::GeluSlope") return unary(is_tanh_gelu(node) ? Kind::tanh_gelu_slope : Kind::gelu_slope);
  if (node.op == "Swish") return unary(Kind::swish, real("alpha", 1.0));
  if (node.op == "limn::SwishSlope") return unary(Kind::swish_slope, real("alpha", 1.0));
  if (node.op == "Neg") return unary(Kind::affine, -1.0F, 0.0F);
  if (node.op == "Reciprocal") return unary(Kind::inverse, 1.0F);
  if (node.op == "LeakyRelu") return unary(Kind::leaky, real("alpha", 0.01));
  if (node.op == "HardSigmoid") return unary(Kind::hard_sigmoid, real("alpha", 0.2), real("beta", 0.5));
  if (node.op == "Clip")
    if (const auto b = bounds(g, node, 1)) return unary(Kind::clip, b->low, b->high);
  return std::nullopt;
}

/// r op x or x op r with a constant x.
std::optional<ChainLink> scalar_link(const std::string& op, float x, bool main_first) {
  if (op == "Add") return unary(Kind::affine, 1.0F, x);
  if (op == "Mul") return unary(Kind::affine, x, 0.0F);
  if (op == "Sub") return main_first ? unary(Kind::affine, 1.0F, -x) : unary(Kind::affine, -1.0F, x);
  if (op == "Div") return main_first ? unary(Kind::divide_by, x) : unary(Kind::inverse, x);
  return std::nullopt;
}

/// How an operand fits beside the running value.
Form form_of(const Graph& g, ValueId id, const Dims& like) {
  if (!is_f32(g, id)) return Form::none;
  const Dims d = dims_of(g, id);
  if (d == like) return Form::full;
  if (is_per_channel(d, like) && (d.size() == 4 || g.constant(id) != nullptr)) return Form::lanes;
  // The same for every image.
  const bool without_batch = d.size() + 1 == like.size() && std::equal(d.begin(), d.end(), like.begin() + 1);
  const bool one_image =
      d.size() == like.size() && d[0] == 1 && std::equal(d.begin() + 1, d.end(), like.begin() + 1);
  return (like.size() != 4 && without_batch) || one_image ? Form::full : Form::none;
}

std::optional<ChainLink> binary_link(const Graph& g, const Node& node, ValueId main) {
  static const std::map<std::string_view, std::pair<Kind, Kind>> kKinds{
      {"Add", {Kind::add, Kind::add}},
      {"Sub", {Kind::subtract, Kind::subtract_from}},
      {"Mul", {Kind::multiply, Kind::multiply}},
      {"Div", {Kind::divide, Kind::divide_into}}};
  const auto it = kKinds.find(node.op);
  if (it == kKinds.end() || node.in.size() != 2) return std::nullopt;
  const bool main_first = node.in[0] == main;
  const ValueId other = node.in[main_first ? 1 : 0];
  const Kind kind = main_first ? it->second.first : it->second.second;
  const Form form = form_of(g, other, dims_of(g, main));
  if (const auto x = scalar(g, other); x && form != Form::full) return scalar_link(node.op, *x, main_first);
  if (form == Form::none) return std::nullopt;
  return ChainLink{{kind, 0, 0.0F, 0.0F}, form, other};
}

std::optional<ChainLink> mask_link(const Graph& g, const Node& node, ValueId main) {
  if (node.in[0] != main || node.in[1] == main || form_of(g, node.in[1], dims_of(g, main)) != Form::full)
    return std::nullopt;
  if (node.op == "limn::ReluGrad") return ChainLink{{Kind::mask_positive, 0, 0.0F, 0.0F}, Form::full, node.in[1]};
  const auto b = bounds(g, node, 2);
  if (!b) return std::nullopt;
  return ChainLink{{Kind::mask_between, 0, b->low, b->high}, Form::full, node.in[1]};
}

bool constant_statistics(const Graph& g, const Node& node) {
  return node.in.size() == 5 && std::all_of(node.in.begin() + 1, node.in.end(), [&](ValueId i) {
           return i != kAbsent && g.constant(i) != nullptr && is_f32(g, i);
         });
}

}  // namespace

bool is_per_channel(const Dims& d, const Dims& like) {
  if (like.size() != 4 || d.size() < 3 || d.size() > 4) return false;
  const std::size_t c = d.size() - 3;
  const bool images = d.size() == 3 || d[0] == 1 || d[0] == like[0];
  return images && d[c] == like[1] && d[c + 1] == 1 && d[c + 2] == 1;
}

bool is_mask(const Node& node) { return node.op == "limn::ReluGrad" || node.op == "limn::ClipGrad"; }

bool is_tanh_gelu(const Node& node) { return node.attrs.text("approximate", "none") == "tanh"; }

bool is_along_channels(const Node& node) {
  const std::int64_t axis = node.attrs.integer("axis", 0);
  return axis == 1 || axis == -3;
}

std::vector<std::int64_t> reduced_axes(const Graph& graph, const Node& node) {
  if (node.op == "GlobalAveragePool" || node.op == "GlobalMaxPool") return {2, 3};
  const Tensor* t = node.in.size() < 2 || node.in[1] == kAbsent ? nullptr : graph.constant(node.in[1]);
  std::vector<std::int64_t> axes = t == nullptr ? std::vector<std::int64_t>{} : t->to_int64();
  for (std::int64_t& a : axes) a = (a + 4) % 4;
  std::ranges::sort(axes);
  return axes;
}

std::optional<PlaneSum> plane_sum(const Graph& graph, const Node& node) {
  const bool mean = node.op == "GlobalAveragePool" || node.op == "ReduceMean";
  if (!mean && node.op != "ReduceSum") return std::nullopt;
  const Dims from = dims_of(graph, node.in[0]), to = dims_of(graph, node.out[0]);
  if (!is_f32(graph, node.in[0]) || from.size() != 4 || to.size() != 4) return std::nullopt;
  return reduced_axes(graph, node) == std::vector<std::int64_t>{2, 3} ? std::optional(PlaneSum{mean})
                                                                      : std::nullopt;
}

std::optional<Bounds> rectifier_bounds(const Graph& graph, const Node& node) {
  if (node.op == "Relu") return Bounds{0.0F, std::numeric_limits<float>::infinity()};
  return node.op == "Clip" ? bounds(graph, node, 1) : std::nullopt;
}

std::optional<ChainLink> link_of(const Graph& graph, const Node& node, ValueId main) {
  if (!is_f32(graph, main) || node.out.empty() || node.out[0] == kAbsent || !is_f32(graph, node.out[0]))
    return std::nullopt;
  if (dims_of(graph, main) != dims_of(graph, node.out[0])) return std::nullopt;
  if (is_mask(node)) return mask_link(graph, node, main);
  if (node.op == "BatchNormalization") {
    if (node.in[0] != main || dims_of(graph, main).size() != 4 || !constant_statistics(graph, node))
      return std::nullopt;
    return ChainLink{{Kind::multiply, 0, 0.0F, 0.0F}, Form::batch_norm, kAbsent};
  }
  if (node.in[0] == main)
    if (const auto link = unary_link(graph, node)) return link;
  return binary_link(graph, node, main);
}

std::optional<ValueId> chain_start(const Graph& graph, const Node& node) {
  for (const ValueId id : node.in)
    if (id != kAbsent && graph.constant(id) == nullptr && link_of(graph, node, id)) return id;
  return std::nullopt;
}

}  // namespace limn
