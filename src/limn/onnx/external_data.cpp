#include "limn/onnx/external_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "limn/error.h"

namespace limn {
namespace {

std::string place(const TensorParts& tensor) { return fmt::format("tensor '{}'", tensor.name); }

/// The value of an entry of external_data; nothing when it is left out.
std::optional<std::string> entry(const TensorParts& tensor, std::string_view key) {
  const auto it = std::ranges::find(tensor.external, key, &std::pair<std::string, std::string>::first);
  return it == tensor.external.end() ? std::nullopt : std::optional(it->second);
}

std::optional<std::uint64_t> number(const TensorParts& tensor, std::string_view key) {
  const auto text = entry(tensor, key);
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (failure != std::errc() || end != text->data() + text->size())
    throw Error(ErrorCode::bad_input, fmt::format("the {} of external data, '{}', is not a number", key, *text),
                place(tensor));
  return value;
}

Error points_outside(const TensorParts& tensor, std::string location) {
  std::ranges::replace(location, '\0', '?');
  return Error(ErrorCode::bad_input, fmt::format("external data points outside its folder: '{}'", location),
               place(tensor), "keep the data file in the model's own folder and name it relative to it");
}

bool is_inside(const std::filesystem::path& file, const std::filesystem::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first == folder.end();
}

}  // namespace

std::filesystem::path ExternalData::resolve(const TensorParts& tensor, const std::string& location) const {
  const std::filesystem::path relative(location);
  const bool climbs = std::ranges::any_of(relative, [](const auto& part) { return part == ".."; });
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute() || climbs)
    throw points_outside(tensor, location);
  if (folder_.empty())
    throw Error(ErrorCode::bad_input,
                fmt::format("its data lies in the file '{}', but the model was read from memory", location),
                place(tensor), "name the folder of the data files");
  // Links are followed before the file is judged, so that none leads out of the folder.
  std::error_code failure;
  const auto folder = std::filesystem::canonical(folder_, failure);
  const auto file = failure ? folder : std::filesystem::weakly_canonical(folder / relative, failure);
  if (failure)
    throw Error(ErrorCode::io, fmt::format("the data file '{}' cannot be reached: {}", location, failure.message()),
                place(tensor));
  if (!is_inside(file, folder)) throw points_outside(tensor, location);
  return file;
}

std::shared_ptr<const MappedFile> ExternalData::open(const TensorParts& tensor, const std::string& location) {
  const auto path = resolve(tensor, location);
  auto& file = files_[path.string()];
  if (file) return file;
  try {
    file = std::make_shared<MappedFile>(path);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("the data file '{}' cannot be read: {}", location, e.message()),
                fmt::format("{}, in {}", place(tensor), path.string()),
                "put the data file that came with the model beside it");
  }
  return file;
}

OwnedBytes ExternalData::bytes_of(const TensorParts& tensor, std::size_t size) {
  const std::string location = entry(tensor, "location").value_or("");
  const auto file = open(tensor, location);
  const std::uint64_t offset = number(tensor, "offset").value_or(0);
  const std::uint64_t length = number(tensor, "length").value_or(size);
  if (length != size)
    throw Error(ErrorCode::bad_input,
                fmt::format("{} bytes of external data are named, but the sizes need {}", length, size),
                place(tensor));
  const std::size_t available = file->bytes().size();
  if (offset > available || length > available - offset)
    throw Error(ErrorCode::bad_input,
                fmt::format("the data file '{}' is too short: bytes {} to {} are needed, it has {}", location,
                            offset, offset + length, available),
                place(tensor), "fetch the data file again");
  return {file, file->bytes().subspan(static_cast<std::size_t>(offset), size), file.get()};
}

}  // namespace limn
