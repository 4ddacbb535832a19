#pragma once
// The equations of Einsum, with the ellipsis spelled out.

#include <span>
#include <string>
#include <vector>

#include "limn/ops/op.h"

namespace limn {

/// One letter per axis. The axes of an ellipsis have letters of their own that no equation can contain: the last
/// one is '0', the one before it '1' and so on, so that ellipses of several operands meet from the right.
struct EinsumEquation {
  std::vector<std::string> operands;
  std::string result;

  bool repeats_a_letter() const;  ///< whether an operand does, and thereby takes a diagonal
  std::string text() const;       ///< "ab0,b->a0": not an equation of ONNX when there was an ellipsis
};

/// Reads the attribute `equation` of a node whose operands have these ranks. Throws Error{bad_input} with the
/// node's place for an equation that cannot be right.
EinsumEquation read_einsum(const Node& node, std::span<const std::size_t> ranks);

/// The same equation with letters alone, as ONNX can write it: the axes of ellipses get letters that are free.
EinsumEquation with_letters(const EinsumEquation& equation, const Node& node);

}  // namespace limn
