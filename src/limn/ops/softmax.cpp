// Softmax, LogSoftmax and Hardmax along one axis (the last by default).
#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

std::vector<Inferred> infer_softmax(const InferContext& c) {
  if (!is_float(c.dtype(0))) throw c.wrong("takes float tensors, not " + std::string(name_of(c.dtype(0))));
  axis_of(c, c.node.attrs.integer("axis", -1), c.shape(0).size());
  return {{c.type(0), {}}};
}

/// Calls line(first, stride, length) for each line of the input along the axis.
template <class F>
void each_line(const EvalContext& c, F&& line) {
  const auto dims = c.in[0].dims;
  const std::size_t axis = from_front(c.node.attrs.integer("axis", -1), dims.size());
  const std::int64_t after = element_count(dims.subspan(axis + 1));
  for (std::int64_t b = 0; b < element_count(dims.first(axis)); ++b)
    for (std::int64_t a = 0; a < after; ++a) line(b * dims[axis] * after + a, after, dims[axis]);
}

/// Both operators from the line's maximum m and s = sum(exp(x - m)).
template <bool kLog>
void softmax_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    each_line(c, [&](std::int64_t first, std::int64_t stride, std::int64_t n) {
      const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(first + i * stride); };
      T top = n > 0 ? x[at(0)] : T{};
      for (std::int64_t i = 1; i < n; ++i) top = std::max(top, x[at(i)]);
      T sum{};
      for (std::int64_t i = 0; i < n; ++i) sum += std::exp(x[at(i)] - top);
      for (std::int64_t i = 0; i < n; ++i)
        y[at(i)] = kLog ? x[at(i)] - top - std::log(sum) : std::exp(x[at(i)] - top) / sum;
    });
  });
}

Value softmax_grad(const VjpContext& c, Value dy, Value y) {
  return emit("limn::SoftmaxGrad", {dy, y}, {{"axis", c.node.attrs.integer("axis", -1)}});
}

std::vector<Value> softmax_vjp(const VjpContext& c) { return {softmax_grad(c, c.dout[0], c.out[0])}; }

std::vector<Inferred> infer_softmax_grad(const InferContext& c) {
  if (!may_be_equal(c.shape(0), c.shape(1)))
    throw c.wrong("a cotangent " + to_string(c.shape(0)) + " does not go with a result " + to_string(c.shape(1)));
  return infer_softmax(c);
}

/// dx = y (dy - sum(dy y)) along each line
void softmax_grad_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto dy = c.in[0].as<T>(), y = c.in[1].as<T>();
    const auto dx = c.out[0].as<T>();
    each_line(c, [&](std::int64_t first, std::int64_t stride, std::int64_t n) {
      const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(first + i * stride); };
      T sum{};
      for (std::int64_t i = 0; i < n; ++i) sum += dy[at(i)] * y[at(i)];
      for (std::int64_t i = 0; i < n; ++i) dx[at(i)] = y[at(i)] * (dy[at(i)] - sum);
    });
  });
}

// With s = sum(dy y) and the cotangent g of dx: by dy it is y (g - sum(g y)), by y it is g (dy - s) - dy sum(g y).
std::vector<Value> softmax_grad_vjp(const VjpContext& c) {
  const Value dy = c.in[0], y = c.in[1], g = c.dout[0];
  const std::vector<std::int64_t> axis{c.node.attrs.integer("axis", -1)};
  std::vector<Value> din(2);
  if (c.wants[0]) din[0] = softmax_grad(c, g, y);
  if (c.wants[1]) din[1] = g * (dy - reduce_sum(dy * y, axis)) - dy * reduce_sum(g * y, axis);
  return din;
}

std::vector<Value> softmax_grad_decompose(const DecomposeContext& c) {
  const Value along = c.in[0] * c.in[1];
  return {along - c.in[1] * reduce_sum(along, {c.node.attrs.integer("axis", -1)})};
}

// dx = dy - exp(y) sum(dy)
std::vector<Value> log_softmax_vjp(const VjpContext& c) {
  return {c.dout[0] - exp(c.out[0]) * reduce_sum(c.dout[0], {c.node.attrs.integer("axis", -1)})};
}

/// 1 at the first maximum of each line, 0 elsewhere.
void hardmax_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    each_line(c, [&](std::int64_t first, std::int64_t stride, std::int64_t n) {
      const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(first + i * stride); };
      std::int64_t best = 0;
      for (std::int64_t i = 1; i < n; ++i)
        if (x[at(i)] > x[at(best)]) best = i;
      for (std::int64_t i = 0; i < n; ++i) y[at(i)] = i == best ? T{1} : T{};
    });
  });
}

}  // namespace

const OpDef softmax_op{"Softmax", {1, 1}, infer_softmax, softmax_reference<false>, softmax_vjp};
const OpDef softmax_grad_op{"limn::SoftmaxGrad",
                            {2, 2},
                            infer_softmax_grad,
                            softmax_grad_reference,
                            softmax_grad_vjp,
                            softmax_grad_decompose,
                            "dx of Softmax from dy and its result y; the attribute of Softmax"};
const OpDef log_softmax_op{"LogSoftmax", {1, 1}, infer_softmax, softmax_reference<true>, log_softmax_vjp};
const OpDef hardmax_op{"Hardmax",
                       {1, 1},
                       infer_softmax,
                       hardmax_reference,
                       flat_vjp,
                       nullptr,
                       "its derivative is 0 wherever it has one"};

}  // namespace limn
