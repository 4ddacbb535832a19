// ScatterElements: y = data, with y[.., index[i], ..] set to or combined with updates[i] along one axis.
#include <algorithm>
#include <cstring>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

enum class Reduction { none, add, mul, max, min };

Reduction reduction_of(const Node& node) {
  const std::string name = node.attrs.text("reduction", "none");
  if (name == "none") return Reduction::none;
  if (name == "add") return Reduction::add;
  if (name == "mul") return Reduction::mul;
  if (name == "max") return Reduction::max;
  if (name == "min") return Reduction::min;
  throw Error(ErrorCode::bad_input, "the reduction is '" + name + "'", place_of(node),
              "it must be none, add, mul, max or min");
}

std::size_t axis_of(const Node& node, std::size_t rank) {
  const std::int64_t axis = node.attrs.integer("axis", 0), n = static_cast<std::int64_t>(rank);
  if (axis < -n || axis >= n)
    throw Error(ErrorCode::bad_input, "there is no axis " + std::to_string(axis), place_of(node));
  return static_cast<std::size_t>(axis < 0 ? axis + n : axis);
}

std::vector<Inferred> infer(const InferContext& c) {
  const Shape &data = c.shape(0), &indices = c.shape(1), &updates = c.shape(2);
  const std::size_t axis = axis_of(c.node, data.size());
  if (reduction_of(c.node) != Reduction::none && c.dtype(0) == DType::boolean)
    throw c.wrong("truth values cannot be added or compared");
  bool fits = indices.size() == data.size() && updates.size() == data.size() && c.dtype(0) == c.dtype(2) &&
              (c.dtype(1) == DType::i64 || c.dtype(1) == DType::i32);
  for (std::size_t i = 0; fits && i < data.size(); ++i) {
    const Dim &d = data[i], &n = indices[i], &u = updates[i];
    fits = !(n.known() && u.known() && n != u) && !(i != axis && d.known() && n.known() && n.value > d.value);
  }
  if (!fits)
    throw c.wrong("indices " + to_string(c.type(1)) + " and updates " + to_string(c.type(2)) +
                  " do not go with data " + to_string(c.type(0)));
  return {{c.type(0), {}}};
}

/// Writes one element.
template <class T>
void combine(T& y, T update, Reduction r) {
  if constexpr (!std::is_same_v<T, bool>) {
    if (r == Reduction::add) update = static_cast<T>(y + update);
    if (r == Reduction::mul) update = static_cast<T>(y * update);
    if (r == Reduction::max) update = std::max(y, update);
    if (r == Reduction::min) update = std::min(y, update);
  }
  y = update;
}

template <class T, class Index>
void scatter(const EvalContext& c, std::span<const Index> indices) {
  const auto data = c.in[0].dims, sizes = c.in[1].dims;
  const std::size_t axis = axis_of(c.node, data.size());
  const Reduction reduction = reduction_of(c.node);
  const auto updates = c.in[2].as<T>();
  const auto y = c.out[0].as<T>();
  std::vector<std::int64_t> at(data.size());  // the position of update k
  for (std::size_t k = 0; k < indices.size(); ++k) {
    const std::int64_t given = indices[k], index = given < 0 ? given + data[axis] : given;
    if (index < 0 || index >= data[axis])
      throw Error(ErrorCode::bad_input,
                  "the index " + std::to_string(given) + " lies outside an axis of " + std::to_string(data[axis]),
                  place_of(c.node));
    std::int64_t flat = 0;
    for (std::size_t i = 0; i < at.size(); ++i) flat = flat * data[i] + (i == axis ? index : at[i]);
    combine(y[static_cast<std::size_t>(flat)], updates[k], reduction);
    for (std::size_t i = at.size(); i-- > 0 && ++at[i] == sizes[i];) at[i] = 0;
  }
}

void reference(const EvalContext& c) {
  if (c.in[2].count() != c.in[1].count())
    throw Error(ErrorCode::bad_input, "there are not as many updates as indices", place_of(c.node));
  const auto bytes = static_cast<std::size_t>(c.in[0].count()) * size_of(c.in[0].dtype);
  if (bytes > 0) std::memcpy(c.out[0].bytes, c.in[0].bytes, bytes);
  dispatch(c.in[0].dtype, [&]<class T>() {
    if (c.in[1].dtype == DType::i32)
      scatter<T>(c, c.in[1].as<std::int32_t>());
    else
      scatter<T>(c, c.in[1].as<std::int64_t>());
  });
}

std::vector<Value> vjp(const VjpContext& c) {
  const Reduction reduction = reduction_of(c.node);
  if (reduction != Reduction::none && reduction != Reduction::add)
    throw Error(
        ErrorCode::unsupported,
        "scattering with the reduction '" + c.node.attrs.text("reduction", "") + "' has no derivative in limn",
        place_of(c.node), "choose a layer after this node");
  GraphBuilder& g = c.graph();
  const std::int64_t axis = c.node.attrs.integer("axis", 0);
  Value data = c.dout[0];
  if (reduction == Reduction::none && c.wants[0]) {
    const Value zeros = expand(float_constant(g, 0.0F), shape_of(c.in[1]));
    data = g.add("ScatterElements", {data, c.in[1], zeros}, {{"axis", axis}});
  }
  const Value updates = c.wants[2] ? g.add("GatherElements", {c.dout[0], c.in[1]}, {{"axis", axis}}) : Value{};
  return {data, {}, updates};
}

}  // namespace

const OpDef scatter_elements_op{"ScatterElements", {3, 3}, infer, reference, vjp};

}  // namespace limn
