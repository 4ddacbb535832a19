// Sizes as values, and other sizes for the same elements.
#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

constexpr std::string_view kSizes = "sizes do not depend on the elements";

/// The half-open range of axes that a Shape node reports.
std::pair<std::size_t, std::size_t> reported(const Node& node, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  const auto place = [&](std::int64_t at) {
    return static_cast<std::size_t>(std::clamp<std::int64_t>(at < 0 ? at + r : at, 0, r));
  };
  const std::size_t start = place(node.attrs.integer("start", 0)), end = place(node.attrs.integer("end", r));
  return {start, std::max(start, end)};
}

std::vector<Inferred> infer_shape(const InferContext& c) {
  const Shape& x = c.shape(0);
  const auto [start, end] = reported(c.node, x.size());
  return sized({static_cast<std::int64_t>(end - start)}, Shape(x.begin() + start, x.begin() + end));
}

void shape_reference(const EvalContext& c) {
  const auto [start, end] = reported(c.node, c.in[0].dims.size());
  std::copy(c.in[0].dims.begin() + start, c.in[0].dims.begin() + end, c.out[0].as<std::int64_t>().begin());
}

std::vector<Inferred> infer_size(const InferContext& c) { return sized({}, {product(c.shape(0))}); }

void size_reference(const EvalContext& c) { c.out[0].as<std::int64_t>()[0] = c.in[0].count(); }

void copy_elements(const EvalContext& c) {
  std::copy_n(c.in[0].bytes, static_cast<std::size_t>(c.in[0].count()) * size_of(c.in[0].dtype), c.out[0].bytes);
}

std::vector<Value> same_elements_vjp(const VjpContext& c) {
  std::vector<Value> din(c.in.size());
  din[0] = reshape_like(c.dout[0], c.in[0]);
  return din;
}

/// What Reshape's second input asks for, an entry per axis: a size, or what has to be found out.
struct Request {
  Shape sizes;                      ///< an unnamed size where it is not known
  std::optional<std::size_t> rest;  ///< the axis that takes what the others leave
};

Request constant_request(const InferContext& c, const std::vector<std::int64_t>& numbers) {
  const Shape& x = c.shape(0);
  const bool zero_copies = c.node.attrs.integer("allowzero", 0) == 0;
  Request r;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] < -1 || (numbers[i] == -1 && r.rest))
      throw c.wrong("cannot be laid out as " + to_string(std::span(numbers)));
    if (numbers[i] == -1) r.rest = i;
    if (numbers[i] == 0 && zero_copies && i >= x.size())
      throw c.wrong("there is no size to copy for axis " + std::to_string(i) + " from " + to_string(x));
    r.sizes.push_back(numbers[i] == -1 ? Dim() : numbers[i] == 0 && zero_copies ? x[i] : Dim(numbers[i]));
  }
  return r;
}

/// From sizes that shape arithmetic made. One size that is not known, -1 or not, is what the others leave.
Request computed_request(const InferContext& c, std::vector<Dim> sizes) {
  const Shape& x = c.shape(0);
  Request r{std::move(sizes), {}};
  std::size_t unknown = 0;
  for (std::size_t i = 0; i < r.sizes.size(); ++i) {
    if (r.sizes[i] == Dim(0) && i < x.size() && c.node.attrs.integer("allowzero", 0) == 0) r.sizes[i] = x[i];
    if (r.sizes[i] != Dim()) continue;
    ++unknown;
    r.rest = i;
  }
  if (unknown > 1) r.rest.reset();
  return r;
}

/// What the other axes leave for axis `rest`. An axis that both shapes have in common cancels even where its size
/// has no name.
Dim left_over(Shape from, Shape to, std::size_t rest) {
  for (std::size_t i = 0; i < std::min(from.size(), rest) && from[i] == to[i]; ++i) from[i] = to[i] = Dim(1);
  to[rest] = Dim(1);
  return quotient(product(from), product(to));
}

Request request(const InferContext& c) {
  if (const Tensor* t = c.constant(1)) return constant_request(c, t->to_int64());
  if (auto sizes = c.content(1)) return computed_request(c, *std::move(sizes));
  const Shape& vector = c.shape(1);
  if (vector.size() == 1 && vector[0].known()) return {Shape(static_cast<std::size_t>(vector[0].value)), {}};
  throw Error(ErrorCode::unsupported, "the sizes '" + c.in[1]->name + "' are only known at run time",
              c.wrong("").where());
}

std::vector<Inferred> infer_reshape(const InferContext& c) {
  const Shape& x = c.shape(0);
  auto [shape, rest] = request(c);
  if (rest) shape[*rest] = left_over(x, shape, *rest);
  const Dim before = product(x), after = product(shape);
  // A quotient of known numbers that is not known leaves a remainder.
  const bool others_known = std::ranges::count_if(shape, &Dim::known) + 1 == std::ssize(shape);
  const bool indivisible = rest && before.known() && others_known && !shape[*rest].known();
  if (indivisible || (before.known() && after.known() && before != after))
    throw c.wrong("the elements of " + to_string(x) + " cannot be laid out as " + to_string(shape));
  return {{{c.dtype(0), shape}, shape.size() <= 1 ? elements(c, 0) : std::nullopt}};
}

std::vector<Inferred> infer_flatten(const InferContext& c) {
  const Shape& x = c.shape(0);
  const std::int64_t at = c.node.attrs.integer("axis", 1), rank = static_cast<std::int64_t>(x.size());
  if (at < -rank || at > rank) throw c.wrong("cannot split " + to_string(x) + " at axis " + std::to_string(at));
  const std::span<const Dim> all(x);
  const std::size_t axis = from_front(at, x.size());
  return typed_as_first(c, {product(all.first(axis)), product(all.subspan(axis))});
}

std::vector<Inferred> infer_squeeze(const InferContext& c) {
  const Shape& x = c.shape(0);
  std::vector<char> drop(x.size());
  if (c.has(1))
    for (std::size_t axis : axes_of(c, required_integers(c, 1, "axes"), x.size())) drop[axis] = 1;
  else
    for (std::size_t i = 0; i < x.size(); ++i) drop[i] = x[i] == Dim(1);
  Shape shape;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (drop[i] && x[i].known() && x[i] != Dim(1))
      throw c.wrong("axis " + std::to_string(i) + " of " + to_string(x) + " is not of size 1");
    if (!drop[i]) shape.push_back(x[i]);
  }
  return {{{c.dtype(0), std::move(shape)}, elements(c, 0)}};
}

std::vector<Inferred> infer_unsqueeze(const InferContext& c) {
  const auto axes = required_integers(c, 1, "axes");
  const Shape& x = c.shape(0);
  Shape shape = x;
  for (std::size_t axis : axes_of(c, axes, x.size() + axes.size()))
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), Dim(1));
  return {{{c.dtype(0), shape}, shape.size() <= 1 ? elements(c, 0) : std::nullopt}};
}

}  // namespace

const OpDef shape_op{"Shape", {1, 1}, infer_shape, shape_reference, nullptr, nullptr, kSizes};
const OpDef size_op{"Size", {1, 1}, infer_size, size_reference, nullptr, nullptr, kSizes};
const OpDef reshape_op{"Reshape", {2, 2}, infer_reshape, copy_elements, same_elements_vjp};
const OpDef flatten_op{"Flatten", {1, 1}, infer_flatten, copy_elements, same_elements_vjp};
const OpDef squeeze_op{"Squeeze", {1, 2}, infer_squeeze, copy_elements, same_elements_vjp};
const OpDef unsqueeze_op{"Unsqueeze", {2, 2}, infer_unsqueeze, copy_elements, same_elements_vjp};

}  // namespace limn
