// Softmax and LogSoftmax along one axis (the last by default).
#include <cmath>

#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

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

// dx = y (dy - sum(dy y))
std::vector<Value> softmax_vjp(const VjpContext& c) {
  const Value along = c.dout[0] * c.out[0];
  return {along - c.out[0] * reduce_sum(along, {c.node.attrs.integer("axis", -1)})};
}

// dx = dy - exp(y) sum(dy)
std::vector<Value> log_softmax_vjp(const VjpContext& c) {
  return {c.dout[0] - exp(c.out[0]) * reduce_sum(c.dout[0], {c.node.attrs.integer("axis", -1)})};
}

}  // namespace

const OpDef softmax_op{"Softmax", {1, 1}, infer_softmax, softmax_reference<false>, softmax_vjp};
const OpDef log_softmax_op{"LogSoftmax", {1, 1}, infer_softmax, softmax_reference<true>, log_softmax_vjp};

}  // namespace limn
