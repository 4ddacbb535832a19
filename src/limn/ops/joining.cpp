// Concat and Split.
#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

std::vector<Inferred> infer_concat(const InferContext& c) {
  Shape shape = c.shape(0);
  const std::size_t axis = axis_of(c, c.node.attrs.integer("axis", 0), shape.size());
  std::optional<std::vector<Dim>> content = elements(c, 0);
  for (std::size_t i = 1; i < c.count(); ++i) {
    const Shape& x = c.shape(i);
    require_same_type(c, 0, i);
    bool fits = x.size() == shape.size();
    for (std::size_t d = 0; fits && d < x.size(); ++d) {
      if (d == axis) continue;
      fits = !x[d].known() || !shape[d].known() || x[d] == shape[d];
      if (!shape[d].known() && (x[d].known() || shape[d] == Dim())) shape[d] = x[d];
    }
    if (!fits)
      throw c.wrong("cannot join " + to_string(c.shape(0)) + " and " + to_string(x) + " along axis " +
                    std::to_string(axis));
    shape[axis] = sum(shape[axis], x[axis]);
    const auto more = elements(c, i);
    if (content && more)
      content->insert(content->end(), more->begin(), more->end());
    else
      content.reset();
  }
  return {{{c.dtype(0), std::move(shape)}, std::move(content)}};
}

/// The sizes of a tensor around an axis: how many blocks lie before it, and how many bytes one index of it spans.
struct Blocks {
  std::int64_t before = 1;
  std::int64_t bytes = 0;
};
Blocks blocks(std::span<const std::int64_t> dims, std::size_t axis, DType dtype) {
  return {element_count(dims.first(axis)),
          element_count(dims.subspan(axis + 1)) * static_cast<std::int64_t>(size_of(dtype))};
}

void concat_reference(const EvalContext& c) {
  const MutableTensorView& y = c.out[0];
  const std::size_t axis = from_front(c.node.attrs.integer("axis", 0), y.dims.size());
  const Blocks b = blocks(y.dims, axis, y.dtype);
  std::byte* to = y.bytes;
  for (std::int64_t k = 0; k < b.before; ++k)
    for (const TensorView& x : c.in) {
      const std::int64_t n = x.dims[axis] * b.bytes;
      to = std::copy_n(x.bytes + k * n, n, to);
    }
}

/// Where input i of a Concat begins along its axis, if that can be told.
std::optional<std::int64_t> offset_of(const VjpContext& c, std::size_t axis, std::size_t i) {
  Dim at(0);
  for (std::size_t k = 0; k < i; ++k) at = sum(at, c.in[k].shape()[axis]);
  const Dim end = sum(at, c.in[i].shape()[axis]);
  return at.known() && end.known() ? std::optional(at.value) : std::nullopt;
}

/// All cotangents at once, for inputs whose sizes are only known at run time.
std::vector<Value> split_at_run_time(const VjpContext& c, std::size_t axis) {
  const auto a = static_cast<std::int64_t>(axis);
  std::vector<Value> sizes;
  for (const Value& x : c.in) sizes.push_back(emit("Shape", {x}, {{"start", a}, {"end", a + 1}}));
  const Value split = emit("Concat", std::move(sizes), {{"axis", std::int64_t{0}}});
  auto parts = c.graph().add_many("Split", {c.dout[0], split}, {{"axis", a}}, c.in.size());
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!c.wants[i]) parts[i] = {};
  return parts;
}

std::vector<Value> concat_vjp(const VjpContext& c) {
  GraphBuilder& g = c.graph();
  const std::size_t axis = from_front(c.node.attrs.integer("axis", 0), c.out[0].shape().size());
  std::vector<Value> din(c.in.size());
  for (std::size_t i = 0; i < din.size(); ++i) {
    if (!c.wants[i]) continue;
    const auto at = offset_of(c, axis, i);
    if (!at) return split_at_run_time(c, axis);
    din[i] =
        emit("Slice", {c.dout[0], int64_constant(g, {*at}), int64_constant(g, {*at + c.in[i].shape()[axis].value}),
                       int64_constant(g, {static_cast<std::int64_t>(axis)})});
  }
  return din;
}

/// Sizes of the parts: as listed in input 1, or num_outputs parts of which the last may be smaller.
std::vector<Dim> part_sizes(const InferContext& c, const Dim& whole) {
  if (c.has(1)) {
    const Shape& list = c.shape(1);
    if (auto sizes = elements(c, 1)) return *std::move(sizes);
    if (list.size() == 1 && list[0].known()) return Shape(static_cast<std::size_t>(list[0].value));
    required_integers(c, 1, "sizes of the parts");
  }
  const std::int64_t n = c.node.attrs.integer("num_outputs", 0);
  if (n < 1) throw c.wrong("needs the sizes of its parts, or their number in the attribute num_outputs");
  const auto parts = static_cast<std::size_t>(n);
  if (!whole.known()) return std::vector<Dim>(parts, quotient(whole, Dim(n)));
  const std::int64_t size = (whole.value + n - 1) / n;
  std::vector<Dim> sizes(parts, Dim(size));
  const std::int64_t last = whole.value - size * (n - 1);
  if (last < 0)
    throw c.wrong("cannot split a size of " + std::to_string(whole.value) + " into " + std::to_string(n) +
                  " parts");
  sizes.back() = last;
  return sizes;
}

std::vector<Inferred> infer_split(const InferContext& c) {
  const Shape& x = c.shape(0);
  const std::size_t axis = axis_of(c, c.node.attrs.integer("axis", 0), x.size());
  std::vector<Inferred> out;
  Dim total(0);
  for (const Dim& size : part_sizes(c, x[axis])) {
    total = sum(total, size);
    Shape shape = x;
    shape[axis] = size;
    out.push_back({{c.dtype(0), std::move(shape)}, {}});
  }
  if (total.known() && x[axis].known() && total != x[axis])
    throw c.wrong("parts of " + std::to_string(total.value) + " in all do not fill axis " + std::to_string(axis) +
                  " of " + to_string(x));
  return out;
}

void split_reference(const EvalContext& c) {
  const TensorView& x = c.in[0];
  const std::size_t axis = from_front(c.node.attrs.integer("axis", 0), x.dims.size());
  const Blocks b = blocks(x.dims, axis, x.dtype);
  for (std::int64_t k = 0; k < b.before; ++k) {
    const std::byte* from = x.bytes + k * x.dims[axis] * b.bytes;
    for (const MutableTensorView& y : c.out) {
      const std::int64_t n = y.dims[axis] * b.bytes;
      std::copy_n(from, n, y.bytes + k * n);
      from += n;
    }
  }
}

std::vector<Value> split_vjp(const VjpContext& c) {
  // A second Split tells the sizes of outputs that the node leaves out; nothing reads its elements.
  std::vector<Value> parts(c.out.begin(), c.out.end());
  if (!std::ranges::all_of(parts, [](const Value& v) { return bool(v); }))
    parts = c.in[0].in->add_many("Split", {c.in.begin(), c.in.end()}, c.node.attrs, parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = c.dout[i] ? c.dout[i] : zeros_like(parts[i]);
  std::vector<Value> din(c.in.size());
  din[0] = emit("Concat", std::move(parts), {{"axis", c.node.attrs.integer("axis", 0)}});
  return din;
}

}  // namespace

const OpDef concat_op{"Concat", {1, kAny}, infer_concat, concat_reference, concat_vjp};
const OpDef split_op{"Split", {1, 2, kAny}, infer_split, split_reference, split_vjp};

}  // namespace limn
