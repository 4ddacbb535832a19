// Relu, Clip and their derivatives.
#include <algorithm>
#include <limits>

#include "limn/ops/build.h"
#include "limn/ops/elementwise.h"
#include "limn/ops/families.h"

namespace limn {
namespace {

// Written so that NaN stays NaN.
constexpr auto kRelu = [](auto x) { return x < decltype(x){} ? decltype(x){} : x; };

std::vector<Value> relu_vjp(const VjpContext& c) { return {relu_grad(c.dout[0], c.out[0])}; }

void relu_grad_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto dy = c.in[0].as<T>();
    const auto y = c.in[1].as<T>();
    const auto dx = c.out[0].as<T>();
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] = y[i] > T{} ? dy[i] : T{};
  });
}

std::vector<Value> relu_grad_vjp(const VjpContext& c) { return {relu_grad(c.dout[0], c.in[1]), {}}; }

std::vector<Value> relu_grad_decompose(const DecomposeContext& c) { return {c.in[0] * step(c.in[1])}; }

/// The bound in input i, or `otherwise` when it is left out.
template <class T>
T bound(const EvalContext& c, std::size_t i, T otherwise) {
  return i < c.in.size() && c.in[i].present() ? c.in[i].as<T>()[0] : otherwise;
}

std::vector<Inferred> infer_clip(const InferContext& c) {
  for (std::size_t i = 1; i < c.count(); ++i) {
    if (!c.has(i)) continue;
    require_same_type(c, 0, i);
    if (product(c.shape(i)) != Dim(1))
      throw c.wrong("the bounds are single numbers, not of the shape " + to_string(c.shape(i)));
  }
  return {{c.type(0), {}}};
}

void clip_reference(const EvalContext& c) {
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const T low = bound<T>(c, 1, std::numeric_limits<T>::lowest());
    const T high = bound<T>(c, 2, std::numeric_limits<T>::max());
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    // A left-out bound lets infinities pass; NaN stays NaN; the upper bound wins over the lower one.
    const bool above = c.in.size() > 1 && c.in[1].present(), below = c.in.size() > 2 && c.in[2].present();
    for (std::size_t i = 0; i < x.size(); ++i) {
      T v = above && x[i] < low ? low : x[i];
      y[i] = below && v > high ? high : v;
    }
  });
}

std::vector<Value> clip_vjp(const VjpContext& c) {
  const auto in = [&](std::size_t i) { return i < c.in.size() ? c.in[i] : Value{}; };
  return {clip_grad(c.dout[0], c.out[0], in(1), in(2))};
}

void clip_grad_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const T low = bound<T>(c, 2, -std::numeric_limits<T>::infinity());
    const T high = bound<T>(c, 3, std::numeric_limits<T>::infinity());
    const auto dy = c.in[0].as<T>();
    const auto y = c.in[1].as<T>();
    const auto dx = c.out[0].as<T>();
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] = y[i] > low && y[i] < high ? dy[i] : T{};
  });
}

std::vector<Value> clip_grad_vjp(const VjpContext& c) {
  const auto in = [&](std::size_t i) { return i < c.in.size() ? c.in[i] : Value{}; };
  return {clip_grad(c.dout[0], c.in[1], in(2), in(3))};
}

/// One mask for both bounds: truth values are a quarter of the bytes of floats.
std::vector<Value> clip_grad_decompose(const DecomposeContext& c) {
  const Value dy = c.in[0], y = c.in[1];
  const auto given = [&](std::size_t i) { return i < c.in.size() && c.in[i]; };
  Value inside;
  if (given(2)) inside = greater(y, c.in[2]);
  if (given(3)) {
    const Value below = greater(c.in[3], y);
    inside = inside ? emit("And", {inside, below}) : below;
  }
  return {inside ? dy * to_float(inside) : emit("Identity", {dy})};
}

}  // namespace

const OpDef relu_op{"Relu", {1, 1}, infer_same, map_numbers<kRelu>, relu_vjp};
const OpDef relu_grad_op{"limn::ReluGrad",
                         {2, 2},
                         infer_float_map,
                         relu_grad_reference,
                         relu_grad_vjp,
                         relu_grad_decompose,
                         "dx = dy where y > 0, otherwise 0; y is the output of Relu"};
const OpDef clip_op{"Clip",
                    {1, 3},
                    infer_clip,
                    clip_reference,
                    clip_vjp,
                    nullptr,
                    "its derivative is 0 where the output equals a bound"};
const OpDef clip_grad_op{"limn::ClipGrad",
                         {2, 4},
                         infer_float_map,
                         clip_grad_reference,
                         clip_grad_vjp,
                         clip_grad_decompose,
                         "dx = dy where min < y < max, otherwise 0; y is the output of Clip"};

}  // namespace limn
