#pragma once

#include "limn/ops/op.h"

namespace limn {

/// Every operator limn knows, sorted by name.
LIMN_API std::span<const OpDef* const> all_ops();
/// nullptr when limn does not know it.
LIMN_API const OpDef* find_op(std::string_view name);
/// As find_op; throws Error{unsupported} that names the node.
const OpDef& op_of(const Node& node);
/// The schema that graphs are built with: shape inference through the table.
LIMN_API const Schema& operators();

}  // namespace limn
