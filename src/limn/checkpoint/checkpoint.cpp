#include "limn/checkpoint.h"

#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "limn/base/mapped_file.h"
#include "limn/checkpoint/formats.h"
#include "limn/error.h"

namespace limn {
namespace {

/// "ustar", where tar archives have it.
bool is_tar(std::span<const std::byte> file) {
  constexpr std::string_view kMark = "ustar";
  constexpr std::size_t kAt = 257;
  return file.size() > kAt + kMark.size() &&
         std::string_view(reinterpret_cast<const char*>(file.data()) + kAt, kMark.size()) == kMark;
}

Checkpoint read(const FileBytes& file) {
  if (is_zip(file.bytes)) return read_torch_zip(file);
  if (is_safetensors(file.bytes)) return read_safetensors(file);
  if (is_pickle(file.bytes)) return read_torch_legacy(file);
  if (is_tar(file.bytes))
    throw Error(ErrorCode::unsupported, "it is a tar archive", {},
                "unpack it if a checkpoint lies inside; formats before PyTorch 0.1.10 are not read");
  throw Error(ErrorCode::bad_input, "it is neither a checkpoint of PyTorch nor a safetensors file", {},
              "name the file of weights: a .pth, .pt, .pth.tar or .safetensors");
}

Error of_file(const Error& e, std::string_view file) {
  return Error(e.code(), fmt::format("cannot read {}: {}", file, e.message()), e.where(), e.mend());
}

}  // namespace

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  try {
    const auto file = std::make_shared<const MappedFile>(path);
    return read({file, file->bytes(), file.get()});
  } catch (const Error& e) {
    throw of_file(e, "'" + path.string() + "'");
  }
}

Checkpoint read_checkpoint(std::span<const std::byte> bytes) {
  try {
    const auto copy = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
    return read({copy, *copy, nullptr});
  } catch (const Error& e) {
    throw of_file(e, "the checkpoint");
  }
}

}  // namespace limn
