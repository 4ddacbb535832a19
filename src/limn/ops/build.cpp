#include "limn/ops/build.h"

#include <algorithm>

namespace limn {
namespace {

/// `to` of Cast, in ONNX's numbering.
constexpr std::int64_t kOnnxFloat = 1, kOnnxInt64 = 7;

Value reduce(std::string_view op, Value x, std::vector<std::int64_t> axes, bool keep) {
  return emit(op, {x, int64_constant(*x.in, std::move(axes))}, {{"keepdims", std::int64_t{keep}}});
}

}  // namespace

Value emit(std::string_view op, std::vector<Value> in, Attrs attrs) {
  GraphBuilder& g = *in.front().in;
  return g.add(op, std::move(in), std::move(attrs));
}

Value float_constant(GraphBuilder& g, float v) { return g.constant(Tensor::scalar(v)); }

Value int64_constant(GraphBuilder& g, std::vector<std::int64_t> v) {
  return g.constant(Tensor::of<std::int64_t>({static_cast<std::int64_t>(v.size())}, v));
}

Value operator+(Value a, Value b) { return emit("Add", {a, b}); }
Value operator-(Value a, Value b) { return emit("Sub", {a, b}); }
Value operator*(Value a, Value b) { return emit("Mul", {a, b}); }
Value operator/(Value a, Value b) { return emit("Div", {a, b}); }
Value operator-(Value a) { return emit("Neg", {a}); }
Value operator+(Value a, float b) { return a + float_constant(*a.in, b); }
Value operator*(Value a, float b) { return a * float_constant(*a.in, b); }

Value relu(Value x) { return emit("Relu", {x}); }
Value abs(Value x) { return emit("Abs", {x}); }
Value exp(Value x) { return emit("Exp", {x}); }
Value sqrt(Value x) { return emit("Sqrt", {x}); }
Value equal(Value a, Value b) { return emit("Equal", {a, b}); }
Value to_float(Value x) { return emit("Cast", {x}, {{"to", kOnnxFloat}}); }
Value to_int64(Value x) { return emit("Cast", {x}, {{"to", kOnnxInt64}}); }
Value step(Value x) { return to_float(greater(x, float_constant(*x.in, 0.0F))); }
Value where(Value condition, Value a, Value b) { return emit("Where", {condition, a, b}); }
Value greater(Value a, Value b) { return emit("Greater", {a, b}); }
Value softmax(Value x, std::int64_t axis) { return emit("Softmax", {x}, {{"axis", axis}}); }

Value reduce_sum(Value x, std::vector<std::int64_t> axes, bool keep) {
  return reduce("ReduceSum", x, std::move(axes), keep);
}
Value reduce_mean(Value x, std::vector<std::int64_t> axes, bool keep) {
  return reduce("ReduceMean", x, std::move(axes), keep);
}
Value reduce_max(Value x, std::vector<std::int64_t> axes, bool keep) {
  return reduce("ReduceMax", x, std::move(axes), keep);
}

Value shape_of(Value x) {
  const Shape shape = x.shape();
  return is_known(shape) ? int64_constant(*x.in, known_dims(shape)) : emit("Shape", {x});
}

Value reshape(Value x, Value shape) { return emit("Reshape", {x, shape}); }
Value reshape(Value x, std::vector<std::int64_t> shape) {
  return reshape(x, int64_constant(*x.in, std::move(shape)));
}
Value reshape_like(Value x, Value like) { return reshape(x, shape_of(like)); }
Value expand_like(Value x, Value like) { return x.shape() == like.shape() ? x : expand(x, shape_of(like)); }
Value zeros_like(Value like) { return expand(float_constant(*like.in, 0.0F), shape_of(like)); }
Value unsqueeze(Value x, std::vector<std::int64_t> axes) {
  return emit("Unsqueeze", {x, int64_constant(*x.in, std::move(axes))});
}
Value expand(Value x, Value shape) { return emit("Expand", {x, shape}); }
Value transpose(Value x, std::vector<std::int64_t> permutation) {
  return emit("Transpose", {x}, {{"perm", std::move(permutation)}});
}
Value matmul(Value a, Value b) { return emit("MatMul", {a, b}); }

Value unbroadcast(Value x, Value like) {
  const Shape from = x.shape(), to = like.shape();
  if (from == to) return x;
  const std::size_t extra = from.size() - to.size();
  std::vector<std::int64_t> leading, inner;
  for (std::size_t i = 0; i < extra; ++i) leading.push_back(static_cast<std::int64_t>(i));
  // Only a size of exactly 1 was broadcast: an unknown size of `like` is that of `x`.
  for (std::size_t i = 0; i < to.size(); ++i)
    if (to[i] == Dim(1) && from[extra + i] != Dim(1)) inner.push_back(static_cast<std::int64_t>(i));
  if (!leading.empty()) x = reduce_sum(x, std::move(leading), false);
  return inner.empty() ? x : reduce_sum(x, std::move(inner));
}

Value relu_grad(Value dy, Value y) { return emit("limn::ReluGrad", {dy, y}); }
Value clip_grad(Value dy, Value y, Value low, Value high) {
  std::vector<Value> in{dy, y, low, high};
  while (!in.back()) in.pop_back();
  return emit("limn::ClipGrad", std::move(in));
}

}  // namespace limn
