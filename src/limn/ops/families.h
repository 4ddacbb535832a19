#pragma once
// The operators of every family, each defined in the file of its family; table.cpp lists them.

#include "limn/ops/op.h"

namespace limn {

// rectifiers.cpp
extern const OpDef relu_op, relu_grad_op;

// conv.cpp, conv_transpose.cpp
extern const OpDef conv_op, conv_grad_op, conv_transpose_op;
// pool.cpp, global_pool.cpp
extern const OpDef max_pool_op, max_pool_grad_op, average_pool_op, average_pool_grad_op;
extern const OpDef global_average_pool_op, global_max_pool_op;
// batch_norm.cpp, lrn.cpp
extern const OpDef batch_normalization_op, instance_normalization_op, lrn_op, lrn_grad_op;
// pad.cpp, scatter.cpp
extern const OpDef pad_op, scatter_elements_op;

}  // namespace limn
