#include "limn/ops/table.h"

#include <algorithm>

#include "limn/ops/families.h"

namespace limn {
namespace {

// Sorted by name, byte by byte; a test holds it so.
constexpr std::array kTable{
    &abs_op,
    &add_op,
    &and_op,
    &arg_max_op,
    &average_pool_op,
    &batch_normalization_op,
    &cast_op,
    &ceil_op,
    &clip_op,
    &concat_op,
    &constant_op,
    &constant_of_shape_op,
    &conv_op,
    &conv_transpose_op,
    &cos_op,
    &div_op,
    &dropout_op,
    &elu_op,
    &equal_op,
    &erf_op,
    &exp_op,
    &expand_op,
    &flatten_op,
    &floor_op,
    &gather_op,
    &gather_elements_op,
    &gemm_op,
    &global_average_pool_op,
    &global_max_pool_op,
    &greater_op,
    &greater_or_equal_op,
    &hard_sigmoid_op,
    &hard_swish_op,
    &identity_op,
    &instance_normalization_op,
    &lrn_op,
    &leaky_relu_op,
    &less_op,
    &less_or_equal_op,
    &log_op,
    &log_softmax_op,
    &matmul_op,
    &max_op,
    &max_pool_op,
    &mean_op,
    &min_op,
    &mul_op,
    &neg_op,
    &not_op,
    &or_op,
    &prelu_op,
    &pad_op,
    &pow_op,
    &range_op,
    &reciprocal_op,
    &reduce_l1_op,
    &reduce_l2_op,
    &reduce_log_sum_exp_op,
    &reduce_max_op,
    &reduce_mean_op,
    &reduce_min_op,
    &reduce_prod_op,
    &reduce_sum_op,
    &reduce_sum_square_op,
    &relu_op,
    &reshape_op,
    &round_op,
    &scatter_elements_op,
    &selu_op,
    &shape_op,
    &sigmoid_op,
    &sign_op,
    &sin_op,
    &size_op,
    &slice_op,
    &softmax_op,
    &softplus_op,
    &split_op,
    &sqrt_op,
    &squeeze_op,
    &sub_op,
    &sum_op,
    &tanh_op,
    &tile_op,
    &top_k_op,
    &transpose_op,
    &unsqueeze_op,
    &where_op,
    &average_pool_grad_op,
    &clip_grad_op,
    &conv_grad_op,
    &lrn_grad_op,
    &max_pool_grad_op,
    &relu_grad_op,
};

/// Shape inference through the table.
class TableSchema : public Schema {
 public:
  std::vector<Inferred> infer(const Node& node, std::span<const ValueInfo* const> in) const override {
    const OpDef* op = find_op(node.op);
    if (op == nullptr) return {};
    const InferContext c{node, in};
    check_arity(*op, c);
    // Behind an operator that limn does not know nothing can be told either.
    if (std::ranges::any_of(in, [](const ValueInfo* v) { return v && !typed(*v); })) return {};
    return op->infer(c);
  }

 private:
  static bool typed(const ValueInfo& v) { return v.type.dtype != DType::undefined && v.type.shape; }

  static void check_arity(const OpDef& op, const InferContext& c) {
    if (c.count() > op.arity.max_in)
      throw c.wrong("takes at most " + std::to_string(op.arity.max_in) + " inputs, not " +
                    std::to_string(c.count()));
    for (std::size_t i = 0; i < op.arity.min_in; ++i)
      if (!c.has(i)) throw c.wrong("needs input " + std::to_string(i) + ", which is left out");
  }
};

}  // namespace

std::span<const OpDef* const> all_ops() { return kTable; }

const OpDef* find_op(std::string_view name) {
  const auto it = std::ranges::lower_bound(kTable, name, {}, [](const OpDef* op) { return op->name; });
  return it != kTable.end() && (*it)->name == name ? *it : nullptr;
}

const OpDef& op_of(const Node& node) {
  if (const OpDef* op = find_op(node.op)) return *op;
  throw Error(ErrorCode::unsupported, "limn does not know the operator " + node.op, "node '" + node.name + "'");
}

const Schema& operators() {
  static const TableSchema schema;
  return schema;
}

}  // namespace limn
