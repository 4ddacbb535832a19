// MatMulInteger and ConvInteger: products of small integers less their zero points, as int32. Computed in double,
// which holds every such sum exactly.
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

/// Input i less its zero point, input i + 2, whose shape broadcasts to it once it has the axes `lanes`.
Tensor centred(const EvalContext& c, std::size_t i, const Dims& lanes) {
  const TensorView& x = c.in[i];
  Tensor out(DType::f64, Dims(x.dims.begin(), x.dims.end()));
  const auto y = out.mutable_view().as<double>();
  const bool zero = c.in.size() > i + 2 && c.in[i + 2].present();
  Dims shape = zero ? Dims(c.in[i + 2].dims.begin(), c.in[i + 2].dims.end()) : Dims{};
  if (shape.size() == 1 && shape[0] > 1) {
    const std::int64_t n = shape[0];
    shape = lanes;
    *std::ranges::find(shape, -1) = n;
  } else if (shape.size() == 1) {
    shape.clear();
  }
  dispatch_number(x.dtype, [&]<class T>() {
    std::size_t n = 0;
    walk<1>(x.dims, {broadcast_strides(shape, x.dims)}, [&](const auto& o) {
      const double less = zero ? static_cast<double>(c.in[i + 2].as<T>()[static_cast<std::size_t>(o[0])]) : 0.0;
      y[n] = static_cast<double>(x.as<T>()[n]) - less;
      ++n;
    });
  });
  return out;
}

/// The product by the reference of another operator, rounded to int32.
void multiply(const EvalContext& c, const OpDef& by, const Tensor& a, const Tensor& b) {
  Tensor y(DType::f64, Dims(c.out[0].dims.begin(), c.out[0].dims.end()));
  const TensorView in[] = {a.view(), b.view()};
  const MutableTensorView out[] = {y.mutable_view()};
  by.reference({c.node, in, out});
  const auto to = c.out[0].as<std::int32_t>();
  std::ranges::transform(y.as<double>(), to.begin(), [](double v) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::int64_t>(v)));
  });
}

/// The shape that the operator `by` infers for these operands, as int32.
std::vector<Inferred> infer_by(const InferContext& c, const OpDef& by) {
  for (std::size_t i = 0; i < c.count(); ++i)
    if (c.has(i) && c.dtype(i) != DType::u8 && c.dtype(i) != DType::i8)
      throw c.wrong("multiplies 8-bit integers, not " + std::string(name_of(c.dtype(i))));
  for (std::size_t i = 2; i < 4; ++i)
    if (c.has(i)) require_same_type(c, i - 2, i);
  ValueInfo a{c.in[0]->name, {DType::f32, c.shape(0)}, {}, {}, {}},
      b{c.in[1]->name, {DType::f32, c.shape(1)}, {}, {}, {}};
  const ValueInfo* in[] = {&a, &b};
  std::vector<Inferred> inferred = by.infer({c.node, in});
  inferred[0].type.dtype = DType::i32;
  return inferred;
}

/// The zero point of an operand is one number, or one per row of the left and per column of the right operand.
void check_zero_point(const InferContext& c, std::size_t operand) {
  if (!c.has(operand + 2) || product(c.shape(operand + 2)) == Dim(1)) return;
  Shape zero = c.shape(operand + 2);
  if (zero.size() == 1 && operand == 0) zero.push_back(Dim(1));
  if (broadcast(c, c.shape(operand), zero) != c.shape(operand))
    throw c.wrong("a zero point " + to_string(c.shape(operand + 2)) + " does not go with " +
                  to_string(c.shape(operand)));
}

std::vector<Inferred> infer_matmul_integer(const InferContext& c) {
  check_zero_point(c, 0);
  check_zero_point(c, 1);
  return infer_by(c, matmul_op);
}

void matmul_integer_reference(const EvalContext& c) {
  multiply(c, matmul_op, centred(c, 0, {-1, 1}), centred(c, 1, {-1}));
}

std::vector<Inferred> infer_conv_integer(const InferContext& c) {
  if (c.shape(1).empty()) throw c.wrong("the weights are one number");
  if (c.has(2) && product(c.shape(2)) != Dim(1)) throw c.wrong("the zero point of the input is one number");
  if (c.has(3) && product(c.shape(3)) != Dim(1) && !may_be_equal(c.shape(3), Shape{c.shape(1).at(0)}))
    throw c.wrong("a zero point " + to_string(c.shape(3)) + " does not go with weights " + to_string(c.shape(1)));
  return infer_by(c, conv_op);
}

void conv_integer_reference(const EvalContext& c) {
  Dims lanes(c.in[1].dims.size(), 1);
  lanes[0] = -1;
  multiply(c, conv_op, centred(c, 0, {-1}), centred(c, 1, lanes));
}

constexpr std::string_view kIntegers =
    "integers have no derivative; networks with QuantizeLinear and DequantizeLinear are differentiated";

}  // namespace

const OpDef matmul_integer_op{"MatMulInteger", {2, 4},   infer_matmul_integer, matmul_integer_reference, nullptr,
                              nullptr,         kIntegers};
const OpDef conv_integer_op{"ConvInteger", {2, 4},  infer_conv_integer, conv_integer_reference,
                            nullptr,       nullptr, kIntegers};

}  // namespace limn
