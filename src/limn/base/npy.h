#pragma once
// NumPy's .npy files, format versions 1 to 3.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "limn/tensor.h"

namespace limn {

/// The bytes of a version 1 file: float32, little endian, C order; data begin at a multiple of 64 bytes.
std::vector<std::byte> encode_npy(std::span<const std::int64_t> dims, std::span<const float> values);
/// Atomic: see write_file_atomically. Throws Error{io}.
void write_npy(const std::filesystem::path&, std::span<const std::int64_t> dims, std::span<const float> values);
void write_npy(const std::filesystem::path&, const Tensor&);

/// The array as a float32 tensor in C order, whatever its order in the file. Element types: float32, float64,
/// signed and unsigned integers, bool. Throws Error{bad_input} for a broken or truncated file and
/// Error{unsupported} for another element type or big-endian data.
Tensor decode_npy(std::span<const std::byte>, std::string_view where);
Tensor read_npy(const std::filesystem::path&);

/// Whether the bytes begin as those of a .npy file do.
bool is_npy(std::span<const std::byte>);

}  // namespace limn
