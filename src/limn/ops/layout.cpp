// Transpose, Expand and Tile: the same elements in another order, or repeated.
#include <numeric>

#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

/// Copies element by element: the output in order, the input by these strides.
void gather_by(const EvalContext& c, std::span<const std::int64_t> dims, const Dims& strides) {
  dispatch(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    std::size_t n = 0;
    walk<1>(dims, {strides}, [&](const auto& o) { y[n++] = x[static_cast<std::size_t>(o[0])]; });
  });
}

/// perm of a Transpose; without the attribute the axes are reversed.
std::vector<std::int64_t> permutation(const Node& node, std::size_t rank) {
  std::vector<std::int64_t> reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return node.attrs.integers("perm", std::move(reversed));
}

std::vector<Inferred> infer_transpose(const InferContext& c) {
  const Shape& x = c.shape(0);
  const auto perm = permutation(c.node, x.size());
  if (perm.size() != x.size() || axes_of(c, perm, x.size()).size() != x.size())
    throw c.wrong("the permutation " + to_string(std::span(perm)) + " does not fit " + to_string(x));
  Shape shape;
  for (std::int64_t axis : perm) shape.push_back(x[from_front(axis, x.size())]);
  return typed_as_first(c, std::move(shape));
}

void transpose_reference(const EvalContext& c) {
  const Dims own = strides_of(c.in[0].dims);
  Dims strides;
  for (std::int64_t axis : permutation(c.node, own.size())) strides.push_back(own[from_front(axis, own.size())]);
  gather_by(c, c.out[0].dims, strides);
}

std::vector<Value> transpose_vjp(const VjpContext& c) {
  const auto perm = permutation(c.node, c.in[0].shape().size());
  std::vector<std::int64_t> inverse(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i)
    inverse[from_front(perm[i], perm.size())] = static_cast<std::int64_t>(i);
  return {transpose(c.dout[0], std::move(inverse))};
}

std::vector<Inferred> infer_expand(const InferContext& c) {
  const Shape& vector = c.shape(1);
  if (vector.size() != 1 || (!vector[0].known() && !elements(c, 1)))
    throw Error(ErrorCode::unsupported, "the sizes '" + c.in[1]->name + "' are only known at run time",
                c.wrong("").where());
  const Shape wanted =
      elements(c, 1).value_or(Shape(vector[0].known() ? static_cast<std::size_t>(vector[0].value) : 0));
  return typed_as_first(c, broadcast(c, c.shape(0), wanted));
}

void expand_reference(const EvalContext& c) {
  gather_by(c, c.out[0].dims, broadcast_strides(c.in[0].dims, c.out[0].dims));
}

std::vector<Value> expand_vjp(const VjpContext& c) { return {unbroadcast(c.dout[0], c.in[0]), {}}; }

std::vector<Inferred> infer_tile(const InferContext& c) {
  Shape shape = c.shape(0);
  const auto repeats = required_integers(c, 1, "repeats");
  if (repeats.size() != shape.size())
    throw c.wrong(std::to_string(repeats.size()) + " repeats do not fit " + to_string(shape));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (repeats[i] < 0) throw c.wrong("cannot repeat " + std::to_string(repeats[i]) + " times");
    shape[i] = product(shape[i], Dim(repeats[i]));
  }
  return typed_as_first(c, std::move(shape));
}

// The output [r0 d0, r1 d1, ..] is walked as [r0, d0, r1, d1, ..], the input standing still along each r.
void tile_reference(const EvalContext& c) {
  const auto& x = c.in[0].dims;
  const Dims own = strides_of(x);
  Dims dims, strides;
  for (std::size_t i = 0; i < x.size(); ++i) {
    dims.insert(dims.end(), {x[i] == 0 ? 0 : c.out[0].dims[i] / x[i], x[i]});
    strides.insert(strides.end(), {0, own[i]});
  }
  gather_by(c, dims, strides);
}

std::vector<Value> tile_vjp(const VjpContext& c) {
  const Shape from = c.in[0].shape(), to = c.out[0].shape();
  std::vector<Value> apart;  // sizes, each a vector of one element
  std::vector<std::int64_t> repeated;
  std::int64_t place = 0;
  for (std::size_t i = 0; i < from.size(); ++i, ++place) {
    const auto axis = static_cast<std::int64_t>(i);
    if (from[i] != to[i]) {
      repeated.push_back(place++);
      apart.push_back(
          emit("Slice", {c.in[1], int64_constant(c.graph(), {axis}), int64_constant(c.graph(), {axis + 1})}));
    }
    apart.push_back(emit("Shape", {c.in[0]}, {{"start", axis}, {"end", axis + 1}}));
  }
  if (repeated.empty()) return {c.dout[0], {}};
  const Value sizes = emit("Concat", std::move(apart), {{"axis", std::int64_t{0}}});
  return {reduce_sum(reshape(c.dout[0], sizes), std::move(repeated), false), {}};
}

}  // namespace

const OpDef transpose_op{"Transpose", {1, 1}, infer_transpose, transpose_reference, transpose_vjp};
const OpDef expand_op{"Expand", {2, 2}, infer_expand, expand_reference, expand_vjp};
const OpDef tile_op{"Tile", {2, 2}, infer_tile, tile_reference, tile_vjp};

}  // namespace limn
