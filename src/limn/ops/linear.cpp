// Gemm and MatMul.
#include <utility>

#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"
#include "limn/ops/wrapping.h"

namespace limn {
namespace {

/// A matrix with strides, so that a transposed one needs no copy.
template <class T>
struct Matrix {
  const T* data;
  std::int64_t row, column;  ///< strides
};

/// y [m, n] += scale * a [m, k] b [k, n], by rows of b where those are contiguous and by dot products where its
/// columns are.
template <class T>
void multiply_add(Matrix<T> a, Matrix<T> b, T* y, std::int64_t m, std::int64_t k, std::int64_t n, T scale) {
  using U = Wrapping<T>;
  for (std::int64_t i = 0; i < m; ++i, y += n) {
    const T* left = a.data + i * a.row;
    if (b.row == 1) {
      for (std::int64_t j = 0; j < n; ++j) {
        U sum{};
        for (std::int64_t p = 0; p < k; ++p)
          sum += static_cast<U>(left[p * a.column]) * static_cast<U>(b.data[p + j * b.column]);
        y[j] = static_cast<T>(static_cast<U>(y[j]) + static_cast<U>(scale) * sum);
      }
    } else {
      for (std::int64_t p = 0; p < k; ++p) {
        const U factor = static_cast<U>(scale) * static_cast<U>(left[p * a.column]);
        const T* right = b.data + p * b.row;
        for (std::int64_t j = 0; j < n; ++j)
          y[j] = static_cast<T>(static_cast<U>(y[j]) + factor * static_cast<U>(right[j * b.column]));
      }
    }
  }
}

bool flag(const Node& node, std::string_view name) { return node.attrs.integer(name, 0) != 0; }

std::vector<Inferred> infer_gemm(const InferContext& c) {
  const Shape& a = c.shape(0);
  const Shape& b = c.shape(1);
  require_same_type(c, 0, 1);
  const std::string both = to_string(a) + " and " + to_string(b);
  if (a.size() != 2 || b.size() != 2) throw c.wrong("multiplies matrices, not tensors of the shapes " + both);
  const bool ta = flag(c.node, "transA"), tb = flag(c.node, "transB");
  const Dim inner_a = a[ta ? 0 : 1], inner_b = b[tb ? 1 : 0];
  if (inner_a.known() && inner_b.known() && inner_a != inner_b)
    throw c.wrong("the matrices " + both + " do not fit together" + (ta || tb ? " as transposed" : ""));
  const Shape y{a[ta ? 1 : 0], b[tb ? 0 : 1]};
  if (c.has(2) && (c.shape(2).size() > 2 || broadcast(c, c.shape(2), y) != y))
    throw c.wrong("the bias " + to_string(c.shape(2)) + " does not broadcast to " + to_string(y));
  return typed_as_first(c, y);
}

void gemm_reference(const EvalContext& c) {
  const bool ta = flag(c.node, "transA"), tb = flag(c.node, "transB");
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const TensorView &a = c.in[0], &b = c.in[1];
    const auto y = c.out[0].as<T>();
    const T beta = static_cast<T>(c.node.attrs.real("beta", 1.0));
    std::ranges::fill(y, T{});
    if (c.in.size() > 2 && c.in[2].present()) {
      const auto bias = c.in[2].as<T>();
      std::size_t n = 0;
      walk<1>(c.out[0].dims, {broadcast_strides(c.in[2].dims, c.out[0].dims)}, [&](const auto& o) {
        y[n++] = static_cast<T>(static_cast<Wrapping<T>>(beta) *
                                static_cast<Wrapping<T>>(bias[static_cast<std::size_t>(o[0])]));
      });
    }
    const std::int64_t wa = a.dims[1], wb = b.dims[1];
    multiply_add<T>({a.as<T>().data(), ta ? 1 : wa, ta ? wa : 1}, {b.as<T>().data(), tb ? 1 : wb, tb ? wb : 1},
                    y.data(), c.out[0].dims[0], a.dims[ta ? 0 : 1], c.out[0].dims[1],
                    static_cast<T>(c.node.attrs.real("alpha", 1.0)));
  });
}

Value gemm(Value a, Value b, bool ta, bool tb, double alpha) {
  Attrs attrs;
  if (ta) attrs.set("transA", std::int64_t{1});
  if (tb) attrs.set("transB", std::int64_t{1});
  if (alpha != 1.0) attrs.set("alpha", alpha);
  return emit("Gemm", {a, b}, std::move(attrs));
}

// With A', B' the operands as multiplied: dA' = dY B'^T and dB' = A'^T dY, each turned back where it was
// transposed.
std::vector<Value> gemm_vjp(const VjpContext& c) {
  const bool ta = flag(c.node, "transA"), tb = flag(c.node, "transB");
  const double alpha = c.node.attrs.real("alpha", 1.0), beta = c.node.attrs.real("beta", 1.0);
  const Value a = c.in[0], b = c.in[1], dy = c.dout[0];
  std::vector<Value> din(c.in.size());
  if (c.wants[0]) din[0] = ta ? gemm(b, dy, tb, true, alpha) : gemm(dy, b, false, !tb, alpha);
  if (c.wants[1]) din[1] = tb ? gemm(dy, a, true, ta, alpha) : gemm(a, dy, !ta, false, alpha);
  if (din.size() > 2 && c.wants[2]) din[2] = unbroadcast(beta == 1.0 ? dy : dy * static_cast<float>(beta), c.in[2]);
  return din;
}

/// The operands of a MatMul as stacks of matrices: a vector is a row on the left and a column on the right.
Shape as_left(Shape a) {
  if (a.size() == 1) a.insert(a.begin(), Dim(1));
  return a;
}
Shape as_right(Shape b) {
  if (b.size() == 1) b.push_back(Dim(1));
  return b;
}

std::vector<Inferred> infer_matmul(const InferContext& c) {
  require_same_type(c, 0, 1);
  if (c.shape(0).empty() || c.shape(1).empty()) throw c.wrong("multiplies matrices, not scalars");
  const Shape a = as_left(c.shape(0)), b = as_right(c.shape(1));
  const Dim inner_a = a.back(), inner_b = b[b.size() - 2];
  if (inner_a.known() && inner_b.known() && inner_a != inner_b)
    throw c.wrong("the matrices " + to_string(c.shape(0)) + " and " + to_string(c.shape(1)) +
                  " do not fit together");
  Shape y = broadcast(c, Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  if (c.shape(0).size() > 1) y.push_back(a[a.size() - 2]);
  if (c.shape(1).size() > 1) y.push_back(b.back());
  return typed_as_first(c, std::move(y));
}

void matmul_reference(const EvalContext& c) {
  const Dims a = known_dims(as_left(to_shape(c.in[0].dims))), b = known_dims(as_right(to_shape(c.in[1].dims)));
  const std::int64_t m = a[a.size() - 2], k = a.back(), n = b.back();
  const std::size_t lead = std::max(a.size(), b.size()) - 2;
  const std::span<const std::int64_t> stack = c.out[0].dims.first(lead);
  // Offsets of whole matrices, counted in matrices.
  const auto strides = [&](const Dims& d) { return broadcast_strides(std::span(d).first(d.size() - 2), stack); };
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const T* left = c.in[0].as<T>().data();
    const T* right = c.in[1].as<T>().data();
    T* y = c.out[0].as<T>().data();
    std::ranges::fill(c.out[0].as<T>(), T{});
    walk<2>(stack, {strides(a), strides(b)}, [&](const auto& o) {
      multiply_add<T>({left + o[0] * m * k, k, 1}, {right + o[1] * k * n, n, 1}, y, m, k, n, T{1});
      y += m * n;
    });
  });
}

/// The last two axes exchanged.
Value transposed(Value x) {
  std::vector<std::int64_t> perm;
  for (std::size_t i = 0; i < x.shape().size(); ++i) perm.push_back(static_cast<std::int64_t>(i));
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return transpose(x, std::move(perm));
}

std::vector<Value> matmul_vjp(const VjpContext& c) {
  const bool row = c.in[0].shape().size() == 1, column = c.in[1].shape().size() == 1;
  const Value a = row ? unsqueeze(c.in[0], {0}) : c.in[0];
  const Value b = column ? unsqueeze(c.in[1], {1}) : c.in[1];
  Value dy = c.dout[0];
  if (column) dy = unsqueeze(dy, {-1});
  if (row) dy = unsqueeze(dy, {-2});
  const auto back = [](Value d, Value operand, Value in, bool vector) {
    d = unbroadcast(d, operand);
    return vector ? reshape_like(d, in) : d;
  };
  std::vector<Value> din(2);
  if (c.wants[0]) din[0] = back(matmul(dy, transposed(b)), a, c.in[0], row);
  if (c.wants[1]) din[1] = back(matmul(transposed(a), dy), b, c.in[1], column);
  return din;
}

}  // namespace

const OpDef gemm_op{"Gemm", {2, 3}, infer_gemm, gemm_reference, gemm_vjp};
const OpDef matmul_op{"MatMul", {2, 2}, infer_matmul, matmul_reference, matmul_vjp};

}  // namespace limn
