#pragma once
// Looking for the files of a dataset, with errors that say what was expected where.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace limn {

/// Whether the name ends as those of pictures do (.jpg, .jpeg, .png, .webp, .bmp, .tif, .tiff, any case).
bool has_image_name(const std::filesystem::path&);

/// Throws Error{not_found} with `mend`, or Error{io} when the system refuses to look (a loop of links, for one).
void require_folder(const std::filesystem::path&, std::string_view mend);
void require_file(const std::filesystem::path&, std::string_view mend);

/// Whether there is such a file or folder; whatever cannot be looked at is not there.
bool is_there(const std::filesystem::path&);
/// The first of the folders that is there; the last when none is.
std::filesystem::path first_there(std::span<const std::filesystem::path>);

/// The pictures directly in a folder, and the folders directly in it, sorted by the bytes of their names. Throw
/// Error{io} when it cannot be read.
std::vector<std::filesystem::path> images_directly_in(const std::filesystem::path& folder);
std::vector<std::filesystem::path> folders_directly_in(const std::filesystem::path& folder);

}  // namespace limn
