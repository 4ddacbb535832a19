// Any bytes at the door of checkpoints: tensors that can be read to their last byte, or an Error; nothing else.

#include <cstddef>
#include <cstdint>
#include <span>

#include "limn/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const limn::Checkpoint checkpoint = limn::read_checkpoint(std::as_bytes(std::span(data, size)));
    unsigned sum = 0;
    for (const auto& [name, tensor] : checkpoint.tensors)
      for (const std::byte b : std::span(tensor.bytes(), tensor.byte_count())) sum += std::to_integer<unsigned>(b);
    // Keeps the reads in the program.
    if (checkpoint.tensors.empty() && sum != 0) __builtin_trap();
  } catch (const limn::Error& error) {
    // A bug of ours is no answer to bad bytes.
    if (error.code() == limn::ErrorCode::internal) __builtin_trap();
  }
  return 0;
}
