// Operators whose number of results depends on elements: NonZero, Compress and Unique; and OneHot. Their sizes can
// be told where those elements are constants.
#include <algorithm>
#include <numeric>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

/// The flat positions of the elements that are not zero.
std::vector<std::int64_t> nonzero_positions(const TensorView& t) {
  std::vector<std::int64_t> found;
  dispatch(t.dtype, [&]<class T>() {
    const auto x = t.as<T>();
    for (std::size_t i = 0; i < x.size(); ++i)
      if (x[i] != T{}) found.push_back(static_cast<std::int64_t>(i));
  });
  return found;
}

Dim nonzero_count(const InferContext& c, std::size_t i) {
  const Tensor* t = c.constant(i);
  return t ? Dim(static_cast<std::int64_t>(nonzero_positions(t->view()).size())) : Dim();
}

std::vector<Inferred> infer_nonzero(const InferContext& c) {
  const auto rank = static_cast<std::int64_t>(c.shape(0).size());
  return {{{DType::i64, Shape{rank, nonzero_count(c, 0)}}, {}}};
}

void nonzero_reference(const EvalContext& c) {
  const auto positions = nonzero_positions(c.in[0]);
  const auto y = c.out[0].as<std::int64_t>();
  const Dims strides = strides_of(c.in[0].dims);
  std::size_t n = 0;
  for (std::size_t axis = 0; axis < strides.size(); ++axis)
    for (std::int64_t p : positions) y[n++] = p / strides[axis] % c.in[0].dims[axis];
}

std::vector<Inferred> infer_compress(const InferContext& c) {
  const Shape& x = c.shape(0);
  const Shape& condition = c.shape(1);
  if (c.dtype(1) != DType::boolean || condition.size() != 1)
    throw c.wrong("its condition is a vector of truth values, not " + to_string(c.type(1)));
  const bool flat = !c.node.attrs.has("axis");
  const Dim size = flat ? product(x) : x[axis_of(c, c.node.attrs.integer("axis", 0), x.size())];
  if (size.known() && condition[0].known() && condition[0].value > size.value)
    throw c.wrong("the condition has " + std::to_string(condition[0].value) + " elements for a size of " +
                  std::to_string(size.value));
  if (flat) return typed_as_first(c, {nonzero_count(c, 1)});
  Shape y = x;
  y[from_front(c.node.attrs.integer("axis", 0), x.size())] = nonzero_count(c, 1);
  return typed_as_first(c, std::move(y));
}

void compress_reference(const EvalContext& c) {
  const bool flat = !c.node.attrs.has("axis");
  const auto dims = c.in[0].dims;
  const std::size_t axis = flat ? 0 : from_front(c.node.attrs.integer("axis", 0), dims.size());
  const std::int64_t before = flat ? 1 : element_count(dims.first(axis));
  const std::int64_t size = flat ? element_count(dims) : dims[axis];
  const std::int64_t bytes =
      (flat ? 1 : element_count(dims.subspan(axis + 1))) * static_cast<std::int64_t>(size_of(c.in[0].dtype));
  const auto chosen = nonzero_positions(c.in[1]);
  std::byte* to = c.out[0].bytes;
  for (std::int64_t b = 0; b < before; ++b)
    for (std::int64_t i : chosen) to = std::copy_n(c.in[0].bytes + (b * size + i) * bytes, bytes, to);
}

/// The chosen elements are those that Gather takes at the places where the condition holds.
std::vector<Value> compress_vjp(const VjpContext& c) {
  const bool flat = !c.node.attrs.has("axis");
  const Value x = flat ? reshape(c.in[0], {-1}) : c.in[0];
  const std::int64_t axis = c.node.attrs.integer("axis", 0);
  std::vector<std::int64_t> line(x.shape().size(), 1);
  line[from_front(axis, line.size())] = -1;
  const Value places = reshape(emit("NonZero", {c.in[1]}), std::move(line));
  const Value dx = emit("ScatterElements", {zeros_like(x), expand(places, emit("Shape", {c.dout[0]})), c.dout[0]},
                        {{"axis", axis}, {"reduction", std::string("add")}});
  return {flat ? reshape_like(dx, c.in[0]) : dx, {}};
}

/// depth of OneHot, when it is a constant.
Dim depth_of(const InferContext& c) {
  const Tensor* t = c.constant(1);
  if (t == nullptr) return {};
  const std::int64_t depth = t->count() == 1 ? t->converted(DType::i64).as<std::int64_t>()[0] : -1;
  if (depth < 0) throw c.wrong("its depth is one number of 0 or more");
  return depth;
}

std::vector<Inferred> infer_one_hot(const InferContext& c) {
  Shape y = c.shape(0);
  if (product(c.shape(2)) != Dim(2)) throw c.wrong("takes two values, for off and on");
  const std::size_t axis = axis_of(c, c.node.attrs.integer("axis", -1), y.size() + 1);
  y.insert(y.begin() + static_cast<std::ptrdiff_t>(axis), depth_of(c));
  return {{{c.dtype(2), std::move(y)}, {}}};
}

/// The elements of a tensor of any type, towards zero.
std::vector<std::int64_t> whole_numbers(const TensorView& t) {
  std::vector<std::int64_t> out;
  dispatch(t.dtype, [&]<class T>() {
    for (T v : t.as<T>()) out.push_back(static_cast<std::int64_t>(v));
  });
  return out;
}

void one_hot_reference(const EvalContext& c) {
  const auto dims = c.out[0].dims;
  const std::size_t axis = from_front(c.node.attrs.integer("axis", -1), dims.size());
  const std::int64_t after = element_count(dims.subspan(axis + 1)), depth = dims[axis];
  const auto hot = whole_numbers(c.in[0]);
  dispatch(c.out[0].dtype, [&]<class T>() {
    const auto values = c.in[2].as<T>();
    const auto y = c.out[0].as<T>();
    std::ranges::fill(y, values[0]);
    for (std::size_t k = 0; k < hot.size(); ++k) {
      const std::int64_t i = hot[k] < 0 ? hot[k] + depth : hot[k], at = static_cast<std::int64_t>(k);
      if (i >= 0 && i < depth)
        y[static_cast<std::size_t>((at / after * depth + i) * after + at % after)] = values[1];
    }
  });
}

/// The slices of a tensor along an axis (its elements when there is none), and which of them are equal.
struct Groups {
  std::vector<std::int64_t> first;   ///< the first slice of each group
  std::vector<std::int64_t> of;      ///< the group of each slice
  std::vector<std::int64_t> counts;  ///< slices in each group
};

template <class T>
std::vector<std::vector<T>> slices_of(const TensorView& t, std::size_t axis, bool flat) {
  const auto x = t.as<T>();
  const std::int64_t count = flat ? t.count() : t.dims[axis];
  const std::int64_t after = flat ? 1 : element_count(t.dims.subspan(axis + 1));
  std::vector<std::vector<T>> slices(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < x.size(); ++i)
    slices[i / static_cast<std::size_t>(after) % slices.size()].push_back(x[i]);
  return slices;
}

template <class T>
Groups grouped(const std::vector<std::vector<T>>& slices, bool sorted) {
  std::vector<std::int64_t> order(slices.size());
  std::iota(order.begin(), order.end(), 0);
  const auto slice = [&](std::int64_t i) -> const std::vector<T>& { return slices[static_cast<std::size_t>(i)]; };
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) {
    return std::ranges::lexicographical_compare(slice(a), slice(b));
  });
  // The sort is stable: each group begins with its first slice.
  std::vector<std::vector<std::int64_t>> groups;
  for (std::int64_t i : order)
    if (groups.empty() || slice(groups.back().front()) != slice(i))
      groups.push_back({i});
    else
      groups.back().push_back(i);
  if (!sorted) std::ranges::sort(groups, {}, [](const auto& g) { return g.front(); });
  Groups out;
  out.of.resize(slices.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    out.first.push_back(groups[g].front());
    out.counts.push_back(static_cast<std::int64_t>(groups[g].size()));
    for (std::int64_t i : groups[g]) out.of[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(g);
  }
  return out;
}

Groups groups_of(const Node& node, const TensorView& t) {
  const bool flat = !node.attrs.has("axis"), sorted = node.attrs.integer("sorted", 1) != 0;
  const std::size_t axis = flat ? 0 : from_front(node.attrs.integer("axis", 0), t.dims.size());
  Groups groups;
  dispatch(t.dtype, [&]<class T>() { groups = grouped(slices_of<T>(t, axis, flat), sorted); });
  return groups;
}

std::vector<Inferred> infer_unique(const InferContext& c) {
  const Shape& x = c.shape(0);
  const bool flat = !c.node.attrs.has("axis");
  const std::size_t axis = flat ? 0 : axis_of(c, c.node.attrs.integer("axis", 0), x.size());
  const Tensor* t = c.constant(0);
  const Dim count = t ? Dim(static_cast<std::int64_t>(groups_of(c.node, t->view()).first.size())) : Dim();
  Shape y = flat ? Shape{count} : x;
  if (!flat) y[axis] = count;
  const Type places{DType::i64, Shape{count}}, inverse{DType::i64, Shape{flat ? product(x) : x[axis]}};
  return {{{c.dtype(0), std::move(y)}, {}}, {places, {}}, {inverse, {}}, {places, {}}};
}

void unique_reference(const EvalContext& c) {
  const bool flat = !c.node.attrs.has("axis");
  const Groups groups = groups_of(c.node, c.in[0]);
  const auto dims = c.in[0].dims;
  const std::size_t axis = flat ? 0 : from_front(c.node.attrs.integer("axis", 0), dims.size());
  const std::int64_t before = flat ? 1 : element_count(dims.first(axis));
  const auto size = static_cast<std::int64_t>(groups.of.size());
  const std::int64_t bytes =
      (flat ? 1 : element_count(dims.subspan(axis + 1))) * static_cast<std::int64_t>(size_of(c.in[0].dtype));
  std::byte* to = c.out[0].bytes;
  for (std::int64_t b = 0; b < before; ++b)
    for (std::int64_t i : groups.first) to = std::copy_n(c.in[0].bytes + (b * size + i) * bytes, bytes, to);
  const std::vector<std::int64_t>* more[] = {&groups.first, &groups.of, &groups.counts};
  for (std::size_t i = 1; i < c.out.size(); ++i)
    if (c.out[i].present()) std::ranges::copy(*more[i - 1], c.out[i].as<std::int64_t>().begin());
}

constexpr std::string_view kPlaces = "places have no derivative";

}  // namespace

const OpDef nonzero_op{"NonZero", {1, 1}, infer_nonzero, nonzero_reference, nullptr, nullptr, kPlaces};
const OpDef compress_op{"Compress", {2, 2}, infer_compress, compress_reference, compress_vjp};
const OpDef one_hot_op{
    "OneHot", {3, 3}, infer_one_hot, one_hot_reference, nullptr, nullptr, "indices have no derivative"};
const OpDef unique_op{"Unique",
                      {1, 1, 4},
                      infer_unique,
                      unique_reference,
                      nullptr,
                      nullptr,
                      "which elements are equal changes with the smallest step"};

}  // namespace limn
