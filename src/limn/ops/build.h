#pragma once
// The vocabulary in which derivative rules and explanation methods are written: each function appends one or a few
// nodes to the builder of its operands.

#include "limn/graph.h"

namespace limn {

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

/// Sums and means that keep the reduced axes with size 1, unless keep is false.
Value reduce_sum(Value x, std::vector<std::int64_t> axes, bool keep = true);
Value reduce_mean(Value x, std::vector<std::int64_t> axes, bool keep = true);
Value reduce_max(Value x, std::vector<std::int64_t> axes, bool keep = true);

/// The sizes of x as an int64 vector.
Value shape_of(Value x);
Value reshape(Value x, Value shape);
Value reshape(Value x, std::vector<std::int64_t> shape);
Value expand(Value x, Value shape);
Value transpose(Value x, std::vector<std::int64_t> permutation);
Value matmul(Value a, Value b);
/// x summed down to the shape of `like`, undoing a broadcast of `like` to x.
Value unbroadcast(Value x, Value like);

/// Cotangents through operators that ONNX has no gradient for; all decompose into standard operators.
/// dy where y > 0, otherwise 0.
Value relu_grad(Value dy, Value y);

}  // namespace limn
