// CumSum, the triangles of Trilu, and the determinant.
#include <cmath>
#include <utility>

#include "limn/ops/build.h"
#include "limn/ops/families.h"
#include "limn/ops/infer.h"
#include "limn/ops/loops.h"
#include "limn/ops/wrapping.h"

namespace limn {
namespace {

bool flag(const Node& node, std::string_view name, std::int64_t otherwise = 0) {
  return node.attrs.integer(name, otherwise) != 0;
}

/// The one integer in input i.
std::int64_t integer_in(const EvalContext& c, std::size_t i) {
  std::int64_t value = 0;
  dispatch_number(c.in[i].dtype, [&]<class T>() { value = static_cast<std::int64_t>(c.in[i].as<T>()[0]); });
  return value;
}

std::vector<Inferred> infer_cum_sum(const InferContext& c) {
  if (c.dtype(0) == DType::boolean) throw c.wrong("takes numbers, not truth values");
  if (product(c.shape(1)) != Dim(1) || is_float(c.dtype(1)) || c.dtype(1) == DType::boolean)
    throw c.wrong("the axis is one integer");
  if (const auto axis = c.integers(1)) axis_of(c, axis->front(), c.shape(0).size());
  return {{c.type(0), {}}};
}

void cum_sum_reference(const EvalContext& c) {
  const auto dims = c.in[0].dims;
  const auto rank = static_cast<std::int64_t>(dims.size());
  const std::int64_t given = integer_in(c, 1);
  if (given < -rank || given >= rank)
    throw Error(ErrorCode::bad_input, "the axis " + std::to_string(given) + " of a CumSum does not exist",
                c.node.name);
  const std::size_t axis = from_front(given, dims.size());
  const std::int64_t n = dims[axis], after = element_count(dims.subspan(axis + 1));
  const bool exclusive = flag(c.node, "exclusive"), reverse = flag(c.node, "reverse");
  dispatch_number(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for (std::int64_t b = 0; b < element_count(dims.first(axis)); ++b)
      for (std::int64_t a = 0; a < after; ++a) {
        T sum{};
        for (std::int64_t k = 0; k < n; ++k) {
          const auto i = static_cast<std::size_t>((b * n + (reverse ? n - 1 - k : k)) * after + a);
          const T before = sum;
          sum = static_cast<T>(static_cast<Wrapping<T>>(sum) + static_cast<Wrapping<T>>(x[i]));
          y[i] = exclusive ? before : sum;
        }
      }
  });
}

/// The same sums from the other end.
std::vector<Value> cum_sum_vjp(const VjpContext& c) {
  Attrs attrs = c.node.attrs;
  attrs.set("reverse", std::int64_t{flag(c.node, "reverse") ? 0 : 1});
  return {emit("CumSum", {c.dout[0], c.in[1]}, std::move(attrs)), {}};
}

std::vector<Inferred> infer_trilu(const InferContext& c) {
  if (c.shape(0).size() < 2) throw c.wrong("takes matrices, not " + to_string(c.shape(0)));
  if (c.has(1) && product(c.shape(1)) != Dim(1)) throw c.wrong("the diagonal k is one integer");
  return {{c.type(0), {}}};
}

/// Keeps what lies on or above the k-th diagonal (upper, the default), or on or below it; 0 elsewhere.
void trilu_reference(const EvalContext& c) {
  const auto dims = c.in[0].dims;
  const std::int64_t k = c.in.size() > 1 && c.in[1].present() ? integer_in(c, 1) : 0;
  const std::int64_t rows = dims[dims.size() - 2], columns = dims.back();
  const bool upper = flag(c.node, "upper", 1);
  dispatch(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      // A far diagonal must not overflow: compare k with the difference.
      const std::int64_t beyond = at % columns - at / columns % rows;
      y[i] = (upper ? beyond >= k : beyond <= k) ? x[i] : T{};
    }
  });
}

std::vector<Value> trilu_vjp(const VjpContext& c) {
  std::vector<Value> in(c.in.begin(), c.in.end()), din(c.in.size());
  in[0] = c.dout[0];
  din[0] = emit("Trilu", std::move(in), c.node.attrs);
  return din;
}

std::vector<Inferred> infer_det(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (!is_float(c.dtype(0))) throw c.wrong("takes float tensors, not " + std::string(name_of(c.dtype(0))));
  if (x.size() < 2 || !may_be_equal(Shape{x[x.size() - 2]}, Shape{x.back()}))
    throw c.wrong("takes square matrices, not " + to_string(x));
  return typed_as_first(c, Shape(x.begin(), x.end() - 2));
}

/// By elimination with the largest pivot of each column; `m` is overwritten.
template <class T>
T determinant(std::vector<T>& m, std::size_t n) {
  T det{1};
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i)
      if (std::abs(m[i * n + k]) > std::abs(m[pivot * n + k])) pivot = i;
    if (m[pivot * n + k] == T{}) return T{};
    if (pivot != k) {
      std::swap_ranges(m.begin() + static_cast<std::ptrdiff_t>(k * n),
                       m.begin() + static_cast<std::ptrdiff_t>(k * n + n),
                       m.begin() + static_cast<std::ptrdiff_t>(pivot * n));
      det = -det;
    }
    det *= m[k * n + k];
    for (std::size_t i = k + 1; i < n; ++i) {
      const T factor = m[i * n + k] / m[k * n + k];
      for (std::size_t j = k; j < n; ++j) m[i * n + j] -= factor * m[k * n + j];
    }
  }
  return det;
}

void det_reference(const EvalContext& c) {
  const auto n = static_cast<std::size_t>(c.in[0].dims.back());
  dispatch_float(c.in[0].dtype, [&]<class T>() {
    const auto x = c.in[0].as<T>();
    const auto y = c.out[0].as<T>();
    for (std::size_t i = 0; i < y.size(); ++i) {
      const auto matrix = x.subspan(i * n * n, n * n);
      std::vector<T> m(matrix.begin(), matrix.end());
      y[i] = determinant(m, n);
    }
  });
}

}  // namespace

const OpDef cum_sum_op{"CumSum", {2, 2}, infer_cum_sum, cum_sum_reference, cum_sum_vjp};
const OpDef trilu_op{"Trilu", {1, 2}, infer_trilu, trilu_reference, trilu_vjp};
const OpDef det_op{"Det",
                   {1, 1},
                   infer_det,
                   det_reference,
                   nullptr,
                   nullptr,
                   "its derivative needs the inverse, for which ONNX has no operator"};

}  // namespace limn
