// Operators that make a tensor out of attributes or sizes.
#include <cmath>

#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"
#include "limn/ops/wrapping.h"

namespace limn {
namespace {

Tensor reals(Dims dims, const std::vector<double>& values) {
  return Tensor::of<double>(std::move(dims), values).converted(DType::f32);
}

/// The tensor of a Constant, whichever attribute holds it; not present() for text and sparse tensors.
Tensor constant_of(const Node& node) {
  const Attrs& a = node.attrs;
  const auto length = [](const auto& list) { return Dims{static_cast<std::int64_t>(list.size())}; };
  if (const Tensor* t = a.tensor("value")) return *t;
  if (a.has("value_float")) return reals({}, {a.real("value_float", 0)});
  if (a.has("value_floats")) return reals(length(a.reals("value_floats")), a.reals("value_floats"));
  if (a.has("value_int")) return Tensor::scalar<std::int64_t>(a.integer("value_int", 0));
  if (a.has("value_ints"))
    return Tensor::of<std::int64_t>(length(a.integers("value_ints")), a.integers("value_ints"));
  return {};
}

void copy(const Tensor& from, const MutableTensorView& to) {
  const Tensor same = from.dtype() == to.dtype ? from : from.converted(to.dtype);
  std::copy_n(same.bytes(), same.byte_count(), to.bytes);
}

/// The elements of a small vector of sizes; nothing when it is not one.
std::optional<std::vector<Dim>> small_content(const Tensor& t) {
  const ValueInfo info{{}, {}, {}, t, {}};
  const ValueInfo* in[] = {&info};
  return elements(InferContext{Node{}, in}, 0);
}

std::vector<Inferred> infer_constant(const InferContext& c) {
  const Tensor t = constant_of(c.node);
  if (!t.present()) throw c.wrong("holds no tensor of numbers");
  return {{{t.dtype(), to_shape(t.dims())}, small_content(t)}};
}

void constant_reference(const EvalContext& c) { copy(constant_of(c.node), c.out[0]); }

/// The element that ConstantOfShape repeats.
Tensor fill_of(const Node& node) {
  const Tensor* t = node.attrs.tensor("value");
  return t ? *t : Tensor::of<float>({1}, {0.0F});
}

/// The shape that the vector in input i spells; sizes only known at run time are unnamed.
Shape spelled_shape(const InferContext& c, std::size_t i) {
  if (auto known = elements(c, i)) return *std::move(known);
  const Shape& vector = c.shape(i);
  if (vector.size() == 1 && vector[0].known()) return Shape(static_cast<std::size_t>(vector[0].value));
  throw Error(ErrorCode::unsupported, "the sizes '" + c.in[i]->name + "' are only known at run time",
              c.wrong("").where());
}

std::vector<Inferred> infer_constant_of_shape(const InferContext& c) {
  const Tensor fill = fill_of(c.node);
  if (fill.count() != 1) throw c.wrong("repeats one element, not " + std::to_string(fill.count()));
  std::optional<std::vector<Dim>> content;
  const Shape shape = spelled_shape(c, 0);
  if (const auto element = small_content(fill); element && shape.size() <= 1 && is_known(shape)) {
    const std::int64_t n = shape.empty() ? 1 : shape[0].value;
    if (n <= 64) content.emplace(static_cast<std::size_t>(n), element->front());
  }
  return {{{fill.dtype(), shape}, std::move(content)}};
}

void constant_of_shape_reference(const EvalContext& c) {
  const Tensor fill = fill_of(c.node).converted(c.out[0].dtype);
  dispatch(c.out[0].dtype, [&]<class T>() { std::ranges::fill(c.out[0].as<T>(), fill.as<T>()[0]); });
}

/// How many numbers start, start + delta, ... lie before limit.
template <class T>
std::int64_t range_count(T start, T limit, T delta) {
  const double n =
      std::ceil((static_cast<double>(limit) - static_cast<double>(start)) / static_cast<double>(delta));
  return n > 0 ? static_cast<std::int64_t>(n) : 0;
}

std::vector<Inferred> infer_range(const InferContext& c) {
  Dim n;
  for (std::size_t i = 0; i < 3; ++i)
    if (product(c.shape(i)) != Dim(1)) throw c.wrong("its bounds are single numbers");
  if (c.constant(0) && c.constant(1) && c.constant(2))
    dispatch_number(c.dtype(0), [&]<class T>() {
      const auto at = [&](std::size_t i) { return c.constant(i)->as<T>()[0]; };
      if (at(2) == T{}) throw c.wrong("a step of 0 never arrives");
      n = range_count(at(0), at(1), at(2));
    });
  return typed_as_first(c, {n});
}

void range_reference(const EvalContext& c) {
  dispatch_number(c.out[0].dtype, [&]<class T>() {
    using U = Wrapping<T>;
    const U start = static_cast<U>(c.in[0].as<T>()[0]), delta = static_cast<U>(c.in[2].as<T>()[0]);
    const auto y = c.out[0].as<T>();
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<T>(start + static_cast<U>(i) * delta);
  });
}

constexpr std::string_view kFixed = "its result depends on sizes and attributes alone";

}  // namespace

const OpDef constant_op{"Constant", {0, 0}, infer_constant, constant_reference, nullptr, nullptr, kFixed};
const OpDef constant_of_shape_op{
    "ConstantOfShape", {1, 1}, infer_constant_of_shape, constant_of_shape_reference, nullptr, nullptr, kFixed};
const OpDef range_op{"Range", {3, 3}, infer_range, range_reference, nullptr, nullptr, kFixed};

}  // namespace limn
