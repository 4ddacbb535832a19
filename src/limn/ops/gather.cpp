// Gather, ArgMax, ArgMin and TopK: elements chosen by index.
#include <numeric>

#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

std::size_t gather_axis(const Node& node, std::size_t rank) {
  return from_front(node.attrs.integer("axis", 0), rank);
}

/// Sizes chosen from a vector of sizes.
std::optional<std::vector<Dim>> gathered_content(const InferContext& c) {
  const auto x = elements(c, 0);
  const Tensor* indices = c.constant(1);
  if (!x || !indices || indices->dims().size() > 1 || c.shape(0).size() != 1) return std::nullopt;
  std::vector<Dim> out;
  for (std::int64_t i : indices->to_int64()) {
    const std::size_t at = from_front(i, x->size());
    if (at >= x->size())
      throw c.wrong("there is no element " + std::to_string(i) + " in a vector of " + std::to_string(x->size()));
    out.push_back((*x)[at]);
  }
  return out;
}

std::vector<Inferred> infer_gather(const InferContext& c) {
  const Shape& x = c.shape(0);
  const Shape& q = c.shape(1);
  if (is_float(c.dtype(1))) throw c.wrong("its indices are integers, not floats");
  const std::size_t axis = axis_of(c, c.node.attrs.integer("axis", 0), x.size());
  Shape shape(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), q.begin(), q.end());
  shape.insert(shape.end(), x.begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.end());
  return {{{c.dtype(0), std::move(shape)}, gathered_content(c)}};
}

std::vector<std::int64_t> indices_of(const TensorView& t) {
  std::vector<std::int64_t> out;
  dispatch_number(t.dtype, [&]<class T>() {
    for (T v : t.as<T>()) out.push_back(static_cast<std::int64_t>(v));
  });
  return out;
}

void gather_reference(const EvalContext& c) {
  const TensorView& x = c.in[0];
  const std::size_t axis = gather_axis(c.node, x.dims.size());
  const auto indices = indices_of(c.in[1]);
  const std::int64_t before = element_count(x.dims.first(axis));
  const std::int64_t bytes = element_count(x.dims.subspan(axis + 1)) * static_cast<std::int64_t>(size_of(x.dtype));
  std::byte* to = c.out[0].bytes;
  for (std::int64_t k = 0; k < before; ++k)
    for (std::int64_t i : indices) {
      const std::int64_t at = i < 0 ? i + x.dims[axis] : i;
      if (at < 0 || at >= x.dims[axis])
        throw Error(ErrorCode::bad_input,
                    "there is no index " + std::to_string(i) + " along axis " + std::to_string(axis) + " of " +
                        to_string(x.dims),
                    "node '" + c.node.name + "' (Gather)");
      to = std::copy_n(x.bytes + (k * x.dims[axis] + at) * bytes, bytes, to);
    }
}

/// `values` added into zeros like `like`, at `indices` along `axis`.
Value scatter_add(Value like, Value indices, Value values, std::size_t axis) {
  return emit("ScatterElements", {zeros_like(like), indices, values},
              {{"axis", static_cast<std::int64_t>(axis)}, {"reduction", std::string("add")}});
}

/// Where a single constant index lies along an axis of known size.
std::optional<std::int64_t> single_index(Value indices, const Dim& size) {
  const auto& constant = indices.in->info(indices.id).constant;
  if (!constant || constant->count() != 1 || !size.known()) return std::nullopt;
  const std::int64_t i = constant->to_int64()[0];
  return i < 0 ? i + size.value : i;
}

/// `slice`, of size 1 along the axis, at place `at` among zeros.
Value among_zeros(Value slice, std::size_t axis, std::int64_t at, std::int64_t size) {
  const std::size_t rank = slice.shape().size();
  std::vector<std::int64_t> pads(2 * rank, 0);
  pads[axis] = at;
  pads[rank + axis] = size - 1 - at;
  return emit("Pad", {slice, int64_constant(*slice.in, std::move(pads))});
}

std::vector<Value> gather_vjp(const VjpContext& c) {
  const Shape shape = c.in[0].shape();
  const std::size_t rank = shape.size(), axis = gather_axis(c.node, rank);
  const std::size_t q = c.in[1].shape().size();
  const auto along = static_cast<std::int64_t>(axis);
  Value dy = c.dout[0];
  if (q == 0) dy = unsqueeze(dy, {along});
  if (const auto at = single_index(c.in[1], shape[axis]); at && q <= 1)
    return {among_zeros(dy, axis, *at, shape[axis].value), {}};
  if (q > 1) {  // the axes of the indices as one; the sizes around them stay
    const auto part = [&](std::int64_t start, std::int64_t end) {
      return emit("Shape", {c.in[0]}, {{"start", start}, {"end", end}});
    };
    dy = reshape(dy, emit("Concat",
                          {part(0, along), int64_constant(c.graph(), {-1}),
                           part(along + 1, static_cast<std::int64_t>(rank))},
                          {{"axis", std::int64_t{0}}}));
  }
  std::vector<std::int64_t> line(rank, 1);
  line[axis] = -1;
  const Value indices = expand(reshape(c.in[1], std::move(line)), shape_of(dy));
  return {scatter_add(c.in[0], indices, dy, axis), {}};
}

std::vector<Inferred> infer_arg_extremum(const InferContext& c) {
  Shape shape = c.shape(0);
  const std::size_t axis = axis_of(c, c.node.attrs.integer("axis", 0), shape.size());
  if (c.node.attrs.integer("keepdims", 1))
    shape[axis] = 1;
  else
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return {{{DType::i64, std::move(shape)}, {}}};
}

/// Calls f(first offset, stride, length, line number) for every line of `dims` along `axis`.
template <class F>
void each_line(std::span<const std::int64_t> dims, std::size_t axis, F&& f) {
  const std::int64_t before = element_count(dims.first(axis)), after = element_count(dims.subspan(axis + 1));
  for (std::int64_t b = 0; b < before; ++b)
    for (std::int64_t a = 0; a < after; ++a) f(b * dims[axis] * after + a, after, dims[axis], b * after + a);
}

/// Where `better` prefers no other element of a line; the first such place, or the last if select_last_index says
/// so.
template <class Better>
void arg_extremum(const EvalContext& c, Better better) {
  const std::size_t axis = from_front(c.node.attrs.integer("axis", 0), c.in[0].dims.size());
  const bool last_wins = c.node.attrs.integer("select_last_index", 0) != 0;
  const auto y = c.out[0].as<std::int64_t>();
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    each_line(c.in[0].dims, axis, [&](std::int64_t first, std::int64_t stride, std::int64_t n, std::int64_t line) {
      const auto at = [&](std::int64_t i) { return x[static_cast<std::size_t>(first + i * stride)]; };
      std::int64_t best = 0;
      for (std::int64_t i = 1; i < n; ++i)
        if (better(at(i), at(best)) || (last_wins && at(i) == at(best))) best = i;
      y[static_cast<std::size_t>(line)] = best;
    });
  });
}

void arg_max_reference(const EvalContext& c) {
  arg_extremum(c, [](auto a, auto b) { return a > b; });
}
void arg_min_reference(const EvalContext& c) {
  arg_extremum(c, [](auto a, auto b) { return a < b; });
}

std::vector<Inferred> infer_top_k(const InferContext& c) {
  Shape shape = c.shape(0);
  const std::size_t axis = axis_of(c, c.node.attrs.integer("axis", -1), shape.size());
  const auto k = c.integers(1);
  if (k && (k->size() != 1 || k->front() < 0 || (shape[axis].known() && k->front() > shape[axis].value)))
    throw c.wrong("cannot choose " + to_string(std::span(*k)) + " of axis " + std::to_string(axis) + " of " +
                  to_string(shape));
  shape[axis] = k ? Dim(k->front()) : Dim();
  return {{{c.dtype(0), shape}, {}}, {{DType::i64, shape}, {}}};
}

void top_k_reference(const EvalContext& c) {
  const std::size_t axis = from_front(c.node.attrs.integer("axis", -1), c.in[0].dims.size());
  const bool largest = c.node.attrs.integer("largest", 1) != 0;
  const std::int64_t k = c.out[0].dims[axis], after = element_count(c.in[0].dims.subspan(axis + 1));
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    each_line(c.in[0].dims, axis, [&](std::int64_t first, std::int64_t stride, std::int64_t n, std::int64_t line) {
      const auto at = [&](std::int64_t i) { return x[static_cast<std::size_t>(first + i * stride)]; };
      std::vector<std::int64_t> order(static_cast<std::size_t>(n));
      std::iota(order.begin(), order.end(), 0);
      std::ranges::stable_sort(
          order, [&](std::int64_t a, std::int64_t b) { return largest ? at(a) > at(b) : at(a) < at(b); });
      const std::int64_t start = line / after * k * after + line % after;
      for (std::int64_t i = 0; i < k; ++i) {
        const auto to = static_cast<std::size_t>(start + i * stride);
        c.out[0].as<T>()[to] = at(order[static_cast<std::size_t>(i)]);
        if (c.out.size() > 1) c.out[1].as<std::int64_t>()[to] = order[static_cast<std::size_t>(i)];
      }
    });
  });
}

std::vector<Value> top_k_vjp(const VjpContext& c) {
  const std::size_t axis = from_front(c.node.attrs.integer("axis", -1), c.in[0].shape().size());
  if (!c.dout[0]) return {{}, {}};
  const Value indices = c.out.size() > 1 && c.out[1]
                            ? c.out[1]
                            : c.in[0].in->add_many("TopK", {c.in[0], c.in[1]}, c.node.attrs, 2)[1];
  return {scatter_add(c.in[0], indices, c.dout[0], axis), {}};
}

constexpr std::string_view kIndex = "an index has no derivative";

}  // namespace

const OpDef gather_op{"Gather", {2, 2}, infer_gather, gather_reference, gather_vjp};
const OpDef arg_max_op{"ArgMax", {1, 1}, infer_arg_extremum, arg_max_reference, nullptr, nullptr, kIndex};
const OpDef arg_min_op{"ArgMin", {1, 1}, infer_arg_extremum, arg_min_reference, nullptr, nullptr, kIndex};
const OpDef top_k_op{"TopK",
                     {2, 2, 2},
                     infer_top_k,
                     top_k_reference,
                     top_k_vjp,
                     nullptr,
                     "among equal elements the one with the lower index comes first"};

}  // namespace limn
