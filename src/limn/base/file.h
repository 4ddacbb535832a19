#pragma once
// Whole files: reading them, and writing them so that a reader sees all or nothing.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/error.h"

namespace limn {

/// The bytes of a file. Throws Error{not_found} when it does not exist, Error{io} for a directory or when the
/// system refuses, Error{limit} above max_bytes.
std::vector<std::byte> read_file(const std::filesystem::path&, std::int64_t max_bytes = std::int64_t{1} << 32);
/// The same as text.
std::string read_text_file(const std::filesystem::path&, std::int64_t max_bytes = std::int64_t{1} << 30);

/// Writes the bytes to a new file in the same folder and renames it to `path`. A process that dies or a disk
/// that fills up leaves the old file (or none), never a part of the new one. Throws Error{io}, or
/// Error{not_found} when the folder does not exist; the temporary file is then removed.
void write_file_atomically(const std::filesystem::path&, std::span<const std::byte>);
void write_file_atomically(const std::filesystem::path&, std::string_view text);

}  // namespace limn
