// ScatterElements: y = data, with y[.., index[i], ..] set to or combined with updates[i] along one axis.
// GatherElements: y[i] = data[.., index[i], ..].
#include <cstring>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/scatter.h"

namespace limn {
namespace {

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

/// Calls f(position in data, k) for every index k: data is as input 0, the indices are input 1.
template <class Index, class F>
void for_each_index(const EvalContext& c, std::span<const Index> indices, F&& f) {
  const auto data = c.in[0].dims, sizes = c.in[1].dims;
  const std::size_t axis = axis_of(c.node, data.size());
  std::vector<std::int64_t> at(data.size());  // the position of index k among the indices
  for (std::size_t k = 0; k < indices.size(); ++k) {
    const std::int64_t given = indices[k], index = given < 0 ? given + data[axis] : given;
    if (index < 0 || index >= data[axis])
      throw Error(ErrorCode::bad_input,
                  "the index " + std::to_string(given) + " lies outside an axis of " + std::to_string(data[axis]),
                  place_of(c.node));
    std::int64_t flat = 0;
    for (std::size_t i = 0; i < at.size(); ++i) flat = flat * data[i] + (i == axis ? index : at[i]);
    f(static_cast<std::size_t>(flat), k);
    for (std::size_t i = at.size(); i-- > 0 && ++at[i] == sizes[i];) at[i] = 0;
  }
}

template <class F>
void for_each_index(const EvalContext& c, F&& f) {
  if (c.in[1].dtype == DType::i32)
    for_each_index(c, c.in[1].as<std::int32_t>(), f);
  else
    for_each_index(c, c.in[1].as<std::int64_t>(), f);
}

void reference(const EvalContext& c) {
  if (c.in[2].count() != c.in[1].count())
    throw Error(ErrorCode::bad_input, "there are not as many updates as indices", place_of(c.node));
  const auto bytes = static_cast<std::size_t>(c.in[0].count()) * size_of(c.in[0].dtype);
  if (bytes > 0) std::memcpy(c.out[0].bytes, c.in[0].bytes, bytes);
  const Reduction reduction = reduction_of(c.node);
  dispatch(c.in[0].dtype, [&]<class T>() {
    const auto updates = c.in[2].as<T>();
    const auto y = c.out[0].as<T>();
    for_each_index(c, [&](std::size_t to, std::size_t k) { combine(y[to], updates[k], reduction); });
  });
}

std::vector<Value> vjp(const VjpContext& c) { return scatter_vjp(c, "GatherElements"); }

std::vector<Inferred> infer_gather(const InferContext& c) {
  const Shape &data = c.shape(0), &indices = c.shape(1);
  const std::size_t axis = axis_of(c.node, data.size());
  bool fits = indices.size() == data.size() && (c.dtype(1) == DType::i64 || c.dtype(1) == DType::i32);
  for (std::size_t i = 0; fits && i < data.size(); ++i)
    fits = i == axis || !data[i].known() || !indices[i].known() || indices[i].value <= data[i].value;
  if (!fits) throw c.wrong("indices " + to_string(c.type(1)) + " do not go with data " + to_string(c.type(0)));
  return {{{c.dtype(0), indices}, {}}};
}

void gather_reference(const EvalContext& c) {
  dispatch(c.in[0].dtype, [&]<class T>() {
    const auto data = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for_each_index(c, [&](std::size_t from, std::size_t k) { y[k] = data[from]; });
  });
}

std::vector<Value> gather_vjp(const VjpContext& c) {
  GraphBuilder& g = c.graph();
  const Value zeros = expand(float_constant(g, 0.0F), shape_of(c.in[0]));
  return {g.add("ScatterElements", {zeros, c.in[1], c.dout[0]},
                {{"axis", c.node.attrs.integer("axis", 0)}, {"reduction", std::string("add")}}),
          {}};
}

}  // namespace

const OpDef gather_elements_op{"GatherElements", {2, 2}, infer_gather, gather_reference, gather_vjp};
const OpDef scatter_elements_op{"ScatterElements", {3, 3}, infer, reference, vjp};

}  // namespace limn
