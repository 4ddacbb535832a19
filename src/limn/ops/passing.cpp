// Operators that hand their input on: Identity, Dropout at inference, and Cast.
#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"

namespace limn {
namespace {

void copy_bytes(const EvalContext& c) {
  std::copy_n(c.in[0].bytes, static_cast<std::size_t>(c.in[0].count()) * size_of(c.in[0].dtype), c.out[0].bytes);
}

std::vector<Value> pass_vjp(const VjpContext& c) {
  std::vector<Value> din(c.in.size());
  din[0] = c.dout[0];
  return din;
}

std::vector<Inferred> infer_dropout(const InferContext& c) {
  return {{c.type(0), c.content(0)}, {{DType::boolean, c.shape(0)}, {}}};
}

void dropout_reference(const EvalContext& c) {
  copy_bytes(c);
  if (c.out.size() > 1) std::ranges::fill(c.out[1].as<bool>(), true);
}

std::vector<Inferred> infer_cast(const InferContext& c) {
  const DType to = dtype_of_onnx(c.node.attrs.integer("to", 0));
  if (to == DType::undefined)
    throw c.wrong("limn holds no tensors of the element type " + std::to_string(c.node.attrs.integer("to", 0)));
  return {{{to, c.shape(0)}, is_float(to) || to == DType::boolean ? std::nullopt : elements(c, 0)}};
}

void cast_reference(const EvalContext& c) {
  dispatch(c.in[0].dtype, [&]<class From>() {
    dispatch(c.out[0].dtype, [&]<class To>() {
      const auto x = c.in[0].as<From>();
      const auto y = c.out[0].as<To>();
      for (std::size_t i = 0; i < x.size(); ++i) {
        if constexpr (std::is_same_v<To, bool>)
          y[i] = x[i] != From{};
        else
          y[i] = static_cast<To>(x[i]);
      }
    });
  });
}

std::vector<Value> cast_vjp(const VjpContext& c) {
  const bool through = is_float(c.in[0].type().dtype) && is_float(c.out[0].type().dtype);
  return {through ? c.dout[0] : Value{}};
}

}  // namespace

const OpDef identity_op{"Identity", {1, 1}, infer_same, copy_bytes, pass_vjp};
const OpDef dropout_op{"Dropout",
                       {1, 3, 2},
                       infer_dropout,
                       dropout_reference,
                       pass_vjp,
                       nullptr,
                       "as at inference: nothing is dropped, whatever its training mode says"};
const OpDef cast_op{
    "Cast", {1, 1}, infer_cast, cast_reference, cast_vjp, nullptr, "derivatives flow between float types only"};

}  // namespace limn
