#pragma once
// One reader per format; each throws as read_checkpoint() does.

#include "limn/checkpoint.h"
#include "limn/checkpoint/file_bytes.h"

namespace limn {

Checkpoint read_torch_zip(const FileBytes& file);
/// A magic number, a protocol number, facts about the machine, the object and the keys of its storages, one pickle
/// each; then the storages, each a count and its elements.
Checkpoint read_torch_legacy(const FileBytes& file);
/// The length of a JSON header, the header, the numbers.
Checkpoint read_safetensors(const FileBytes& file);

/// Whether the file begins as that format does.
bool is_zip(std::span<const std::byte> file);
bool is_safetensors(std::span<const std::byte> file);
bool is_pickle(std::span<const std::byte> file);

}  // namespace limn
