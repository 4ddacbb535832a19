#include "inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <map>
#include <set>
#include <string_view>

#include "limn/error.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension;
}

bool is_image_name(const fs::path& path) {
  constexpr std::array<std::string_view, 7> kExtensions{".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"};
  return std::ranges::find(kExtensions, lower_extension(path)) != kExtensions.end();
}

std::vector<fs::path> images_in(const fs::path& folder) {
  std::vector<fs::path> found;
  try {
    for (const auto& entry : fs::directory_iterator(folder))
      if (is_image_name(entry.path()) && !entry.is_directory()) found.push_back(entry.path());
  } catch (const fs::filesystem_error& e) {
    throw Error(ErrorCode::io, "cannot read the folder: " + e.code().message(), folder.string());
  }
  std::ranges::sort(found);
  if (found.empty())
    throw Error(ErrorCode::bad_input, "the folder holds no images", folder.string(),
                "limn looks for .jpg, .jpeg, .png, .webp, .bmp, .tif and .tiff directly in the folder");
  return found;
}

/// The indices of the names that occur more than once.
std::vector<std::size_t> colliding(const std::vector<std::string>& names) {
  std::map<std::string_view, std::size_t> counts;
  for (const auto& name : names) ++counts[name];
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (counts[names[i]] > 1) indices.push_back(i);
  return indices;
}

void number(std::vector<std::string>& names) {
  std::set<std::string> taken;
  for (auto& name : names) {
    std::string candidate = name;
    for (int n = 2; !taken.insert(candidate).second; ++n) candidate = fmt::format("{}-{}", name, n);
    name = candidate;
  }
}

}  // namespace

std::vector<std::string> unique_stems(std::span<const fs::path> paths) {
  std::vector<std::string> names;
  for (const auto& path : paths) names.push_back(path.stem().string());

  const auto rename = [&](const std::function<std::string(const fs::path&)>& name_of) {
    for (const std::size_t i : colliding(names)) names[i] = name_of(fs::absolute(paths[i]).lexically_normal());
  };
  const auto folder_of = [](const fs::path& p) { return p.parent_path().filename().string(); };
  rename([&](const fs::path& p) { return folder_of(p) + "_" + p.stem().string(); });
  rename([&](const fs::path& p) { return folder_of(p) + "_" + p.filename().string(); });
  number(names);
  return names;
}

std::vector<Source> expand_inputs(std::span<const std::string> inputs) {
  std::vector<fs::path> paths;
  for (const fs::path input : inputs) {
    std::error_code ignored;
    if (!fs::is_directory(input, ignored)) {
      paths.push_back(input);
      continue;
    }
    const auto images = images_in(input);
    paths.insert(paths.end(), images.begin(), images.end());
  }
  const auto stems = unique_stems(paths);
  std::vector<Source> sources;
  for (std::size_t i = 0; i < paths.size(); ++i)
    sources.push_back({paths[i], lower_extension(paths[i]) == ".npy", stems[i]});
  return sources;
}

}  // namespace limn::cli
