#pragma once
// The operators of every family, each defined in the file of its family; table.cpp lists them.

#include "limn/ops/op.h"

namespace limn {

// rectifiers.cpp
extern const OpDef relu_op, relu_grad_op, clip_op, clip_grad_op;
// activations.cpp
extern const OpDef leaky_relu_op, prelu_op, elu_op, selu_op, sigmoid_op, hard_sigmoid_op, hard_swish_op, tanh_op,
    softplus_op, erf_op;
// soft_activations.cpp, trigonometry.cpp
extern const OpDef celu_op, softsign_op, thresholded_relu_op, shrink_op, mish_op;
extern const OpDef tan_op, sinh_op, cosh_op, asin_op, acos_op, atan_op, asinh_op, acosh_op, atanh_op;
// gated_activations.cpp
extern const OpDef gelu_op, gelu_slope_op, gelu_and_slope_op, swish_op, swish_slope_op, swish_and_slope_op;
// unary.cpp
extern const OpDef abs_op, neg_op, sign_op, exp_op, log_op, sqrt_op, reciprocal_op, sin_op, cos_op, floor_op,
    ceil_op, round_op;
// arithmetic.cpp
extern const OpDef add_op, sub_op, mul_op, div_op, pow_op, sum_op, mean_op, max_op, min_op;
// comparison.cpp
extern const OpDef equal_op, greater_op, greater_or_equal_op, less_op, less_or_equal_op, and_op, or_op, not_op,
    where_op, xor_op, is_nan_op, is_inf_op;
// bits.cpp
extern const OpDef bitwise_and_op, bitwise_or_op, bitwise_xor_op, bitwise_not_op, bit_shift_op, mod_op;
// constants.cpp, passing.cpp
extern const OpDef constant_op, constant_of_shape_op, range_op, identity_op, dropout_op, cast_op;
// shape.cpp, layout.cpp
extern const OpDef shape_op, size_op, reshape_op, flatten_op, squeeze_op, unsqueeze_op;
extern const OpDef transpose_op, expand_op, tile_op;
// joining.cpp, slicing.cpp, gather.cpp
extern const OpDef concat_op, split_op, slice_op, gather_op, arg_max_op, arg_min_op, top_k_op;
// reduce.cpp
extern const OpDef reduce_sum_op, reduce_mean_op, reduce_prod_op, reduce_max_op, reduce_min_op, reduce_l1_op,
    reduce_l2_op, reduce_sum_square_op, reduce_log_sum_exp_op;
// softmax.cpp, linear.cpp
extern const OpDef softmax_op, softmax_grad_op, log_softmax_op, hardmax_op, gemm_op, matmul_op;
// einsum.cpp, cumulative.cpp, tables.cpp
extern const OpDef einsum_op, cum_sum_op, trilu_op, det_op;
extern const OpDef eye_like_op, hann_window_op, hamming_window_op, blackman_window_op, mel_weight_matrix_op;
// quantize.cpp, integer_products.cpp
extern const OpDef quantize_linear_op, dequantize_linear_op, dynamic_quantize_linear_op;
extern const OpDef matmul_integer_op, conv_integer_op;
// loss.cpp
extern const OpDef negative_log_likelihood_loss_op, softmax_cross_entropy_loss_op;

// conv.cpp, conv_transpose.cpp
extern const OpDef conv_op, conv_grad_op, conv_transpose_op;
// pool.cpp, global_pool.cpp
extern const OpDef max_pool_op, max_pool_grad_op, average_pool_op, average_pool_grad_op;
extern const OpDef global_average_pool_op, global_max_pool_op;
// batch_norm.cpp, lrn.cpp
extern const OpDef batch_normalization_op, instance_normalization_op, lrn_op, lrn_grad_op;
// layer_norm.cpp, norms.cpp
extern const OpDef layer_normalization_op, layer_normalization_grad_op, group_normalization_op;
extern const OpDef mean_variance_normalization_op, lp_normalization_op, lp_pool_op, global_lp_pool_op;
// pad.cpp, scatter.cpp, gather_nd.cpp
extern const OpDef pad_op, gather_elements_op, scatter_elements_op, gather_nd_op, scatter_nd_op;
// resize.cpp, rearrange.cpp, center_crop_pad.cpp
extern const OpDef resize_op, resize_grad_op, depth_to_space_op, space_to_depth_op, reverse_sequence_op,
    center_crop_pad_op;
// selection.cpp, unpool.cpp
extern const OpDef nonzero_op, compress_op, one_hot_op, unique_op, max_unpool_op, col2im_op;
// regions.cpp, sampling.cpp, overlay.cpp
extern const OpDef roi_align_op, max_roi_pool_op, non_max_suppression_op, grid_sample_op, overlay_op;

}  // namespace limn
