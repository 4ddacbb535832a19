#include "limn/ops/build.h"

#include <algorithm>

namespace limn {
namespace {

/// `to` of Cast, in ONNX's numbering.
constexpr std::int64_t kOnnxFloat = 1;

Value call(std::string_view op, std::vector<Value> in, Attrs attrs = {}) {
  GraphBuilder& g = *in.front().in;
  return g.add(op, std::move(in), std::move(attrs));
}

Value reduce(std::string_view op, Value x, std::vector<std::int64_t> axes, bool keep) {
  return call(op, {x, int64_constant(*x.in, std::move(axes))}, {{"keepdims", std::int64_t{keep}}});
}

}  // namespace

Value float_constant(GraphBuilder& g, float v) { return g.constant(Tensor::scalar(v)); }

Value int64_constant(GraphBuilder& g, std::vector<std::int64_t> v) {
  return g.constant(Tensor::of<std::int64_t>({static_cast<std::int64_t>(v.size())}, v));
}

Value operator+(Value a, Value b) { return call("Add", {a, b}); }
Value operator-(Value a, Value b) { return call("Sub", {a, b}); }
Value operator*(Value a, Value b) { return call("Mul", {a, b}); }
Value operator/(Value a, Value b) { return call("Div", {a, b}); }
Value operator-(Value a) { return call("Neg", {a}); }
Value operator+(Value a, float b) { return a + float_constant(*a.in, b); }
Value operator*(Value a, float b) { return a * float_constant(*a.in, b); }

Value relu(Value x) { return call("Relu", {x}); }
Value abs(Value x) { return call("Abs", {x}); }
Value exp(Value x) { return call("Exp", {x}); }
Value sqrt(Value x) { return call("Sqrt", {x}); }
Value step(Value x) { return call("Cast", {greater(x, float_constant(*x.in, 0.0F))}, {{"to", kOnnxFloat}}); }
Value where(Value condition, Value a, Value b) { return call("Where", {condition, a, b}); }
Value greater(Value a, Value b) { return call("Greater", {a, b}); }
Value softmax(Value x, std::int64_t axis) { return call("Softmax", {x}, {{"axis", axis}}); }

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
  return is_known(shape) ? int64_constant(*x.in, known_dims(shape)) : call("Shape", {x});
}

Value reshape(Value x, Value shape) { return call("Reshape", {x, shape}); }
Value reshape(Value x, std::vector<std::int64_t> shape) {
  return reshape(x, int64_constant(*x.in, std::move(shape)));
}
Value expand(Value x, Value shape) { return call("Expand", {x, shape}); }
Value transpose(Value x, std::vector<std::int64_t> permutation) {
  return call("Transpose", {x}, {{"perm", std::move(permutation)}});
}
Value matmul(Value a, Value b) { return call("MatMul", {a, b}); }

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

Value relu_grad(Value dy, Value y) { return call("limn::ReluGrad", {dy, y}); }

}  // namespace limn
