#include "limn/datasets/files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "limn/error.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

void require(const fs::path& path, bool folder, std::string_view mend) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == (folder ? fs::file_type::directory : fs::file_type::regular)) return;
  const std::string_view what = folder ? "folder" : "file";
  if (status.type() != fs::file_type::not_found && error)
    throw Error(ErrorCode::io, fmt::format("the {} cannot be looked at: {}", what, error.message()), path.string(),
                std::string(mend));
  throw Error(ErrorCode::not_found, fmt::format("the {} is not there", what), path.string(), std::string(mend));
}

template <class Accept>
std::vector<fs::path> sorted_entries(const fs::path& folder, const Accept& accept) {
  std::vector<fs::path> found;
  try {
    for (const auto& entry : fs::directory_iterator(folder))
      if (accept(entry)) found.push_back(entry.path());
  } catch (const fs::filesystem_error& e) {
    throw Error(ErrorCode::io, "cannot read the folder: " + e.code().message(), folder.string());
  }
  std::ranges::sort(found, {}, [](const fs::path& p) { return p.native(); });
  return found;
}

}  // namespace

bool has_image_name(const fs::path& path) {
  static constexpr std::array<std::string_view, 7> kExtensions{".jpg", ".jpeg", ".png", ".webp",
                                                               ".bmp", ".tif",  ".tiff"};
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

void require_folder(const fs::path& path, std::string_view mend) { require(path, true, mend); }
void require_file(const fs::path& path, std::string_view mend) { require(path, false, mend); }

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

fs::path first_there(std::span<const fs::path> paths) {
  const auto found = std::ranges::find_if(paths, is_there);
  return found == paths.end() ? paths.back() : *found;
}

std::vector<fs::path> images_directly_in(const fs::path& folder) {
  return sorted_entries(folder, [](const fs::directory_entry& entry) {
    std::error_code ignored;
    return has_image_name(entry.path()) && !entry.is_directory(ignored);
  });
}

std::vector<fs::path> folders_directly_in(const fs::path& folder) {
  return sorted_entries(folder, [](const fs::directory_entry& entry) {
    std::error_code ignored;
    return entry.is_directory(ignored);
  });
}

}  // namespace limn
