#pragma once
// Memory for tensors, weights and activations.

#include <cstddef>
#include <memory>

namespace limn {

/// Bytes aligned to 64; null when there is no memory. Pieces of 2 MiB and more come from the system itself, zeroed
/// and on huge pages where it has them: a page fault for every 4 KiB would cost more than filling them.
std::shared_ptr<std::byte> allocate(std::size_t bytes);
/// The same; throws Error{limit} with this message where there is no memory.
std::shared_ptr<std::byte> allocate(std::size_t bytes, const char* complaint);
/// The same, zeroed whatever the size; null when there is no memory.
std::shared_ptr<std::byte> allocate_zeroed(std::size_t bytes);

}  // namespace limn
