// Relu and its derivative.
#include <algorithm>

#include "limn/ops/build.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

std::vector<Inferred> infer_same(const InferContext& c) { return {{c.type(0), {}}}; }

void relu_reference(const EvalContext& c) {
  dispatch(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    // Written so that NaN stays NaN.
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] < T{} ? T{} : x[i];
  });
}

std::vector<Value> relu_vjp(const VjpContext& c) { return {relu_grad(c.dout[0], c.out[0])}; }

void relu_grad_reference(const EvalContext& c) {
  dispatch(c.in[0].dtype, [&]<class T>() {
    const auto dy = c.in[0].as<T>();
    const auto y = c.in[1].as<T>();
    const auto dx = c.out[0].as<T>();
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] = y[i] > T{} ? dy[i] : T{};
  });
}

std::vector<Value> relu_grad_vjp(const VjpContext& c) { return {relu_grad(c.dout[0], c.in[1]), {}}; }

std::vector<Value> relu_grad_decompose(const DecomposeContext& c) { return {c.in[0] * step(c.in[1])}; }

}  // namespace

const OpDef relu_op{"Relu", {1, 1}, infer_same, relu_reference, relu_vjp};
const OpDef relu_grad_op{"limn::ReluGrad",  {2, 2}, infer_same, relu_grad_reference, relu_grad_vjp, relu_grad_decompose,
                         "dx = dy where y > 0, otherwise 0; y is the output of Relu"};

}  // namespace limn
