#pragma once
// The operators of every family, each defined in the file of its family; table.cpp lists them.

#include "limn/ops/op.h"

namespace limn {

// rectifiers.cpp
extern const OpDef relu_op, relu_grad_op;

}  // namespace limn
