#pragma once
// What the machine can do at most, measured: multiplications with addition, and memory bandwidth.

#include <cstddef>

namespace limn::bench {

/// 10^9 floating-point operations a second of `threads` threads that do nothing but fused multiply-add on
/// registers, in the widest vectors of this processor; each thread's best of the bursts of a few milliseconds
/// within `seconds`.
double peak_gflops(int threads, double seconds);

enum class Stream { read, copy, triad };  ///< s += a; a = b; a = b + 3 c
/// Bytes that one element of four bytes moves, as the program sees it.
int bytes_per_element(Stream stream);
/// 10^9 bytes a second of `threads` threads over arrays of `bytes` each; the best of some passes within `seconds`.
double stream_gbytes(Stream stream, int threads, std::size_t bytes, double seconds);

}  // namespace limn::bench
