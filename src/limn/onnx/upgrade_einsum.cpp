// Einsum of two operands as a matrix product: the axes of each are sorted into stacks (in both operands and the
// result), sums (in both, not in the result) and its own, and those of one kind become one axis.
#include <algorithm>

#include "limn/onnx/upgrade_forms.h"
#include "limn/ops/einsum.h"

namespace limn {
namespace {

using Ints = std::vector<std::int64_t>;

/// A value with a letter for each of its axes.
struct Labelled {
  ValueId value;
  std::string axes;
  Shape shape;

  const Dim& size(char axis) const { return shape[axes.find(axis)]; }
  bool has(char axis) const { return axes.find(axis) != std::string::npos; }
};

/// Appends the nodes of one Einsum. Decides everything before it appends anything.
class Contraction {
 public:
  Contraction(NodeUpgrade& u, const EinsumEquation& e) : u_(u) {
    for (std::size_t i = 0; i < e.operands.size(); ++i)
      operands_.push_back({u.node.in[i], e.operands[i], *u.input(i).type.shape});
    result_ = e.result;
  }

  /// Whether sizes and letters allow it: no axis broadcasts, and at most one size is unknown that a Reshape would
  /// have to spell.
  bool possible() const {
    for (const Labelled& a : operands_)
      for (const Labelled& b : operands_)
        for (char axis : a.axes)
          if (b.has(axis) && a.size(axis) != b.size(axis)) return false;
    return unknown_axes().size() <= 1;
  }

  /// The result; its axes are in the order of the equation.
  ValueId make() {
    Labelled sum = operands_.front();
    for (std::size_t i = 1; i < operands_.size(); ++i) sum = product(sum, operands_[i], wanted_after(i));
    sum = summed(sum, result_);
    return transposed(sum, result_).value;
  }

 private:
  /// Axes of unknown size, without those that are in all operands and the result: they are only ever copied.
  std::string unknown_axes() const {
    std::string found;
    for (const Labelled& o : operands_)
      for (char axis : o.axes) {
        const bool everywhere = result_.find(axis) != std::string::npos &&
                                std::ranges::all_of(operands_, [&](const Labelled& p) { return p.has(axis); });
        if (!o.size(axis).known() && !everywhere && found.find(axis) == std::string::npos) found += axis;
      }
    return found;
  }

  /// Letters of the result and of the operands after i.
  std::string wanted_after(std::size_t i) const {
    std::string wanted = result_;
    for (std::size_t k = i + 1; k < operands_.size(); ++k) wanted += operands_[k].axes;
    return wanted;
  }

  static std::string common(const std::string& a, const std::string& b) {
    std::string both;
    std::ranges::copy_if(a, std::back_inserter(both), [&](char ch) { return b.find(ch) != std::string::npos; });
    return both;
  }
  static std::string without(const std::string& a, const std::string& b) {
    std::string rest;
    std::ranges::copy_if(a, std::back_inserter(rest), [&](char ch) { return b.find(ch) == std::string::npos; });
    return rest;
  }

  static Shape sizes(const Labelled& from, const std::string& axes) {
    Shape shape;
    for (char axis : axes) shape.push_back(from.size(axis));
    return shape;
  }

  ValueId vector(Ints values) {
    const auto n = static_cast<std::int64_t>(values.size());
    return u_.constant(Tensor::of<std::int64_t>({n}, std::span<const std::int64_t>(values)), "sizes");
  }

  /// Sums over the axes that are not in `wanted`.
  Labelled summed(const Labelled& x, const std::string& wanted) {
    const std::string kept = common(x.axes, wanted);
    if (kept == x.axes) return x;
    Ints axes;
    for (std::size_t i = 0; i < x.axes.size(); ++i)
      if (wanted.find(x.axes[i]) == std::string::npos) axes.push_back(static_cast<std::int64_t>(i));
    const ValueId y = u_.before("ReduceSum", {x.value, vector(axes)}, {{"keepdims", std::int64_t{0}}}, "sum");
    return {y, kept, sizes(x, kept)};
  }

  Labelled transposed(const Labelled& x, const std::string& order) {
    if (x.axes == order) return x;
    Ints perm;
    for (char axis : order) perm.push_back(static_cast<std::int64_t>(x.axes.find(axis)));
    return {u_.before("Transpose", {x.value}, {{"perm", perm}}, "turned"), order, sizes(x, order)};
  }

  /// Axes that are merged keep their number when it is known, -1 for the one that is not; axes before them are
  /// copied.
  static std::int64_t merged(const Labelled& x, const std::string& axes) {
    std::int64_t n = 1;
    for (char axis : axes) {
      if (!x.size(axis).known()) return -1;
      n *= x.size(axis).value;
    }
    return n;
  }

  /// x as a stack of matrices.
  ValueId matrix(const Labelled& x, const std::string& stack, const std::string& rows, const std::string& columns) {
    const Labelled y = transposed(x, stack + rows + columns);
    if (rows.size() == 1 && columns.size() == 1) return y.value;
    Ints shape(stack.size(), 0);
    shape.push_back(merged(y, rows));
    shape.push_back(merged(y, columns));
    return u_.before("Reshape", {y.value, vector(shape)}, {}, "matrix");
  }

  Labelled product(const Labelled& left, const Labelled& right, const std::string& wanted) {
    const Labelled a = summed(left, wanted + right.axes), b = summed(right, wanted + left.axes);
    const std::string both = common(a.axes, b.axes), stack = common(both, wanted), inner = without(both, wanted);
    const std::string rows = without(a.axes, both), columns = without(b.axes, both);
    const ValueId y =
        u_.before("MatMul", {matrix(a, stack, rows, inner), matrix(b, stack, inner, columns)}, {}, "product");
    Labelled out{y, stack + rows + columns, {}};
    for (char axis : out.axes) out.shape.push_back(a.has(axis) ? a.size(axis) : b.size(axis));
    if (rows.size() == 1 && columns.size() == 1) return out;
    Ints shape(stack.size(), 0);
    for (char axis : rows + columns) {
      const Dim& d = out.size(axis);
      shape.push_back(d.known() ? d.value : -1);
    }
    out.value = u_.before("Reshape", {y, vector(shape)}, {}, "apart");
    return out;
  }

  NodeUpgrade& u_;
  std::vector<Labelled> operands_;
  std::string result_;
};

}  // namespace

void einsum_as_products(NodeUpgrade& u) {
  std::vector<std::size_t> ranks;
  for (std::size_t i = 0; i < u.node.in.size(); ++i) {
    if (!u.has_input(i) || !u.input(i).type.shape || u.input(i).type.dtype != DType::f32) return;
    ranks.push_back(u.input(i).type.shape->size());
  }
  const EinsumEquation e = read_einsum(u.node, ranks);
  Contraction contraction(u, e);
  if (e.repeats_a_letter() || !contraction.possible()) return;
  u.node.in = {contraction.make()};
  u.node.op = "Identity";
  u.node.attrs = {};
}

}  // namespace limn
