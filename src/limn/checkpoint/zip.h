#pragma once
// Zip archives whose entries are stored, as torch.save writes them; zip64 included.

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace limn {

/// The entries by name, as views into `file`. Checksums are not looked at.
/// Throws Error{bad_input} for an archive that is cut short, entries that overlap, lie outside the file or have one
/// name, Error{unsupported} for entries that are compressed or encrypted.
std::map<std::string, std::span<const std::byte>, std::less<>> read_zip(std::span<const std::byte> file);

}  // namespace limn
