#pragma once
// The vocabulary in which derivative rules and explanation methods are written: each function appends one or a few
// nodes to the builder of its operands.

#include "limn/graph.h"

namespace limn {

/// Appends one node; its first input, which must be there, says to which builder.
Value emit(std::string_view op, std::vector<Value> in, Attrs attrs = {});

/// Constants of the builder `g`.
Value float_constant(GraphBuilder& g, float v);
Value int64_constant(GraphBuilder& g, std::vector<std::int64_t> v);

Value operator+(Value a, Value b);
Value operator-(Value a, Value b);
Value operator*(Value a, Value b);
Value operator/(Value a, Value b);
Value operator-(Value a);
Value operator+(Value a, float b);
Value operator*(Value a, float b);

Value relu(Value x);
Value abs(Value x);
Value exp(Value x);
Value sqrt(Value x);
/// x > 0 as a float 0 or 1.
Value step(Value x);
/// where(condition, a, b)
Value where(Value condition, Value a, Value b);
Value greater(Value a, Value b);
Value softmax(Value x, std::int64_t axis);

/// a == b as truth values.
Value equal(Value a, Value b);
/// A truth value (or any number) as a float.
Value to_float(Value x);
/// A number as a whole one, rounded towards zero.
Value to_int64(Value x);

/// Sums and means that keep the reduced axes with size 1, unless keep is false.
Value reduce_sum(Value x, std::vector<std::int64_t> axes, bool keep = true);
Value reduce_mean(Value x, std::vector<std::int64_t> axes, bool keep = true);
Value reduce_max(Value x, std::vector<std::int64_t> axes, bool keep = true);

/// The sizes of x as an int64 vector.
Value shape_of(Value x);
Value reshape(Value x, Value shape);
Value reshape(Value x, std::vector<std::int64_t> shape);
Value reshape_like(Value x, Value like);
Value expand(Value x, Value shape);
/// x repeated to the shape of `like`; x itself when it has that shape.
Value expand_like(Value x, Value like);
/// Float zeros with the shape of `like`.
Value zeros_like(Value like);
/// Adds axes of size 1 at these places of the result.
Value unsqueeze(Value x, std::vector<std::int64_t> axes);
Value transpose(Value x, std::vector<std::int64_t> permutation);
Value matmul(Value a, Value b);
/// x summed down to the shape of `like`, undoing a broadcast of `like` to x.
Value unbroadcast(Value x, Value like);

/// Cotangents through operators that ONNX has no gradient for; all decompose into standard operators.
/// dy where y > 0, otherwise 0.
Value relu_grad(Value dy, Value y);
/// dy where y lies strictly between the bounds of a Clip, which may be empty handles; y is the Clip's output.
Value clip_grad(Value dy, Value y, Value low, Value high);

}  // namespace limn
