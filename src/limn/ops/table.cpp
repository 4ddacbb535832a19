#include "limn/ops/table.h"

#include <algorithm>

#include "limn/ops/families.h"

namespace limn {
namespace {

// Sorted by name, byte by byte; a test holds it so.
constexpr std::array kTable{
    &abs_op,
    &acos_op,
    &acosh_op,
    &add_op,
    &and_op,
    &arg_max_op,
    &arg_min_op,
    &asin_op,
    &asinh_op,
    &atan_op,
    &atanh_op,
    &average_pool_op,
    &batch_normalization_op,
    &bit_shift_op,
    &bitwise_and_op,
    &bitwise_not_op,
    &bitwise_or_op,
    &bitwise_xor_op,
    &blackman_window_op,
    &cast_op,
    &ceil_op,
    &celu_op,
    &center_crop_pad_op,
    &clip_op,
    &col2im_op,
    &compress_op,
    &concat_op,
    &constant_op,
    &constant_of_shape_op,
    &conv_op,
    &conv_integer_op,
    &conv_transpose_op,
    &cos_op,
    &cosh_op,
    &cum_sum_op,
    &depth_to_space_op,
    &dequantize_linear_op,
    &det_op,
    &div_op,
    &dropout_op,
    &dynamic_quantize_linear_op,
    &einsum_op,
    &elu_op,
    &equal_op,
    &erf_op,
    &exp_op,
    &expand_op,
    &eye_like_op,
    &flatten_op,
    &floor_op,
    &gather_op,
    &gather_elements_op,
    &gather_nd_op,
    &gelu_op,
    &gemm_op,
    &global_average_pool_op,
    &global_lp_pool_op,
    &global_max_pool_op,
    &greater_op,
    &greater_or_equal_op,
    &grid_sample_op,
    &group_normalization_op,
    &hamming_window_op,
    &hann_window_op,
    &hard_sigmoid_op,
    &hard_swish_op,
    &hardmax_op,
    &identity_op,
    &instance_normalization_op,
    &is_inf_op,
    &is_nan_op,
    &lrn_op,
    &layer_normalization_op,
    &leaky_relu_op,
    &less_op,
    &less_or_equal_op,
    &log_op,
    &log_softmax_op,
    &lp_normalization_op,
    &lp_pool_op,
    &matmul_op,
    &matmul_integer_op,
    &max_op,
    &max_pool_op,
    &max_roi_pool_op,
    &max_unpool_op,
    &mean_op,
    &mean_variance_normalization_op,
    &mel_weight_matrix_op,
    &min_op,
    &mish_op,
    &mod_op,
    &mul_op,
    &neg_op,
    &negative_log_likelihood_loss_op,
    &non_max_suppression_op,
    &nonzero_op,
    &not_op,
    &one_hot_op,
    &or_op,
    &prelu_op,
    &pad_op,
    &pow_op,
    &quantize_linear_op,
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
    &resize_op,
    &reverse_sequence_op,
    &roi_align_op,
    &round_op,
    &scatter_elements_op,
    &scatter_nd_op,
    &selu_op,
    &shape_op,
    &shrink_op,
    &sigmoid_op,
    &sign_op,
    &sin_op,
    &sinh_op,
    &size_op,
    &slice_op,
    &softmax_op,
    &softmax_cross_entropy_loss_op,
    &softplus_op,
    &softsign_op,
    &space_to_depth_op,
    &split_op,
    &sqrt_op,
    &squeeze_op,
    &sub_op,
    &sum_op,
    &swish_op,
    &tan_op,
    &tanh_op,
    &thresholded_relu_op,
    &tile_op,
    &top_k_op,
    &transpose_op,
    &trilu_op,
    &unique_op,
    &unsqueeze_op,
    &where_op,
    &xor_op,
    &average_pool_grad_op,
    &clip_grad_op,
    &conv_grad_op,
    &gelu_and_slope_op,
    &gelu_slope_op,
    &lrn_grad_op,
    &layer_normalization_grad_op,
    &max_pool_grad_op,
    &overlay_op,
    &relu_grad_op,
    &resize_grad_op,
    &softmax_grad_op,
    &swish_and_slope_op,
    &swish_slope_op,
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
