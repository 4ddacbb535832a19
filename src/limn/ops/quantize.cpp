// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear, per tensor or per axis.
//
// Derivatives are straight-through (Bengio et al. 2013, arXiv 1308.3432): rounding counts as the identity, and what
// was clipped passes nothing on. The cotangent of a quantized tensor is a float tensor: that of the number on the
// grid.
#include <cmath>
#include <limits>

#include "limn/ops/build.h"
#include "limn/ops/diagnostics.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

bool is_quantized(DType t) {
  return t == DType::u8 || t == DType::i8 || t == DType::u16 || t == DType::i16 || t == DType::i32;
}

template <class F>
void dispatch_quantized(DType dtype, F&& f) {
  dispatch(dtype, [&]<class T>() {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool> && sizeof(T) <= 4) f.template operator()<T>();
  });
}

/// Checks scale and zero point, inputs 1 and 2: one number, or one per index of `axis`.
void check_scale(const InferContext& c) {
  if (c.node.attrs.integer("block_size", 0) != 0)
    throw Error(ErrorCode::unsupported, "quantization by blocks is not known to limn", place_of(c.node));
  if (!is_float(c.dtype(1))) throw c.wrong("the scale is " + std::string(name_of(c.dtype(1))));
  const Shape &x = c.shape(0), &scale = c.shape(1);
  if (c.has(2) && !may_be_equal(scale, c.shape(2)) && product(scale) != product(c.shape(2)))
    throw c.wrong("the scale " + to_string(scale) + " and the zero point " + to_string(c.shape(2)) +
                  " differ in shape");
  if (product(scale) == Dim(1)) return;
  if (scale.size() != 1) throw c.wrong("the scale " + to_string(scale) + " is neither one number nor a vector");
  const std::size_t axis = axis_of(c, c.node.attrs.integer("axis", 1), x.size());
  if (scale[0].known() && x[axis].known() && scale[0] != x[axis])
    throw c.wrong("a scale " + to_string(scale) + " does not go with axis " + std::to_string(axis) + " of " +
                  to_string(x));
}

/// Strides of scale and zero point walked over x.
Dims scale_strides(const EvalContext& c) {
  const auto dims = c.in[0].dims;
  Dims strides(dims.size(), 0);
  if (c.in[1].count() > 1) strides[from_front(c.node.attrs.integer("axis", 1), dims.size())] = 1;
  return strides;
}

/// Calls f(position in x, position in scale and zero point) for every element.
template <class F>
void each_scaled(const EvalContext& c, F&& f) {
  std::size_t n = 0;
  walk<1>(c.in[0].dims, {scale_strides(c)}, [&](const auto& o) { f(n++, static_cast<std::size_t>(o[0])); });
}

bool has_zero_point(const EvalContext& c) { return c.in.size() > 2 && c.in[2].present(); }

std::vector<Inferred> infer_quantize(const InferContext& c) {
  check_scale(c);
  DType to = DType::u8;
  if (const std::int64_t code = c.node.attrs.integer("output_dtype", 0); code != 0) to = dtype_of_onnx(code);
  if (c.has(2)) to = c.dtype(2);
  if (!is_quantized(to)) throw c.wrong("cannot quantize to " + std::string(name_of(to)));
  return {{{to, c.shape(0)}, {}}};
}

template <class Q, class T>
Q quantized(T x, T scale, T zero_point) {
  const T v = std::nearbyint(x / scale) + zero_point;
  constexpr T kLow = static_cast<T>(std::numeric_limits<Q>::lowest()),
              kHigh = static_cast<T>(std::numeric_limits<Q>::max());
  return v >= kHigh ? std::numeric_limits<Q>::max()
         : v > kLow ? static_cast<Q>(v)
                    : std::numeric_limits<Q>::lowest();
}

void quantize_reference(const EvalContext& c) {
  dispatch_float(c.in[1].dtype, [&]<class T>() {
    dispatch_number(c.in[0].dtype, [&]<class X>() {
      dispatch_quantized(c.out[0].dtype, [&]<class Q>() {
        const auto x = c.in[0].as<X>();
        const auto scale = c.in[1].as<T>();
        const auto y = c.out[0].as<Q>();
        each_scaled(c, [&](std::size_t i, std::size_t s) {
          const T zero = has_zero_point(c) ? static_cast<T>(c.in[2].as<Q>()[s]) : T{};
          y[i] = quantized<Q>(static_cast<T>(x[i]), scale[s], zero);
        });
      });
    });
  });
}

/// A vector along `axis` so that it broadcasts to x; single numbers as they are.
Value along_axis(const VjpContext& c, Value v) {
  if (v.shape().size() != 1) return v;
  const std::size_t rank = c.in[0].shape().size();
  if (product(v.shape()) == Dim(1) || rank == 0) return reshape(v, std::vector<std::int64_t>{});
  std::vector<std::int64_t> sizes(rank, 1);
  sizes[from_front(c.node.attrs.integer("axis", 1), rank)] = -1;
  return reshape(v, sizes);
}

Value zero_point(const VjpContext& c) {
  return c.in.size() > 2 && c.in[2] ? along_axis(c, to_float(c.in[2])) : float_constant(c.graph(), 0.0F);
}

std::pair<float, float> range_of(DType t) {
  std::pair<float, float> range;
  dispatch_quantized(t, [&]<class Q>() {
    range = {static_cast<float>(std::numeric_limits<Q>::lowest()),
             static_cast<float>(std::numeric_limits<Q>::max())};
  });
  return range;
}

std::vector<Value> quantize_vjp(const VjpContext& c) {
  if (!c.dout[0]) return {};
  refuse_parameter_gradients(c, 1);
  GraphBuilder& g = c.graph();
  const auto [low, high] = range_of(c.out[0].type().dtype);
  const Value scale = along_axis(c, c.in[1]), zero = float_constant(g, 0.0F);
  // Half a step further is still rounded into the range.
  const Value on_grid = c.in[0] / scale + zero_point(c);
  const Value inside = emit(
      "And", {greater(on_grid, float_constant(g, low - 0.5F)), greater(float_constant(g, high + 0.5F), on_grid)});
  return {where(inside, c.dout[0] / scale, zero)};
}

std::vector<Inferred> infer_dequantize(const InferContext& c) {
  check_scale(c);
  if (!is_quantized(c.dtype(0))) throw c.wrong("takes integers, not " + std::string(name_of(c.dtype(0))));
  if (c.has(2)) require_same_type(c, 0, 2);
  return {{{c.dtype(1), c.shape(0)}, {}}};
}

void dequantize_reference(const EvalContext& c) {
  dispatch_float(c.out[0].dtype, [&]<class T>() {
    dispatch_quantized(c.in[0].dtype, [&]<class Q>() {
      const auto x = c.in[0].as<Q>();
      const auto scale = c.in[1].as<T>();
      const auto y = c.out[0].as<T>();
      each_scaled(c, [&](std::size_t i, std::size_t s) {
        const T zero = has_zero_point(c) ? static_cast<T>(c.in[2].as<Q>()[s]) : T{};
        y[i] = (static_cast<T>(x[i]) - zero) * scale[s];
      });
    });
  });
}

std::vector<Value> dequantize_vjp(const VjpContext& c) {
  const Value scale = along_axis(c, c.in[1]), dy = c.dout[0];
  std::vector<Value> din(c.in.size());
  if (c.wants[0]) din[0] = dy * scale;
  if (c.wants[1]) din[1] = reshape_like(unbroadcast(dy * (to_float(c.in[0]) - zero_point(c)), scale), c.in[1]);
  return din;
}

std::vector<Inferred> infer_dynamic(const InferContext& c) {
  if (!is_float(c.dtype(0))) throw c.wrong("takes float tensors, not " + std::string(name_of(c.dtype(0))));
  return {{{DType::u8, c.shape(0)}, {}}, {{c.dtype(0), Shape{}}, {}}, {{DType::u8, Shape{}}, {}}};
}

/// The range of x, with zero in it, laid on 0..255.
void dynamic_reference(const EvalContext& c) {
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    T low{}, high{};
    for (T v : x) low = std::min(low, v), high = std::max(high, v);
    const T scale = high > low ? (high - low) / 255 : T{1};
    const auto zero = quantized<std::uint8_t>(-low, scale, T{});
    const auto y = c.out[0].as<std::uint8_t>();
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = quantized<std::uint8_t>(x[i], scale, static_cast<T>(zero));
    if (c.out.size() > 1 && c.out[1].present()) c.out[1].as<T>()[0] = scale;
    if (c.out.size() > 2 && c.out[2].present()) c.out[2].as<std::uint8_t>()[0] = zero;
  });
}

}  // namespace

const OpDef quantize_linear_op{"QuantizeLinear",
                               {2, 3},
                               infer_quantize,
                               quantize_reference,
                               quantize_vjp,
                               nullptr,
                               "its derivative is straight-through: rounding passes it on, clipping does not"};
const OpDef dequantize_linear_op{
    "DequantizeLinear", {2, 3}, infer_dequantize, dequantize_reference, dequantize_vjp};
const OpDef dynamic_quantize_linear_op{
    "DynamicQuantizeLinear",
    {1, 1, 3},
    infer_dynamic,
    dynamic_reference,
    nullptr,
    nullptr,
    "its scale depends on the data; networks with QuantizeLinear and DequantizeLinear are differentiated"};

}  // namespace limn
