#pragma once
// The weights of a network as a training framework saved them: PyTorch's files and safetensors.

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "limn/tensor.h"

namespace limn {

/// Tensors by name. Half, bfloat16 and double have become float32.
struct Checkpoint {
  std::map<std::string, Tensor, std::less<>> tensors;
  std::string format;  ///< "PyTorch zip", "PyTorch legacy" or "safetensors"
};

/// Reads what torch.save wrote, in the zip format of PyTorch 1.6 and newer or the legacy format before it, or a
/// safetensors file; its first bytes tell which. A training checkpoint that holds the weights under `state_dict`,
/// `model_state_dict` or `model` gives those.
///
/// Nothing in the file is executed: its pickle may name tensors, storages and containers, anything else is refused
/// by name. Weights are not copied where their bytes can be used as they lie; the file stays mapped for as long as
/// one of them lives. Memory beyond that is bounded by a small multiple of the file's size.
///
/// Throws Error{not_found, io} when the file cannot be read, Error{bad_input} when it is damaged or none of these
/// formats, Error{unsupported} for a content that limn does not know, Error{limit} when it is too large to be true.
LIMN_API Checkpoint read_checkpoint(const std::filesystem::path& path);
/// From memory, which is copied.
LIMN_API Checkpoint read_checkpoint(std::span<const std::byte> bytes);

}  // namespace limn
