#pragma once
// Kernels and inferences of operators that work element by element, made from one function of the elements.

#include "limn/ops/infer.h"
#include "limn/ops/loops.h"
#include "limn/ops/op.h"

namespace limn {

/// y = F(x) on floats. F is a generic function of one number.
template <auto F>
void map_floats(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = F(x[i]);
  });
}

/// As map_floats, where Make(attrs) gives the function of one double.
template <auto Make>
void map_with_attrs(const EvalContext& c) {
  const auto f = Make(c.node.attrs);
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = static_cast<T>(f(static_cast<double>(x[i])));
  });
}

/// y = F(x) on numbers of any type.
template <auto F>
void map_numbers(const EvalContext& c) {
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = static_cast<T>(F(x[i]));
  });
}

/// y = f(a, b) with broadcasting; elements of the types A, B and Y.
template <class A, class B, class Y, class F>
void zip(const TensorView& a, const TensorView& b, const MutableTensorView& out, F f) {
  const auto x = a.as<A>();
  const auto z = b.as<B>();
  const auto y = out.as<Y>();
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  std::size_t n = 0;
  walk<2>(out.dims, {broadcast_strides(a.dims, out.dims), broadcast_strides(b.dims, out.dims)},
          [&](const auto& o) { y[n++] = static_cast<Y>(f(x[at(o[0])], z[at(o[1])])); });
}

/// Element type of input 0, shape of all inputs broadcast together; every input has that element type.
inline std::vector<Inferred> infer_broadcast(const InferContext& c) {
  for (std::size_t i = 1; i < c.count(); ++i) require_same_type(c, 0, i);
  return typed_as_first(c, broadcast_inputs(c));
}

/// Refuses everything but float tensors.
inline std::vector<Inferred> infer_float_map(const InferContext& c) {
  if (!is_float(c.dtype(0))) throw c.wrong("takes float tensors, not " + std::string(name_of(c.dtype(0))));
  return {{c.type(0), {}}};
}

/// For operators whose result does not change with small changes of the input: no cotangent flows.
inline std::vector<Value> flat_vjp(const VjpContext& c) { return std::vector<Value>(c.in.size()); }

}  // namespace limn
