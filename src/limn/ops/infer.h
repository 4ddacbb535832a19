#pragma once
// What the shape inferences of all families share: arithmetic of sizes that may be symbolic, broadcasting, axes.

#include "limn/ops/op.h"

namespace limn {

/// Products and exact quotients of sizes, symbols included: product(N, 4) is "N*4", and quotient("N*4", 4) is N. An
/// unnamed size when nothing can be said (a quotient that may leave a rest).
Dim product(const Dim& a, const Dim& b);
Dim product(std::span<const Dim> sizes);
Dim quotient(const Dim& a, const Dim& b);
/// Sums and differences: numbers, and anything with zero; otherwise an unnamed size.
Dim sum(const Dim& a, const Dim& b);
Dim difference(const Dim& a, const Dim& b);

/// Shape of an elementwise result of `a` and `b`; an unknown size against a known one above 1 is that size. Throws
/// Error{bad_input} naming the node and both shapes.
Shape broadcast(const InferContext& c, const Shape& a, const Shape& b);
/// Of all inputs from `first` on.
Shape broadcast_inputs(const InferContext& c, std::size_t first = 0);

/// Whether no known size of one differs from that of the other.
bool may_be_equal(const Shape& a, const Shape& b);

/// The axis counted from the front. Throws Error{bad_input} when a tensor of that rank has no such axis.
std::size_t axis_of(const InferContext& c, std::int64_t axis, std::size_t rank);
/// Several axes in ascending order, each at most once.
std::vector<std::size_t> axes_of(const InferContext& c, std::span<const std::int64_t> axes, std::size_t rank);
/// For kernels and rules, where inference has checked the axis already.
constexpr std::size_t from_front(std::int64_t axis, std::size_t rank) {
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
}

/// Elements of a small integer input, constants included; negative ones are unnamed.
std::optional<std::vector<Dim>> elements(const InferContext& c, std::size_t i);
/// The integers of a vector input whose numbers the shapes depend on. Throws Error{unsupported} when they are only
/// known at run time.
std::vector<std::int64_t> required_integers(const InferContext& c, std::size_t i, std::string_view what);

/// One output typed as input 0, with its content.
std::vector<Inferred> infer_same(const InferContext& c);
/// One int64 output of small content: a scalar, or a vector.
std::vector<Inferred> sized(Shape shape, std::vector<Dim> content);
/// One output with the element type of input 0.
std::vector<Inferred> typed_as_first(const InferContext& c, Shape shape);

/// Throws Error{bad_input} unless inputs `i` and `j` have one element type (any float type counts as one).
void require_same_type(const InferContext& c, std::size_t i, std::size_t j);

/// The element type of ONNX's number, as limn holds it: half, bfloat16 and double are float32. undefined when limn
/// holds no such tensors (text, complex numbers).
DType dtype_of_onnx(std::int64_t number);

}  // namespace limn
