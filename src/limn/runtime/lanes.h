#pragma once
// Vectors for kernels that are compiled for one instruction set.

namespace limn {

/// N numbers side by side, wherever those of type T may lie.
template <class T, int N>
using Lanes __attribute__((vector_size(N * sizeof(T)), aligned(alignof(T)), may_alias)) = T;

}  // namespace limn
